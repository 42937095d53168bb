"""`casestream import`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.answers import answer, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipeline.reference.importing import Imported
    from pipeline.reference.reading import Reading

OUTCOMES = ("created", "updated", "unchanged", "refused")

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSON lines, or CSV.", show_default=False)]
Partial = Annotated[bool, typer.Option("--partial", help="Let the good lines go in although others are refused.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would become of each line, and write nothing.")]


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a line."""

    file: str
    line: int | None
    kind: str | None
    external_id: str | None
    outcome: str
    reason: str


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command("import")
    def import_(
        files: Files,
        partial: Partial = False,
        dry_run: DryRun = False,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Import accounts, contacts, devices, agents, entitlements and the like; what is known by its id is updated.

        Each line of a file is a record. What it leaves out stays as it was; null takes a value away. Either all lines
        go in or none, unless --partial says otherwise; exits with 1 when a line is refused and nothing was written.

          {"kind":"account","external_id":"a1","name":"Acme","domains":["acme.example"]}
          {"kind":"contact","external_id":"c1","name":"Ana","emails":["ana@acme.example"],"account":"a1"}

        Example:
          casestream import customers.jsonl devices.csv --dry-run
        """
        from pipeline.app import build_importer
        from pipeline.reference.names import Names
        from pipeline.reference.reading import read_records

        settings = require_servers(load_config(config, data))
        began = monotonic()
        with _busy(json):
            reading = read_records(files, Names.of(settings))
            whole = partial or not reading.wrong
            importer = build_importer(settings)
            imported = answer(
                importer(reading.lines, at=datetime.now(UTC), partial=partial, dry_run=dry_run or not whole)
            )
        _report(list(_told(reading, imported)), written=imported.written, seconds=monotonic() - began, json=json)
        if any(wrong.number is None for wrong in reading.wrong):
            raise typer.Exit(2)
        if (reading.wrong or imported.refused) and not imported.written:
            raise typer.Exit(1)


def _busy(json: bool) -> "AbstractContextManager[object]":
    """A sign of life on a terminal."""
    from contextlib import nullcontext

    from rich.console import Console

    console = Console(stderr=True)
    return console.status("importing…") if console.is_terminal and not json else nullcontext()


def _told(reading: "Reading", imported: "Imported") -> Iterator[Told]:
    for wrong in reading.wrong:
        yield Told(wrong.file, wrong.number, wrong.kind, wrong.external_id, "refused", wrong.says)
    for decision in imported.decisions:
        record, line = decision.line.record, decision.line
        yield Told(line.file, line.number, record.kind, record.external_id, decision.outcome, decision.reason)


def _report(told: Sequence[Told], *, written: bool, seconds: float, json: bool) -> None:
    lines = sorted(told, key=lambda one: (one.file, one.line or 0))
    counts = Counter(one.outcome for one in lines)
    rate = round(len(lines) / seconds) if seconds else 0
    if json:
        for one in lines:
            print_json(one)
        total = {outcome: counts[outcome] for outcome in OUTCOMES}
        print_json({"total": total, "written": written, "seconds": round(seconds, 3), "per_s": rate})
        return
    for one in lines:
        if one.outcome == "refused" or one.reason:
            place = one.file if one.line is None else f"{one.file}:{one.line}"
            typer.echo(f"{place}: {one.outcome}{f', {one.reason}' if one.reason else ''}")
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]) or "nothing"
    typer.echo(f"{len(lines)} line{'' if len(lines) == 1 else 's'} in {seconds:.1f} s ({rate} per s): {summary}")
    if not written:
        typer.echo("nothing was written")
