"""`casestream billing`."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pipeline.commands.answers import answer, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

Until = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Cases resolved before then, such as 2026-04-01; default: now."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be billed.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    billing = typer.Typer(
        help="What resolved cases cost.",
        epilog="Example: casestream billing export --to 2026-04-01 --json > march.jsonl",
        no_args_is_help=True,
    )
    app.add_typer(billing, name="billing")

    @billing.command()
    def export(
        until: Until = None,
        dry_run: DryRun = False,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Bill the time of resolved cases: every line once, a correction as a line of its own.

        Example: casestream billing export --to 2026-04-01 --json > march.jsonl
        """
        from pipeline.domain.billing import told_time
        from pipeline.store.billing import bill

        settings = require_servers(load_config(config, data))
        now = datetime.now(UTC)
        moment = _moment(until, ZoneInfo(settings.desk.timezone)) if until else now
        rounding = settings.billing.rounding()
        total = 0
        for line in answer(bill(settings.postgres.dsn, until=moment, at=None if dry_run else now)):
            seconds = line.counted(rounding)
            total += seconds
            if json:
                print_json({"case": line.number, "title": line.title, "account": line.account, "contact": line.contact,
                            "entitlement": line.entitlement, "activity": line.id, "kind": line.kind, "at": line.at,
                            "agent": line.agent, "subject": line.subject, "seconds": seconds})  # fmt: skip
            else:
                who = line.account or line.contact or "nobody"
                typer.echo(f"{line.number}  {who:<16}  {told_time(seconds):>10}  {line.kind:<8}  {line.subject}")
        if not json:
            typer.echo(f"{told_time(total)} in all{', nothing is marked' if dry_run else ''}")


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        typer.echo(f'--to is "{text}"; write a day like 2026-04-01, or a time like 2026-04-01T09:00', err=True)
        raise typer.Exit(2) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
