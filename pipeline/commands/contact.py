"""`casestream contact`: merges contacts, takes them apart again, suggests which may be one person."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.people.likeness import Suggestion
    from pipeline.domain.contacts import ContactOrder
    from pipeline.domain.orders import Done, Refused

_NAMED = "By external id, id, address or number."

Contact = Annotated[str, typer.Argument(metavar="CONTACT", help=_NAMED)]
Into = Annotated[str, typer.Argument(metavar="INTO", help="The contact that remains.")]
Which = Annotated[str | None, typer.Argument(metavar="[CONTACT]", help=f"{_NAMED} Default: all contacts.")]
At = Annotated[float, typer.Option("--least", min=0, max=1, help="How much alike they must be at least.")]
Most = Annotated[int, typer.Option("--most", min=1, help="How many pairs at most.")]
By = Annotated[str | None, typer.Option("--by", help="The agent who does it, by external id.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    contact = typer.Typer(
        help="Merge contacts, and take them apart again.",
        epilog="Example: casestream contact merge ana@old.example c17",
        no_args_is_help=True,
    )
    app.add_typer(contact, name="contact")

    @contact.command()
    def merge(
        contact: Contact,
        into: Into,
        by: By = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Let a contact be another one: its cases and all it is known by move there; exits with 1 when refused.

        Example: casestream contact merge ana@old.example c17
        """
        from pipeline.domain.contacts import MergeContacts

        _do(require_servers(load_config(config, data)), MergeContacts(contact, into), by, json=json)

    @contact.command()
    def unmerge(
        contact: Contact, by: By = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Take a contact out again of the one it was merged into; what arrived since stays where it is.

        Example: casestream contact unmerge c16
        """
        from pipeline.domain.contacts import UnmergeContact

        _do(require_servers(load_config(config, data)), UnmergeContact(contact), by, json=json)

    @contact.command()
    def suggest(
        contact: Which = None,
        least: At = 0.75,
        most: Most = 50,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Suggest contacts that may be one person, by likeness of name, address and number; nothing is changed.

        Example: casestream contact suggest --least 0.9
        """
        found = answer(_suggest(require_servers(load_config(config, data)), contact, least, most))
        for suggestion in found:
            if json:
                print_json(suggestion)
            else:
                one, other = suggestion.one, suggestion.other
                typer.echo(f"{suggestion.likeness:.2f}  {one}  {other}  {suggestion.why}")
        if not found and not json:
            typer.echo("no two contacts are that much alike")


def _do(config: Config, order: "ContactOrder", by: str | None, *, json: bool) -> None:
    from pipeline.domain.orders import Refused

    done = answer(_done(config, order, by))
    if isinstance(done, Refused):
        refuse(done.reason)
    if json:
        print_json({"changed": done.changed})
    else:
        typer.echo("done" if done.changed else "it is so already")


async def _done(config: Config, order: "ContactOrder", by: str | None) -> "Done | Refused":
    from pipeline.agents.batch import Deed
    from pipeline.agents.rules import compile_rules
    from pipeline.app import build_contacts
    from pipeline.store.postgres import PostgresStore

    store = PostgresStore(config.postgres.dsn)
    try:
        return await build_contacts(compile_rules(config), store).do(order, Deed(datetime.now(UTC), actor_id=by))
    finally:
        await store.close()


async def _suggest(config: Config, contact: str | None, least: float, most: int) -> "list[Suggestion]":
    from pipeline.app import build_suggestions

    try:
        return await build_suggestions(config)(contact, least=least, most=most)
    except LookupError as error:
        refuse(str(error))
