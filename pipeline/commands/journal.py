"""`casestream journal`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pipeline.commands.answers import answer, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.store.past import Period

From = Annotated[str, typer.Option("--from", metavar="TIME", help="From when, such as 2026-03-02 or 2026-03-02T09:00.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Until when; what happened at that time is left out.")]
Readings = Annotated[bool, typer.Option("--readings", help="Also what devices told and Kafka still holds.")]
Mailbox = Annotated[str | None, typer.Option("--mailbox", metavar="ADDRESS", help="Only what came to this mailbox.")]


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def journal(
        since: From,
        until: To,
        mailbox: Mailbox = None,
        readings: Readings = False,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,  # noqa: ARG001  # a journal is written in no other way
    ) -> None:
        """Write what arrived and what agents did as a journal, which `casestream replay` rehearses.

        What came before, on the cases of that time, is written too and marked so. Readings of devices that raised
        nothing are not kept; with --readings those are there that Kafka still holds, a week or more.

        Example: casestream journal --from 2026-03-02 --to 2026-03-09 > week.jsonl
        """
        from pipeline.store.past import Period

        settings = require_servers(load_config(config, data))
        zone = ZoneInfo(settings.desk.timezone)
        source = f"/email/{mailbox.lower()}" if mailbox else None
        period = Period(_moment(since, "--from", zone), _moment(until, "--to", zone), source)
        if period.until <= period.since:
            typer.echo("--to must be later than --from", err=True)
            raise typer.Exit(2)
        if left_out := answer(_write(settings, period, readings=readings)):
            typer.echo(f"casestream: {left_out} steps are left out: what they are about is not kept", err=True)


def _moment(text: str, option: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        typer.echo(f'{option} is "{text}"; write a day like 2026-03-02, or a time like 2026-03-02T09:00', err=True)
        raise typer.Exit(2) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


async def _write(config: Config, period: "Period", *, readings: bool) -> int:
    """Print a line for each step; how many cannot be told."""
    from pipeline.blobs import BlobStore
    from pipeline.kafka_records import records_between
    from pipeline.replay.past_lines import PastLines
    from pipeline.store.past import Past
    from pipeline.topics import inbound

    held, records = await records_between(config.kafka, inbound("iot"), period.since, period.until) if readings else (
        None, None
    )  # fmt: skip
    lines = PastLines(BlobStore(Path(config.blobs.url)).get, records, held)
    async with Past.open(config.postgres.dsn) as past:
        async for line in lines(past.steps(period)):
            print_json(line)
    return lines.left_out
