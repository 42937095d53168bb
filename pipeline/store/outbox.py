"""The outbox and the numbered events, as the relay and readers of events use them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from pipeline.errors import Stop
from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("outbox.sql")

_REST = 4
"""A look rests so many times as long as it took: while Kafka is away the outbox grows, and each look takes longer."""
_OPTIONS = "-c jit=off -c enable_seqscan=off"
"""No statement reads a table as a whole, however empty the planner thinks it is."""


class Outgoing(NamedTuple):
    """An event as it is published; `pos` is None for what is no case event."""

    ord: int
    id: str
    key: str
    seq: int
    type: str
    subject: str | None
    data: str
    at: datetime
    pos: int | None


class Outbox:
    """The relay's connection: holds the lock of the one active relay, reads and deletes; never pooled."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator["Outbox"]:
        """Connect; the lock goes with the connection. Raises Retry when PostgreSQL is away."""
        async with retryable():
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, connect_timeout=5, options=_OPTIONS
            )
        async with connection:
            yield cls(connection)

    async def become_active(self) -> bool:
        """Whether this is the one active relay now. Then new events wake `wait`."""
        row = await (await self._connection.execute(_SQL["lock"])).fetchone()
        if row is None or not row[0]:
            return False
        await self._connection.execute("LISTEN outbox")
        return True

    async def wait(self, seconds: float) -> None:
        """Return when intake has committed events, or after so many seconds."""
        async for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def next(
        self, confirmed: Sequence[int], held: Sequence[int], limit: int, unnumbered: str
    ) -> Sequence[Outgoing]:
        """Forget what was confirmed and return the next events but those that are `held`, numbered, all in one.

        Events of the type `unnumbered` get no number. Raises Stop when an outbox row has lost its event.
        """
        values = {"held": list(held), "limit": limit, "unnumbered": unnumbered}
        async with self._connection.transaction(), self._connection.pipeline():
            if confirmed:
                await self._connection.execute(_SQL["confirmed"], {"ords": list(confirmed)})
            cursor = await self._connection.execute(_SQL["next"], values)
        events = [Outgoing._make(row) for row in await cursor.fetchall()]
        if not events and not held and await self._orphans():
            raise Stop("the outbox names events that are not there; a person must look")
        return events

    async def _orphans(self) -> bool:
        row = await (await self._connection.execute(_SQL["orphans"])).fetchone()
        return bool(row and row[0])


@dataclass(frozen=True, slots=True)
class Published:
    """An event that Kafka has confirmed, by its number."""

    pos: int
    id: UUID
    key: str
    seq: int
    type: str
    subject: str | None
    data: str
    at: datetime


class PublishedEvents:
    """Reads published events by their dense number."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with (
            retryable(),
            await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5) as connection,
        ):
            yield connection

    async def last(self) -> int:
        """The number given last."""
        async with self._connection() as connection:
            row = await (await connection.execute(_SQL["last_position"])).fetchone()
            return int(row[0]) if row else 0

    async def follow(self, after: int, *, poll_s: float, limit: int = 1000) -> AsyncGenerator[list[Published], None]:
        """Batches of events past the number `after`, for ever; an empty list after `poll_s` without a new one."""
        loop = asyncio.get_running_loop()
        async with self._connection() as connection:
            while True:
                values = {"after": after, "limit": limit}
                began = loop.time()
                rows = await (await connection.execute(_SQL["published"], values)).fetchall()
                took_s = loop.time() - began
                if rows:
                    after = rows[-1][0]
                if found := [Published(*row) for row in rows if row[1] is not None]:
                    yield found
                elif not rows:
                    yield []
                    await asyncio.sleep(max(poll_s, _REST * took_s) if poll_s else 0)
