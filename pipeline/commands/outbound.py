"""`casestream outbound`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

State = Annotated[
    Literal["queued", "sending", "sent", "failed", "bounced", "dropped", "all"],
    typer.Option("--state", help="Those in this state.", show_default=True),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.", show_default=True)]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID...]", help="The mails' ids; the beginning is enough.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option("--failed-since", metavar="TIME", help="All that failed of what was written since; the desk's zone."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Mail that leaves the desk, and how it fared.",
        epilog="Example: casestream outbound list --state failed",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="outbound")

    @verbs.command(name="list")
    def list_(
        state: State = "failed",
        limit: Limit = 100,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """List mails with what became of each, the newest first.

        Example: casestream outbound list --state all --json
        """
        from pipeline.store.outbound_box import STATES, OutboundBox

        settings = require_servers(load_config(config, data))
        states = STATES if state == "all" else [state]
        for mail in answer(OutboundBox(settings.postgres.dsn).list(states, limit)):
            if json:
                print_json(asdict(mail))
            else:
                case = f"case {mail.case}" if mail.case else "no case"
                told = f"{mail.id}  {mail.state:<7}  {mail.template}  {mail.recipient}  {case}  {mail.reason or ''}"
                typer.echo(told.rstrip())

    @verbs.command()
    def retry(
        mails: Ids = None,
        failed_since: Since = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Send mails anew that failed, came back or were dropped; exits with 1 when one of those named did not.

        Example: casestream outbound retry --failed-since 2026-03-02T08:00
        """
        settings = require_servers(load_config(config, data))
        since = _time(failed_since, settings.desk.timezone) if failed_since else None
        if not mails and since is None:
            raise typer.BadParameter("name mails, or a time with --failed-since")
        asked, again = answer(_retry(settings.postgres.dsn, mails or (), since))
        for one in asked:
            state = "queued" if one in again else "left alone"
            print_json({"mail": one, "state": state}) if json else typer.echo(f"{one}  {state}")
        if len(again) < len(asked):
            raise typer.Exit(1)


def _time(text: str, timezone: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f'--failed-since: "{text}" is no time; write it like 2026-03-02T08:00') from error
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))


async def _retry(dsn: str, prefixes: Sequence[str], since: datetime | None) -> tuple[list[UUID], set[UUID]]:
    """All that was asked for, and those that are sent anew."""
    from pipeline.store.outbound_box import OutboundBox

    box = OutboundBox(dsn)
    try:
        asked = [await box.find(prefix) for prefix in prefixes]
    except LookupError as error:
        refuse(str(error))
    asked += await box.failed_since(since) if since is not None else []
    return list(dict.fromkeys(asked)), set(await box.again(asked))
