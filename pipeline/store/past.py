"""Reads what arrived and what agents did in a period, with what had to be there before."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import psycopg

from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("past.sql")

CE_ID = "ceid"
"""The fact that holds a source's own id of a message where the message goes by another."""

_AT_ONCE = 200
"""Messages that are fetched at a time, since each comes with its bytes."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when until when; with a `source`, such as `/email/support@contoso.example`, what came there alone."""

    since: datetime
    until: datetime
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message as it was settled; `within` the period, or before it."""

    id: UUID
    channel: str
    source: str
    source_id: str
    received_at: datetime
    content_type: str
    facts: Mapping[str, str]
    raw: bytes | None
    dataref: str | None
    activity_id: UUID | None
    case_id: UUID | None
    outcome: str
    matched_by: str | None
    reason: str
    within: bool
    topic: str
    partition: int
    log_offset: int


@dataclass(frozen=True, slots=True)
class PastDeed:
    """What an agent ordered; `data` as the order's own fields, `within` the period or before it."""

    id: UUID
    case_id: UUID | None
    at: datetime
    actor_id: str | None
    verb: str
    data: Mapping[str, Any]
    activity_id: UUID | None
    within: bool


class Past:
    """Reads one period, as it is at one moment."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect. Raises Retry when PostgreSQL is away."""
        async with retryable(), await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            yield cls(connection)

    async def concerned(self, period: Period) -> Sequence[UUID]:
        """The cases of which the period tells, with those that they depend on."""
        values = {"since": period.since, "until": period.until, "source": period.source}
        return [row[0] for row in await (await self._connection.execute(_SQL["concerned"], values)).fetchall()]

    async def steps(self, period: Period) -> AsyncIterator[PastMessage | PastDeed]:
        """Messages and deeds, in the order in which they were settled and done."""
        cases = await self.concerned(period)
        values = {"since": period.since, "until": period.until, "source": period.source, "cases": cases}
        rows = await (await self._connection.execute(_SQL["deeds"], values)).fetchall()
        deeds = [PastDeed(*row) for row in rows][::-1]
        async with self._connection.cursor(name="past_messages") as cursor:
            cursor.itersize = _AT_ONCE
            await cursor.execute(_SQL["messages"], values)
            async for row in cursor:
                message = PastMessage(*row)
                while deeds and deeds[-1].id < message.id:
                    yield deeds.pop()
                yield message
        while deeds:
            yield deeds.pop()
