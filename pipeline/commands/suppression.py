"""`casestream suppression`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="Mail addresses.")]
Maybe = Annotated[str | None, typer.Argument(metavar="ADDRESS", help="This one only.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; whoever lists it reads that.")]


def register(app: typer.Typer) -> None:  # noqa: C901  # a function for each verb
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Addresses that get no mail: put here by hand, since mail came back, or as they asked for.",
        epilog="Example: casestream suppression list --json",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="suppression")

    @verbs.command(name="list")
    def list_(address: Maybe = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List the addresses with since when and why; exits with 1 when the one asked for is not there.

        Example: casestream suppression list ana@client.example
        """
        from pipeline.store.letters import list_suppressed

        found = answer(list_suppressed(require_servers(load_config(config, data)).postgres.dsn, address))
        for one in found:
            if json:
                print_json({"address": one.address, "source": one.source, "reason": one.reason, "at": one.at})
            else:
                typer.echo(f"{one.address}  {one.source}  {one.at:%Y-%m-%d %H:%M}  {one.reason}")
        if address is not None and not found:
            refuse(f"{address} is not on the list")

    @verbs.command()
    def add(
        addresses: Addresses,
        reason: Reason = "by hand",
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Let addresses get no more mail, neither automatic mail nor answers.

        Example: casestream suppression add ana@client.example --reason "asked us to"
        """
        from pipeline.dispatch.mail.headers import NoAddressError, wire_address
        from pipeline.store.letters import suppress

        dsn = require_servers(load_config(config, data)).postgres.dsn
        for address in addresses:
            try:
                wire_address(address)
            except NoAddressError as error:
                refuse(str(error))
        for address in addresses:
            answer(suppress(dsn, address, reason, datetime.now(UTC)))
            _tell(address, "suppressed", json=json)

    @verbs.command()
    def remove(addresses: Addresses, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let addresses get mail again; exits with 1 when one was not on the list.

        Example: casestream suppression remove ana@client.example
        """
        from pipeline.store.letters import unsuppress

        dsn = require_servers(load_config(config, data)).postgres.dsn
        missing = [address for address in addresses if not answer(unsuppress(dsn, address))]
        for address in addresses:
            if address not in missing:
                _tell(address, "removed", json=json)
        if missing:
            refuse(f"not on the list: {', '.join(missing)}")


def _tell(address: str, state: str, *, json: bool) -> None:
    if json:
        print_json({"address": address.lower(), "state": state})
    else:
        typer.echo(f"{address.lower()}  {state}")
