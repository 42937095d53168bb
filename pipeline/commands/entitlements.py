"""`casestream entitlements`."""

from collections.abc import Awaitable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config

if TYPE_CHECKING:
    from pipeline.store.entitlement_book import EntitlementBook
    from pipeline.store.entitlement_records import Held

T = TypeVar("T")

Customer = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="CUSTOMER", help="An account, contact or device by external id; an address or number."
    ),
]
Name = Annotated[str, typer.Argument(metavar="ID", help="The entitlement's external id.")]
NewId = Annotated[str | None, typer.Option("--id", help="The new one's external id; default: the old with a number.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    entitlements = typer.Typer()
    app.add_typer(entitlements, name="entitlements")

    @entitlements.callback(invoke_without_command=True)
    def show(
        context: typer.Context,
        customer: Customer = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """What support customers have bought, what is left of it, and why.

        For one customer, every line of the ledger is told.

        Example: casestream entitlements --for acme
        """
        if context.invoked_subcommand is not None:
            return
        settings = require_servers(load_config(config, data))
        book, zone = _book(settings.postgres.dsn), ZoneInfo(settings.desk.timezone)
        held = answer(_refused(book.of(customer) if customer else book.all()))
        for one in held:
            _print(one, zone, json=json)
        if not held and not json:
            typer.echo("no entitlement" if customer is None else f"{customer} has no entitlement")

    @entitlements.command()
    def renew(
        entitlement: Name,
        new: NewId = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Make a draft with the same terms for the period that follows; activate it when it is agreed.

        Example: casestream entitlements renew acme-2026 --id acme-2027
        """
        settings = require_servers(load_config(config, data))
        zone = ZoneInfo(settings.desk.timezone)
        held = answer(_refused(_book(settings.postgres.dsn).renew(entitlement, zone, called=new)))
        _print(held, zone, json=json)

    @entitlements.command()
    def activate(entitlement: Name, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let a draft run, from its beginning to its end.

        Example: casestream entitlements activate acme-2027
        """
        settings = require_servers(load_config(config, data))
        held = answer(_refused(_book(settings.postgres.dsn).activate(entitlement)))
        _print(held, ZoneInfo(settings.desk.timezone), json=json)

    @entitlements.command()
    def cancel(entitlement: Name, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let no case get an entitlement any more; those that have it keep it.

        Example: casestream entitlements cancel acme-2026
        """
        settings = require_servers(load_config(config, data))
        held = answer(_refused(_book(settings.postgres.dsn).cancel(entitlement)))
        _print(held, ZoneInfo(settings.desk.timezone), json=json)

    _register_make(entitlements)


def _register_make(entitlements: typer.Typer) -> None:
    @entitlements.command()
    def make(  # noqa: PLR0917  # one option for each thing that a template leaves open
        template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template's external id.")],
        name: Annotated[str, typer.Option("--id", help="The new entitlement's external id.")],
        account: Annotated[str | None, typer.Option("--account", help="Whose it is: an account's external id.")] = None,
        contact: Annotated[
            list[str] | None,
            typer.Option("--contact", help="Whom of the account it covers."),
        ] = None,
        device: Annotated[str | None, typer.Option("--device", help="The device that it is on.")] = None,
        begin: Annotated[
            str | None, typer.Option("--from", metavar="DAY", help="Its first day; default: always.")
        ] = None,
        end: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Its last day.")] = None,
        default: Annotated[bool, typer.Option("--default", help="Whether it is the customer's default.")] = False,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Make an entitlement by a template.

        Example: casestream entitlements make gold-15 --id acme-2026 --account acme --from 2026-01-01 --to 2026-12-31
        """
        from pipeline.domain.entitlement import Terms
        from pipeline.store.entitlement_records import Agreed

        settings = require_servers(load_config(config, data))
        zone = ZoneInfo(settings.desk.timezone)
        if not (account or contact or device):
            refuse("nobody would have it; name --account, --contact or --device")
        agreed = Agreed(
            external_id=name, terms=Terms(), account=account, contacts=tuple(contact or ()), device=device,
            starts=_midnight(begin, zone), ends=_midnight(end, zone, after=1), default=default,
        )  # fmt: skip
        if agreed.starts and agreed.ends and agreed.ends <= agreed.starts:
            refuse(f"it would end ({end}) before it begins ({begin}); put the later day into --to")
        _print(answer(_refused(_book(settings.postgres.dsn).make(template, agreed))), zone, json=json)


def _book(dsn: str) -> "EntitlementBook":
    from pipeline.store.entitlement_book import EntitlementBook

    return EntitlementBook(dsn)


async def _refused(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (LookupError, ValueError) as error:
        refuse(str(error.args[0]))


def _midnight(day: str | None, zone: ZoneInfo, *, after: int = 0) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=after), time(), zone) if day else None
    except ValueError:
        refuse(f'"{day}" is no day; write it like 2026-12-31')


def _print(held: "Held", zone: ZoneInfo, *, json: bool) -> None:
    from pipeline.commands.entitlement_lines import print_held

    print_held(held, zone, json=json)
