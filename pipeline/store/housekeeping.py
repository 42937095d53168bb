"""What the database needs done as days go by: room for new events, an end for old ones, marks of the ledger."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg import sql

from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries
from pipeline.wire import Bounds, Partition

_SQL = load_queries("housekeeping.sql")

DAYS_AHEAD = 3
EVENTS_KEPT = timedelta(days=30)
STORMS_KEPT = timedelta(days=2)
MARK_EVERY = timedelta(hours=1)

LATELY = timedelta(days=30)
"""How long a call may still be told of after it began, and the lock of a conversation is kept."""

LONG_AGO = timedelta(days=365)
"""How long what is over may still matter, and at least as long as any case may be reopened."""

FORGOTTEN = ("locks", "keys", "conversations", "alarms", "states", "callers")
_CHUNK = 10_000
_MOST_CHUNKS = 200
_SETTINGS = "-c lock_timeout=2s -c statement_timeout=60s"
"""Making and dropping a partition locks out whoever writes events, so it does not queue for long."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a partition is settled, in which epoch of its log, and what its log holds now."""

    epoch: int
    next: int
    bounds: Bounds


class Housekeeping:
    """Opens rounds, one housekeeper at a time; knows the days whose events lie in the default partition."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._left: set[date] = set()

    @asynccontextmanager
    async def round(self) -> AsyncIterator["Round | None"]:
        """A round, None while another housekeeper has one. Raises Retry when PostgreSQL is away."""
        async with (
            retryable(),
            await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=5, options=_SETTINGS
            ) as connection,
        ):
            row = await (await connection.execute(_SQL["begin"])).fetchone()
            if row is None:
                raise AssertionError("a SELECT without FROM returns a row")
            yield Round(connection, row[0], self._left) if row[1] else None


class Round:
    """One round of housekeeping; `now` is PostgreSQL's clock."""

    def __init__(self, connection: psycopg.AsyncConnection, now: datetime, left: set[date]) -> None:
        self.now = now
        self._connection = connection
        self._left = left

    async def make_room(self) -> list[date]:
        """Make partitions for the events of today and the next days; those that were made.

        A day whose events already lie in the default partition stays there: they would have to be moved under a lock.
        """
        today = self.now.astimezone(UTC).date()
        there = await self._days()
        made = []
        for day in (today + timedelta(days=n) for n in range(DAYS_AHEAD + 1)):
            if day in there or day in self._left:
                continue
            if await self._made(day):
                made.append(day)
            else:
                self._left.add(day)
        return made

    async def drop_old_events(self) -> list[date]:
        """Drop the days that are older than events are kept, unless some are unpublished; those that were dropped."""
        before = self.now - EVENTS_KEPT
        dropped = []
        for day in await self._days():
            end = _midnight(day + timedelta(days=1))
            if end <= before and await self._dropped(day, end):
                dropped.append(day)
        return dropped

    async def delete_positions(self) -> int:
        """Delete the numbers of events that are gone; how many."""
        values = {"before": self.now - EVENTS_KEPT, "limit": _CHUNK}
        deleted = 0
        while True:
            count = (await self._connection.execute(_SQL["delete_positions"], values)).rowcount
            deleted += count
            if count < _CHUNK:
                return deleted

    async def forget(self, reopened_within: timedelta) -> Mapping[str, int]:
        """Delete what can matter no more, so that nothing grows for ever; how many of each kind, where there were any.

        `reopened_within` is the longest time within which a queue reopens a closed case.
        """
        values = {
            "lately": self.now - LATELY,
            "long_ago": self.now - max(LONG_AGO, reopened_within),
            "limit": _CHUNK,
        }
        forgotten = {kind: await self._forget(f"forget_{kind}", values) for kind in FORGOTTEN}
        return {kind: count for kind, count in forgotten.items() if count}

    async def _forget(self, statement: str, values: Mapping[str, object]) -> int:
        """Chunk by chunk, so that no lock is held for long; what is left over is for the next day."""
        deleted = 0
        for _ in range(_MOST_CHUNKS):
            count = (await self._connection.execute(_SQL[statement], values)).rowcount
            deleted += count
            if count < _CHUNK:
                break
        return deleted

    async def day_is_new(self) -> bool:
        """Whether no mark was written today."""
        row = await (await self._connection.execute(_SQL["last_mark"])).fetchone()
        return row is None or row[0] is None or row[0].astimezone(UTC).date() < self.now.astimezone(UTC).date()

    async def delete_other_events(self) -> int:
        """Delete old events from the default partition, which is never dropped; how many."""
        return (await self._connection.execute(_SQL["delete_others"], {"before": self.now - EVENTS_KEPT})).rowcount

    async def forget_storms(self) -> None:
        """Forget by what storms of mail were known that are over."""
        for name in ("forget_likes", "forget_misses", "forget_newcomers"):
            await self._connection.execute(_SQL[name], {"before": self.now - STORMS_KEPT})

    async def mark_is_due(self) -> bool:
        """Whether the newest mark is so old that it is time for the next."""
        row = await (await self._connection.execute(_SQL["last_mark"])).fetchone()
        return row is None or row[0] is None or self.now - row[0] >= MARK_EVERY

    async def stands(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Stand]:
        """Where each partition of this cluster stands; one that was never assigned has nothing settled."""
        rows = await (await self._connection.execute(_SQL["positions"])).fetchall()
        known = {Partition(topic, number): rest for topic, number, *rest in rows}
        stands = {}
        for partition, bound in bounds.items():
            cluster, epoch, following = known.get(partition, (cluster_id, 0, bound.start))
            if cluster == cluster_id:
                stands[partition] = Stand(epoch, following, bound)
        return stands

    async def write_marks(self, stands: Mapping[Partition, Stand], forget: timedelta) -> None:
        """Note where the partitions stand now, and forget what was noted so long ago."""
        ends = [stand.bounds.end for stand in stands.values()]
        await self._connection.execute(_SQL["write_marks"], {**_columns(stands), "ends": ends, "at": self.now})
        await self._connection.execute(_SQL["forget_marks"], {"before": self.now - forget})

    async def settled_before(self, cluster_id: str, before: datetime) -> Mapping[Partition, int]:
        """The offsets below which everything was settled at that time already."""
        values = {"cluster_id": cluster_id, "before": before}
        rows = await (await self._connection.execute(_SQL["settled_before"], values)).fetchall()
        return {Partition(topic, number): offset for topic, number, offset in rows}

    async def all_settled_at(self, stands: Mapping[Partition, Stand]) -> datetime | None:
        """A time such that every record published before it is settled by now; None when no mark tells."""
        rows = await (await self._connection.execute(_SQL["all_settled_at"], _columns(stands))).fetchall()
        times = {Partition(topic, number): at for topic, number, at in rows}
        return min(times.values()) if times and times.keys() == stands.keys() else None

    async def owned(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that belong to something."""
        rows = await (await self._connection.execute(_SQL["owned"], {"digests": [*digests]})).fetchall()
        return {digest for (digest,) in rows}

    async def _days(self) -> list[date]:
        return [day for (day,) in await (await self._connection.execute(_SQL["days"])).fetchall()]

    async def _made(self, day: date) -> bool:
        first, end = _midnight(day), _midnight(day + timedelta(days=1))
        row = await (await self._connection.execute(_SQL["in_default"], {"first": first, "end": end})).fetchone()
        if row is not None and row[0]:
            return False
        statement = sql.SQL("CREATE TABLE {} PARTITION OF event FOR VALUES FROM ({}) TO ({})")
        try:
            await self._connection.execute(statement.format(_partition(day), first.isoformat(), end.isoformat()))
        except psycopg.errors.CheckViolation:  # one came meanwhile
            return False
        return True

    async def _dropped(self, day: date, end: datetime) -> bool:
        """Look whether all is published under the lock, since an old event may come late; what comes later is kept."""
        async with self._connection.transaction():
            lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")
            await self._connection.execute(lock.format(sql.Identifier("event")))
            row = await (await self._connection.execute(_SQL["waiting_before"], {"end": end})).fetchone()
            if row is not None and row[0]:
                return False
            await self._connection.execute(sql.SQL("DROP TABLE {}").format(_partition(day)))
            return True


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _partition(day: date) -> sql.Identifier:
    return sql.Identifier(f"event_{day:%Y%m%d}")


def _columns(stands: Mapping[Partition, Stand]) -> dict[str, Any]:
    return {
        "topics": [partition.topic for partition in stands],
        "partitions": [partition.partition for partition in stands],
        "epochs": [stand.epoch for stand in stands.values()],
        "nexts": [stand.next for stand in stands.values()],
    }
