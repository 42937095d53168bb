"""`casestream queue`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.queues.desk import Given, NotGiven
    from pipeline.store.inventory import ItemRow

Name = Annotated[str | None, typer.Argument(metavar="[QUEUE]", help="One queue; all of them without.")]
Agent = Annotated[str, typer.Option("--agent", help="The agent, by external id.")]
Only = Annotated[str | None, typer.Option("--queue", help="From this queue alone.")]
Which = Annotated[str, typer.Argument(metavar="ITEM", help="A case's number, or the id of anything else.")]
Who = Annotated[str, typer.Argument(metavar="AGENT", help="The agent, by external id.")]
Presence = Annotated[
    Literal["available", "busy", "away", "offline"],
    typer.Argument(metavar="PRESENCE", help="available, busy, away or offline."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    queue = typer.Typer(
        help="What waits in queues, and who takes it.",
        epilog="Example: casestream queue list Support",
        no_args_is_help=True,
    )
    app.add_typer(queue, name="queue")

    @queue.command(name="list")
    def list_items(name: Name = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List what waits and what lies with somebody, queue by queue in its order.

        Example: casestream queue list Support
        """
        items = answer(_items(require_servers(load_config(config, data))))
        for item in items:
            if name is None or item.queue == name:
                _print(item, json=json)

    @queue.command()
    def pick(
        agent: Agent, only: Only = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Give an agent the first thing that waits in their queues; exits with 1 when nothing does.

        Example: casestream queue pick --agent ana --queue Support
        """
        _tell(answer(_pick(require_servers(load_config(config, data)), agent, only)), json=json)

    @queue.command()
    def release(
        item: Which, agent: Agent, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Let what an agent has wait in its queue again; exits with 1 when it is not theirs.

        Example: casestream queue release 1001 --agent ana
        """
        _tell(answer(_release(require_servers(load_config(config, data)), item, agent)), json=json)

    @queue.command()
    def presence(
        agent: Who, presence: Presence, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Keep whether an agent is there; only who is available is given work.

        Example: casestream queue presence ana away
        """
        refused = answer(_present(require_servers(load_config(config, data)), agent, presence))
        if refused is not None:
            refuse(refused.reason)
        if json:
            print_json({"agent": agent, "presence": presence})


async def _items(settings: Config) -> "list[ItemRow]":
    from pipeline.store.inventory import Inventory

    async with Inventory.open(settings.postgres.dsn) as inventory:
        return await inventory.items()


async def _pick(settings: Config, agent: str, queue: str | None) -> "Given | NotGiven":
    from pipeline.agents.batch import Deed
    from pipeline.app import open_queue_desk

    async with open_queue_desk(settings) as desk:
        return await desk.pick(agent, Deed(datetime.now(UTC), actor_id=agent), queue)


async def _release(settings: Config, which: str, agent: str) -> "Given | NotGiven":
    from pipeline.agents.batch import Deed
    from pipeline.app import open_queue_desk

    found = [item for item in await _items(settings) if which in {str(item.case_number), str(item.ref)}]
    if not found:
        refuse(f"nothing of that number or id ({which}) is in any queue")
    ref = found[0].ref
    async with open_queue_desk(settings) as desk:
        return await desk.release(agent, ref, Deed(datetime.now(UTC), actor_id=agent))


async def _present(
    settings: Config, agent: str, presence: Literal["available", "busy", "away", "offline"]
) -> "NotGiven | None":
    from pipeline.agents.batch import Deed
    from pipeline.app import open_queue_desk

    async with open_queue_desk(settings) as desk:
        return await desk.present(agent, presence, Deed(datetime.now(UTC), actor_id=agent))


def _tell(result: "Given | NotGiven", *, json: bool) -> None:
    from pipeline.agents.queues.desk import NotGiven

    if isinstance(result, NotGiven):
        refuse(result.reason)
    item = result.item
    if json:
        print_json({"kind": item.kind, "id": item.ref, "case": result.case, "queue": item.queue})
    else:
        typer.echo(f"{item.kind} {result.case or item.ref} of {item.queue}")


def _print(item: "ItemRow", *, json: bool) -> None:
    known = {"kind": item.kind, "id": item.ref, "case": item.case_number, "queue": item.queue}
    if json:
        print_json({**known, "priority": item.priority, "since": item.since, "owner": item.owner})
        return
    name = f"{item.kind} {item.case_number or item.ref}"
    owner = item.owner or "waits"
    typer.echo(f"{item.queue:<16}  {item.priority:<7}  {item.since:%Y-%m-%d %H:%M}  {name:<46}  {owner}")
