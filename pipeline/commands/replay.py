"""`casestream replay`."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Json, load_config, print_bytes, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.domain.importing import Line
    from pipeline.reference.reading import Wrong
    from pipeline.replay.report import Report
    from pipeline.replay.steps import Arrival, Deed, Mistake

TERMINATED = 128 + signal.SIGTERM

Journals = Annotated[
    list[Path], typer.Argument(metavar="JOURNAL…", help="Folders of .eml, mboxes, JSON lines.", show_default=False)
]
Reference = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="What is known before, as `import` takes it.")
]

Diff = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        "--diff", metavar="OLD NEW", help="Two configurations: tell what becomes different under the new one."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def replay(
        journal: Journals, config: ConfigFile = None, data: Reference = None, diff: Diff = None, json: Json = False
    ) -> None:
        """Rehearse past messages: what would become of each, touching nothing outside.

        Runs the very code of intake on a throwaway PostgreSQL with a virtual clock. A journal in JSON lines has
        messages and what agents did:

          {"at":"2026-03-02T11:00:00Z","id":"m1","channel":"email","file":"a.eml"}
          {"at":"2026-03-03T09:00:00Z","do":"resolve","case_of":"m1"}

        With --diff it tells what a change of the configuration would change, and exits with 1 when anything does.

        Examples:
          casestream replay week.jsonl --config casestream.toml --json
          casestream replay week.jsonl --diff casestream.toml new.toml
        """
        from pipeline.process import log_plainly

        log_plainly()
        if diff is not None:
            _tell_differences(journal, diff, data, json=json)
            return
        settings = load_config(config, DEFAULT_DATA)
        _, report = _rehearsed(journal, settings, data)
        if json:
            _print(report)
        else:
            _summarise(report)


def _rehearsed(
    journal: Sequence[Path], settings: Config, data: Path | None
) -> "tuple[Sequence[Arrival | Deed], Report]":
    """The steps of a journal, and what became of them; exits with 2 and one line for each mistake."""
    from pipeline.reference.importing import read_known
    from pipeline.reference.names import Names
    from pipeline.replay.journal import read_journal

    found = read_journal(journal, settings)
    reference, wrong = read_known([data] if data else [], Names.of(settings))
    _refuse([*_missing_secret(settings), *wrong, *found.mistakes])
    return found.steps, _run(found.steps, settings, reference)


def _tell_differences(journal: Sequence[Path], configs: tuple[Path, Path], data: Path | None, *, json: bool) -> None:
    """What differs between two configurations; exits with 1 when anything does."""
    from dataclasses import asdict

    from pipeline.replay.difference import differences

    (steps, before), (_, after) = (_rehearsed(journal, load_config(one, DEFAULT_DATA), data) for one in configs)
    found = differences(before, after, but=frozenset(step.id for step in steps if step.before and step.id))
    for difference in found:
        if json:
            print_json(asdict(difference))
        else:
            typer.echo(str(difference))
    if not found and not json:
        typer.echo("no difference")
    if found:
        raise typer.Exit(1)


def _missing_secret(config: Config) -> list[str]:
    try:
        config.desk.keys()
    except LookupError as error:
        return [f"[desk] secret: {error}"]
    return []


def _refuse(mistakes: "Sequence[Mistake | Wrong | str]") -> None:
    for mistake in mistakes:
        typer.echo(str(mistake), err=True)
    if mistakes:
        raise typer.Exit(2)


def _run(steps: "Sequence[Arrival | Deed]", config: Config, reference: "Sequence[Line]") -> "Report":
    import uvloop

    from pipeline.errors import CasestreamError
    from pipeline.replay.rehearsal import rehearse
    from pipeline.replay.throwaway import throwaway_postgres

    async def run() -> "Report":
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with throwaway_postgres() as server:
            return await rehearse(steps, config, reference, server.dsn())

    try:
        return uvloop.run(run())
    except asyncio.CancelledError as error:
        raise typer.Exit(TERMINATED) from error
    except CasestreamError as error:
        typer.echo(f"casestream: {error}", err=True)
        raise typer.Exit(1) from error


def _print(report: "Report") -> None:
    import orjson

    print_bytes(orjson.dumps(report, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


def _summarise(report: "Report") -> None:
    outcomes = Counter(message["outcome"] for message in report["messages"])
    counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    typer.echo(f"{len(report['messages'])} messages" + (f": {counted}" if counted else ""))
    for case in report["cases"]:
        few = len(case["messages"])
        says = f"{case['number']}  {case['state']:<9}  {few:>3} message{' ' if few == 1 else 's'}  {case['title'][:70]}"
        typer.echo(f"  {says}")
    for message in report["messages"]:
        if message["case"] is None:
            typer.echo(f"  {message['id']}: {message['outcome']}, {message['reason']}")
