"""`casestream case`."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.store.case_file import CaseFile

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The case's number.")]
Why = Annotated[bool, typer.Option("--why", help="Tell why it is so: what matched, which rule, with the values seen.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    case = typer.Typer(
        help="Cases, one by one.", epilog="Example: casestream case show 1001 --why", no_args_is_help=True
    )
    app.add_typer(case, name="case")

    @case.command()
    def show(
        number: Number, why: Why = False, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Show a case: its fields, its activities, and with --why how each decision about it came about.

        Example: casestream case show 1001 --why
        """
        settings = require_servers(load_config(config, data))
        found = answer(_read(settings.postgres.dsn, number))
        if json:
            reasons = {"why": [asdict(reason) for reason in found.reasons]} if why else {}
            print_json({**found.known, "activities": [asdict(one) for one in found.activities], **reasons})
            return
        for line in _lines(found, ZoneInfo(settings.desk.timezone), why=why):
            typer.echo(line)


async def _read(dsn: str, number: int) -> "CaseFile":
    from pipeline.store.case_file import read_case_file

    try:
        return await read_case_file(dsn, number)
    except LookupError as error:
        refuse(str(error))


def _lines(found: "CaseFile", zone: ZoneInfo, *, why: bool) -> Iterator[str]:
    known = {name: value for name, value in found.known.items() if value not in (None, [], {}, False)}
    yield f"{known.pop('number')}  {known.pop('title')}"
    for name, value in known.items():
        yield f"  {name.replace('_', ' '):<12}  {_shown(value, zone)}"
    if found.activities:
        yield "activities"
    for one in found.activities:
        who = " → ".join(who for who in (one.sender or one.agent, one.recipient) if who)
        state = f"{one.delivery or one.state}{f' ({one.delivery_reason})' if one.delivery_reason else ''}"
        yield f"  {_shown(one.at, zone)}  {one.kind} {one.direction} {state}  {one.subject}  {who}".rstrip()
    if why:
        yield "why"
        for reason in found.reasons:
            yield f"  {_shown(reason.at, zone)}  {reason.part:<12}  {reason.says}"


def _shown(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    return str(value)
