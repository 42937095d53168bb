"""`casestream maintenance`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.store.maintenance import SetWindow

Names = list[str] | None
Name = Annotated[str, typer.Argument(metavar="NAME", help="What is done then.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins; the desk's zone unless it says.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="When it is over.")]
Devices = Annotated[Names, typer.Option("--device", metavar="DEVICE", help="A device; may be given again.")]
Products = Annotated[Names, typer.Option("--product", metavar="PRODUCT", help="All devices of a product.")]
Gateways = Annotated[Names, typer.Option("--gateway", metavar="GATEWAY", help="All devices behind a gateway.")]
Accounts = Annotated[Names, typer.Option("--account", metavar="ACCOUNT", help="All devices of an account.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The window's id; the beginning is enough.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Times in which devices raise no alarm.",
        epilog="Example: casestream maintenance list --json",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="maintenance")

    @verbs.command()
    def add(  # noqa: PLR0917  # as many as it has options
        name: Name,
        begins: From,
        ends: To,
        devices: Devices = None,
        products: Products = None,
        gateways: Gateways = None,
        accounts: Accounts = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Set a time in which devices raise nothing; without any named, it is about all of them.

        Example: casestream maintenance add Service --from 2026-03-02T08:00 --to 2026-03-02T12:00 --device pump-7
        """
        from zoneinfo import ZoneInfo

        from uuid_utils.compat import uuid7

        from pipeline.domain.maintenance import Window
        from pipeline.store.maintenance import MaintenanceWindows, SetWindow

        settings = require_servers(load_config(config, data))
        zone = ZoneInfo(settings.desk.timezone)
        window = Window(
            name=name,
            begins=_moment(begins, zone),
            ends=_moment(ends, zone),
            devices=frozenset(devices or ()),
            products=frozenset(products or ()),
            gateways=frozenset(gateways or ()),
            accounts=frozenset(accounts or ()),
        )
        if window.ends <= window.begins:
            refuse("--to must be later than --from")
        one = SetWindow(uuid7(), window)
        answer(MaintenanceWindows(settings.postgres.dsn).add(one))
        _print(one, json=json)

    @verbs.command(name="list")
    def list_windows(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List the times that are not over, those of the configuration apart.

        Example: casestream maintenance list --json
        """
        from pipeline.store.maintenance import MaintenanceWindows

        settings = require_servers(load_config(config, data))
        for one in answer(MaintenanceWindows(settings.postgres.dsn).list(datetime.now(UTC))):
            _print(one, json=json)

    @verbs.command()
    def end(window: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None) -> None:
        """End a maintenance now; one that has not begun never will. Exits with 1 when there is none of that id.

        Example: casestream maintenance end 019a3c
        """
        from pipeline.store.maintenance import MaintenanceWindows

        settings = require_servers(load_config(config, data))
        windows = MaintenanceWindows(settings.postgres.dsn)
        found = [one for one in answer(windows.list(datetime.now(UTC))) if str(one.id).startswith(window)]
        if len(found) != 1:
            refuse(f"there {'is no' if not found else 'are several'} maintenance whose id begins with {window}")
        answer(windows.end(str(found[0].id), datetime.now(UTC)))
        typer.echo(f"{found[0].id}  ended")


def _moment(text: str, zone: Any) -> datetime:  # noqa: ANN401  # a zone, which this file need not load for --help
    from pipeline.domain.maintenance import FIRST_YEAR, LAST_YEAR

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        refuse(f'"{text}" is no time; write one like 2026-03-02T08:00 or 2026-03-02T08:00+01:00')
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        refuse(f'"{text}" is in the year {moment.year}; write one from {FIRST_YEAR} to {LAST_YEAR}')
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _print(one: "SetWindow", *, json: bool) -> None:
    window = one.window
    about = {
        "devices": sorted(window.devices),
        "products": sorted(window.products),
        "gateways": sorted(window.gateways),
        "accounts": sorted(window.accounts),
    }
    if json:
        print_json({"id": one.id, "name": window.name, "from": window.begins, "to": window.ends, **about})
        return
    named = ", ".join(name for names in about.values() for name in names) or "all devices"
    typer.echo(f"{one.id}  {window.begins.isoformat()}  {window.ends.isoformat()}  {window.name}: {named}")
