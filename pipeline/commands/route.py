"""`casestream route`."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.answers import answer, refuse
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.queues.explain import Explained
    from pipeline.domain.routing import Tried
    from pipeline.wire import Envelope

Message = Annotated[
    str,
    typer.Argument(metavar="MESSAGE", help="A mail in a file, a line of a journal in one, or the id of a stored one."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    route = typer.Typer(
        help="Rules of routing.", epilog="Example: casestream route explain mail.eml", no_args_is_help=True
    )
    app.add_typer(route, name="route")

    @route.command()
    def explain(message: Message, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Explain how a message is routed: every rule, whether it holds, with the values that it sees.

        What is known of its customer is asked of the desk, when that is there. Nothing is changed.

        Example:
          casestream route explain complaint.eml --config casestream.toml
          casestream route explain '<4711@acme.example>' --data casestream-data
        """
        settings = load_config(config, data)
        explained = answer(_explain(message, settings))
        if json:
            for told in _objects(explained):
                print_json(told)
            return
        for line in _lines(explained):
            typer.echo(line)


async def _explain(name: str, settings: Config) -> "Explained":
    from pipeline.agents.batch import Incoming
    from pipeline.agents.queues.explain import explain_route
    from pipeline.agents.reading.record import Reader
    from pipeline.agents.rules import compile_rules
    from pipeline.blobs import BlobStore
    from pipeline.store.memory import Memory, MemoryStore
    from pipeline.store.postgres import PostgresStore
    from pipeline.wire import Record

    rules = compile_rules(settings)
    envelope = await _envelope(name, settings)
    record = Record("inbound", 0, 0, envelope.key.encode(), envelope.raw, tuple(envelope.headers()))
    read = Reader(rules, BlobStore(Path(settings.blobs.url))).read(record)
    if not isinstance(read, Incoming):
        refuse(f"{name} cannot be read: {read.dead.reason}")
    if settings.postgres.dsn == "embedded":
        typer.echo("no desk runs here: nothing is known of customers", err=True)
        async with MemoryStore(Memory()).transaction() as tx:
            return await explain_route(read, rules, tx)
    store = PostgresStore(settings.postgres.dsn)
    try:
        async with store.transaction() as tx:
            return await explain_route(read, rules, tx)
    finally:
        await store.close()


async def _envelope(name: str, settings: Config) -> "Envelope":
    from pipeline.store.one_message import find_message

    raw = await asyncio.to_thread(_read, Path(name))
    if raw is not None:
        return _of_file(Path(name), raw, settings)
    if settings.postgres.dsn == "embedded":
        refuse(f"there is no file {name}, and no desk runs here whose message it could be")
    found = await find_message(settings.postgres.dsn, name)
    if found is None:
        refuse(f"there is neither a file nor a message {name}")
    return found.envelope


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _of_file(path: Path, raw: bytes, settings: Config) -> "Envelope":
    from pipeline.replay.lines import Desk, mail_envelope, read_line
    from pipeline.replay.steps import Arrival

    desk = Desk.of(settings)
    if not raw.lstrip().startswith(b"{"):
        facts = {"authresults": "dmarc=none"}
        return mail_envelope(raw, name=path.name, at=datetime.now(UTC), mailbox=desk.first_mailbox, facts=facts)
    found = read_line(raw.strip().splitlines()[0], str(path), 1, desk)
    if not isinstance(found.step, Arrival):
        refuse("; ".join(mistake.says for mistake in found.mistakes) or f"{path} holds no message")
    return found.step.envelope


def _lines(explained: "Explained") -> Iterator[str]:
    case, routed = explained.case, explained.routed
    who = case.contact or case.account
    yield f"{case.title} — from {who.name if who else 'nobody known'}, came to {case.queue}"
    if explained.correlated:
        yield f"  {explained.correlated}"
    tried = [(one, _verdict(one)) for one in routed.tried] + [(one, "not reached") for one in explained.beyond]
    width = max((len(one.rule.name) for one, _ in tried), default=0)
    for number, (one, verdict) in enumerate(tried, start=1):
        yield f"{number:>3}  {one.rule.name:<{width}}  {verdict:<13}  {str(one).partition(': ')[2]}"
    if not tried:
        yield "  there are no rules"
    decided = ", ".join(f"{name} {value}" for name, value in {"queue": explained.queue, **routed.sets}.items())
    given = f", given by {routed.assigning.assign}".replace("_", " ") if routed.assigning else ""
    yield f"→ {decided}{given}"


def _verdict(one: "Tried") -> str:
    return "failed" if one.failure else "holds" if one.held else "does not hold"


def _objects(explained: "Explained") -> Iterator[dict[str, Any]]:
    """A line for each rule, and one for what they decide."""
    for reached, tried in ((True, explained.routed.tried), (False, explained.beyond)):
        for one in tried:
            yield {
                "rule": one.rule.name,
                "reached": reached,
                "holds": one.held,
                "saw": one.saw,
                "failure": one.failure,
                "sets": one.rule.sets,
                "assign": one.rule.assign,
            }
    assigning = explained.routed.assigning
    decided = {"queue": explained.queue, **explained.routed.sets, "assign": assigning.assign if assigning else None}
    yield {"decided": decided, "by": [one.rule.name for one in explained.routed.held]}
