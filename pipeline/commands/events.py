"""`casestream events`."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import events_torture
from pipeline.commands.answers import answer, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config

if TYPE_CHECKING:
    from pipeline.store.outbox import Published, PublishedEvents

From = Annotated[str, typer.Option("--from", metavar="start|end|POS", help="The first event to show, by its position.")]
Follow = Annotated[bool, typer.Option("--follow", help="Wait for new events until stopped.")]
Idle = Annotated[
    float | None, typer.Option("--idle", metavar="SECONDS", min=0, help="End after so long without a new event.")
]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this type, such as case.opened; repeatable.")
]
Cases = Annotated[
    list[str] | None, typer.Option("--case", metavar="CASE", help="Only this case, by its number or id; repeatable.")
]

_LINE = b'{"id":"%s"%s%s,"subject":%s,"time":%s,"sequence":"%012d","position":%d,"key":%s,"data":%s}\n'
"""A line by hand: the data is JSON already, and parsing a million of them would only take time."""
_BATCH = 2000
_POLL_S = 0.1
_PATIENCE_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    verbs = typer.Typer()
    app.add_typer(verbs, name="events")
    events_torture.register(verbs)

    @verbs.callback(invoke_without_command=True)
    def events(
        context: typer.Context,
        start: From = "start",
        *,
        follow: Follow = False,
        idle: Idle = None,
        types: Types = None,
        cases: Cases = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Print what happened, in the order of publication, from a position on; ends there unless told to wait.

        Example: casestream events --from start --type case.opened --follow --json

        All that happened on one case: casestream events --case 1042
        """
        if context.invoked_subcommand is not None:
            return
        from pipeline.app import event_source
        from pipeline.store.outbox import PublishedEvents

        if start not in {"start", "end"} and not start.isdecimal():
            raise typer.BadParameter("write --from start, --from end or --from and a position, such as 1200")
        settings = require_servers(load_config(config, data))
        published = PublishedEvents(settings.postgres.dsn)
        wanted = _Wanted(frozenset(map(_full, types or ())), frozenset(cases or ()))
        source = event_source(settings)
        try:
            answer(_print(_read(published, start, follow=follow, idle=idle), wanted, source if json else None))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's last flush complains
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events to print: of these types and of these cases, of all where none is named."""

    types: frozenset[str]
    cases: frozenset[str]

    def __call__(self, event: "Published") -> bool:
        of_case = not self.cases or event.subject in self.cases or event.key in self.cases
        return of_case and (not self.types or event.type in self.types)


async def _print(batches: "AsyncGenerator[Sequence[Published], None]", wanted: _Wanted, source: str | None) -> None:
    async with aclosing(batches):
        async for batch in batches:
            _write([event for event in batch if wanted(event)], source)


def _write(events: "Sequence[Published]", source: str | None) -> None:
    from orjson import dumps

    before = b',"source":' + dumps(source) + b',"type":'
    out = sys.stdout.buffer
    for event in events:
        if source is None:
            at = f"{event.at:%Y-%m-%d %H:%M:%S}"
            out.write(f"{event.pos:>8}  {at}  {_short(event.type):<22} {event.key}\n".encode())
            continue
        named = str(event.id).encode(), before, dumps(event.type), dumps(event.subject), dumps(event.at)
        placed = event.seq, event.pos, dumps(event.key), event.data.replace("\n", " ").encode()
        out.write(_LINE % (*named, *placed))
    out.flush()


def _full(kind: str) -> str:
    """The type on the wire of one that may be called by its name."""
    from pipeline.events.schemas import EVENT_TYPES, full_type

    name = kind.removeprefix("dev.casestream.").removesuffix(".v1")
    if name not in EVENT_TYPES:
        near = get_close_matches(name, EVENT_TYPES, 1)
        raise typer.BadParameter(f"there is no type {kind}" + (f"; did you mean {near[0]}?" if near else ""))
    return full_type(name)


def _short(kind: str) -> str:
    return kind.removeprefix("dev.casestream.").removesuffix(".v1")


async def _read(
    published: "PublishedEvents", start: str, *, follow: bool, idle: float | None
) -> "AsyncGenerator[Sequence[Published], None]":
    """Batches until what ends it; while it waits for new events, a PostgreSQL that is away is waited for, too."""
    from pipeline.errors import Retry

    loop = asyncio.get_running_loop()
    after = await published.last() if start == "end" else int(start) - 1 if start.isdecimal() else 0
    last_new = last_seen = loop.time()
    poll_s = _POLL_S if follow or idle is not None else 0
    while True:
        try:
            async with aclosing(published.follow(after, poll_s=poll_s, limit=_BATCH)) as batches:
                async for batch in batches:
                    last_seen = loop.time()
                    if batch:
                        after, last_new = batch[-1].pos, last_seen
                        yield batch
                    elif not follow and last_seen - last_new >= (idle or 0):
                        return
        except Retry:
            if not follow and (idle is None or loop.time() - last_seen > _PATIENCE_S):
                raise
            await asyncio.sleep(0.5)
            last_new = loop.time()  # nobody could have seen a new one
