"""Reads published events as those who listen to them want them."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg

from pipeline.store.connection import retryable
from pipeline.store.outbox import Published, PublishedEvents
from pipeline.store.queries import load_queries

_SQL = load_queries("feed.sql")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events someone wants: of these full types, of the case with this id or this number; else all."""

    types: frozenset[str] | None = None
    key: str | None = None
    subject: str | None = None

    def admits(self, type: str, key: str, subject: str | None) -> bool:  # noqa: A002  # its name on the wire
        """Whether an event is one of them."""
        return (
            (self.types is None or type in self.types)
            and (self.key is None or key == self.key)
            and (self.subject is None or subject == self.subject)
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """The first number whose event is still kept, and the last that Kafka has confirmed with all before it."""

    oldest: int
    head: int


@dataclass(frozen=True, slots=True)
class Page:
    """Events, and the number up to which they are all that were wanted."""

    events: Sequence[Published]
    upto: int


_RANGE = 10_000
"""So many numbers are looked through at once, whatever of them is wanted."""


class FeedReader:
    """Reads with connections that it keeps for the next time. Every call raises Retry while PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._published = PublishedEvents(dsn)
        self._idle: list[psycopg.AsyncConnection] = []

    async def kept(self) -> Kept:
        """What there is to read."""
        async with self._connection() as connection:
            oldest = await (await connection.execute(_SQL["oldest"])).fetchone()
            head = await (await connection.execute(_SQL["head"])).fetchone()
        if oldest is None or head is None:
            raise AssertionError("a SELECT without FROM returns a row")
        return Kept(oldest[0], head[0])

    def follow(self, after: int, *, poll_s: float) -> AsyncGenerator[list[Published], None]:
        """Batches of events past the number `after`, for ever; an empty list after `poll_s` without a new one."""
        return self._published.follow(after, poll_s=poll_s)

    async def page(self, after: int, head: int, wanted: Wanted, limit: int) -> Page:
        """The next that are wanted past `after`, so many at most; `head` is the number of the last that may be read."""
        upto = min(after + _RANGE, head)
        values = {
            "after": after, "upto": upto, "types": sorted(wanted.types) if wanted.types is not None else None,
            "key": wanted.key, "subject": wanted.subject, "limit": limit,
        }  # fmt: skip
        async with self._connection() as connection:
            rows = await (await connection.execute(_SQL["page"], values)).fetchall()
        return Page([Published(*row) for row in rows], rows[-1][0] if len(rows) == limit else upto)

    async def close(self) -> None:
        """Give the connections back."""
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """One that was used before, or another; one on which anything went wrong is not used again."""
        async with retryable():
            connection = self._idle.pop() if self._idle else await self._connected()
            try:
                yield connection
            except BaseException:
                await connection.close()
                raise
            self._idle.append(connection)

    async def _connected(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5)
