"""`casestream ledger`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.store.ledger import PartitionRow, Total
    from pipeline.wire import Bounds, Partition

_COUNTED = ("received", "opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead")


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def ledger(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show what became of every message received, and how many still wait on Kafka.

        Exits with 1 when a sum fails: a message without an outcome, or an offset that was neither settled nor noted.

        Example: casestream ledger --data casestream-data --json
        """
        totals, rows, bounds = answer(_ask(require_servers(load_config(config, data))))
        wrong = list(_wrong_sums(totals, rows, bounds))
        pending = _pending(rows, bounds)
        if json:
            for total in totals:
                print_json({**asdict(total), "balanced": total.balanced})
            print_json({"total": _sums(totals), "pending": pending, "balanced": not wrong})
        else:
            _print_table(totals, pending, balanced=not wrong)
        for sentence in wrong:
            typer.echo(f"casestream: {sentence}", err=True)
        if wrong:
            raise typer.Exit(1)


async def _ask(config: Config) -> "tuple[list[Total], list[PartitionRow], Mapping[Partition, Bounds]]":
    """The sums, the ledger's rows, then the log's bounds: what is not pending then was settled."""
    from pipeline.log import partition_bounds
    from pipeline.store.ledger import PostgresLedger
    from pipeline.topics import CHANNELS, inbound

    store = PostgresLedger(config.postgres.dsn)
    totals, rows = await store.totals(), await store.partitions()
    bounds = await partition_bounds(config.kafka, map(inbound, CHANNELS))
    if not bounds:
        refuse("Kafka has none of the inbound topics; run `casestream topics apply`")
    return totals, rows, bounds


def _pending(rows: "Sequence[PartitionRow]", bounds: "Mapping[Partition, Bounds]") -> int:
    following = {(row.topic, row.partition): row.next for row in rows}
    return sum(max(0, bound.end - following.get(where, bound.start)) for where, bound in bounds.items())


def _wrong_sums(
    totals: "Sequence[Total]", rows: "Sequence[PartitionRow]", bounds: "Mapping[Partition, Bounds]"
) -> Iterator[str]:
    for total in totals:
        if not total.balanced:
            yield f"{total.source} at {total.hour.isoformat()}: {total.received} received, but not as many outcomes"
    ends = {tuple(where): bound.end for where, bound in bounds.items()}
    for row in rows:
        where = f"{row.topic}/{row.partition}"
        if not row.balanced:
            yield f"{where}: {row.next - row.first} offsets taken, but {row.settled} settled and {row.gaps} missing"
        if row.next > ends.get((row.topic, row.partition), row.next):
            yield f"{where}: the log is shorter than the ledger; run `casestream resync`"


def _sums(totals: "Sequence[Total]") -> dict[str, int]:
    return {name: sum(getattr(total, name) for total in totals) for name in _COUNTED}


def _print_table(totals: "Sequence[Total]", pending: int, *, balanced: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("source", "hour", *_COUNTED, show_footer=True)
    for column, amount in zip(table.columns[2:], _sums(totals).values(), strict=True):
        column.footer, column.justify = str(amount), "right"
    for total in totals:
        hour = f"{total.hour:%Y-%m-%d %H:%M%z}"
        table.add_row(total.source, hour, *(str(getattr(total, name)) for name in _COUNTED))
    Console().print(table)
    typer.echo(f"{pending} pending, {'balanced' if balanced else 'NOT BALANCED'}")
