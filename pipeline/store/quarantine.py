"""Quarantined messages as they lie in the database: found, settled after all, or dropped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from pipeline.store.connection import connected
from pipeline.store.past import CE_ID
from pipeline.store.ports import Changes, Count
from pipeline.store.postgres import PostgresStore, PostgresTransaction
from pipeline.store.queries import load_queries
from pipeline.wire import Envelope, Record

_SQL = load_queries("quarantine.sql")

MOST = 500
"""So many are listed at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was put aside: why, in which queue it waits, with whom it lies; its record, to be read anew."""

    id: UUID
    channel: str
    source: str
    source_id: str
    reason: str
    received_at: datetime
    queue: str | None
    owner: str | None
    record: Record
    dedupe_key: str | None
    outcome: str

    @property
    def waits(self) -> bool:
        """Whether somebody is still to judge it."""
        return self.outcome == "quarantined" and self.queue is not None


class Quarantined:
    """Finds messages that were put aside. Each method raises Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def list(self, *, dropped: bool = False, most: int = MOST) -> "list[Held]":
        """Those that wait, queue by queue, the oldest first; or those that were dropped. Of each only its beginning."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["list"], {"dropped": dropped, "most": most})).fetchall()
        return [_held(row) for row in rows]

    async def count(self, *, dropped: bool = False) -> int:
        """How many there are."""
        async with connected(self._dsn) as connection:
            row = await (await connection.execute(_SQL["count"], {"dropped": dropped})).fetchone()
        return int(row[0]) if row else 0

    async def find(self, prefix: str) -> UUID:
        """The message whose id begins so. Raises LookupError when there is none, or more than one."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["find"], {"prefix": prefix.lower()})).fetchall()
        if not rows or not prefix:
            raise LookupError(f"there is no message {prefix}")
        if len(rows) > 1:
            raise LookupError(f"there are several messages that begin with {prefix}; write more of it")
        return UUID(str(rows[0][0]))

    async def show(self, message: UUID) -> Held:
        """The whole message. Raises LookupError when it is not there."""
        async with connected(self._dsn) as connection:
            return await _one(connection, message)


class QuarantineTransaction(PostgresTransaction):
    """A transaction of intake for one message that was counted before, as quarantined."""

    async def lock_held(self, message: UUID) -> Held:
        """The message, locked until the end. Raises LookupError when it is not there."""
        await self._connection.execute(_SQL["lock"], {"id": message})
        return await _one(self._connection, message)

    async def forget(self, message: UUID) -> None:
        """Take the message out, so that it can be settled anew under its id."""
        for name in ("forget_activity", "forget_keys", "forget_raw", "forget"):
            await self._connection.execute(_SQL[name], {"id": message})

    async def write(self, changes: Changes) -> None:
        """Write what the message changes; its outcome moves within its hour, and it is not received again."""
        await super().write(replace(changes, counts=[_moved(count) for count in changes.counts]))


class QuarantineStore:
    """Opens transactions that settle a quarantined message."""

    def __init__(self, dsn: str) -> None:
        self._store = PostgresStore(dsn)

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[QuarantineTransaction]:
        """A transaction that commits at the end of the block, as intake's does."""
        async with self._store.transaction() as tx:
            yield QuarantineTransaction(tx._connection)  # noqa: SLF001  # the same transaction, with more to say


async def _one(connection: psycopg.AsyncConnection, message: UUID) -> Held:
    row = await (await connection.execute(_SQL["one"], {"id": message})).fetchone()
    if row is None:
        raise LookupError(f"there is no message {message}")
    return _held(row)


def _moved(count: Count) -> Count:
    held = count.outcomes.get("quarantined", 0) - sum(count.outcomes.values())
    return replace(count, received=0, outcomes={**count.outcomes, "quarantined": held})


def _held(row: tuple[Any, ...]) -> Held:
    id_, channel, source, source_id, reason, received_at, queue, owner = row[:8]
    content_type, facts, raw, dataref, topic, partition, offset, dedupe_key, outcome = row[8:]
    known = dict(facts)
    own = known.pop(CE_ID, source_id)
    envelope = Envelope(
        id=own, channel=channel, source=source, key=own, time=received_at, content_type=content_type,
        raw=raw or b"", dataref=dataref, facts=known,
    )  # fmt: skip
    record = Record(topic, partition, offset, own.encode(), envelope.raw, tuple(envelope.headers()))
    return Held(id_, channel, source, source_id, reason, received_at, queue, owner, record, dedupe_key, outcome)
