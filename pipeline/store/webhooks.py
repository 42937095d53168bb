"""Walks events for the subscriptions to them, in the transactions that queue their deliveries."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from pipeline.domain.subscriptions import Subscription
from pipeline.store.connection import retryable
from pipeline.store.jobs import Job, defer
from pipeline.store.outbox import Published
from pipeline.store.queries import load_queries
from pipeline.store.subscriptions import CHUNK, Try, chunks, subscription_of

_SQL = load_queries("webhooks.sql")
_PUBLISHED = load_queries("outbox.sql")["published"]

READ = 500
"""Events that are read at once."""

WINDOW = 400
"""Events that are under way for one subscription; more are queued only when some of them have arrived."""

MOST = 10_000
"""Events that may wait for their next try for one subscription."""

PLACES = 10
FORGET = 5000

_ROOM = {"chunk": CHUNK, "window": WINDOW, "most": MOST}

Wants = Callable[[Subscription, Published], bool]
"""Whether a subscription wants to hear of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a job: what to note, how its subscription stands now, what is left for the next try.

    `wake` lets all that waits be tried now.
    """

    id: UUID
    run: int
    attempt: int
    tries: Sequence[Try]
    done: int
    retried: int
    failing_since: datetime | None
    state: str
    reason: str
    next: Job | None
    wake: datetime | None


class WebhookQueue:
    """The cursors of subscriptions, and the jobs that follow from them. Every call raises Retry as `is_retry` says."""

    def __init__(self, dsn: str, connections: int = 4) -> None:
        self._dsn = dsn
        self._connections = connections
        self._pool: AsyncConnectionPool | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Give the connections back."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def places(self) -> list[int]:
        """Where subscriptions stand that are to be walked on."""
        async with self._transaction() as connection:
            rows = await (await connection.execute(_SQL["places"], {**_ROOM, "limit": PLACES})).fetchall()
            return [pos for (pos,) in rows]

    async def walk(self, place: int, wants: Wants) -> int:
        """Queue the next events for the subscriptions that stand there; how many events were queued."""
        async with self._transaction() as connection:
            rows = await (await connection.execute(_SQL["lock_place"], {**_ROOM, "pos": place})).fetchall()
            found = [subscription_of(row) for row in rows]
            numbered, events = await _published(connection, place) if found else ([], [])
            if not numbered:
                return 0
            jobs, places, queued = [], [], []
            for subscription in found:
                wanted = [event.pos for event in events if wants(subscription, event)]
                taken = wanted[: _room(subscription)]
                places.append(taken[-1] if len(taken) < len(wanted) else numbered[-1])
                queued.append(len(taken))
                jobs += chunks(subscription.id, 0, 1, taken)
            await defer(connection, jobs)
            values = {"ids": [one.id for one in found], "positions": places, "queued": queued}
            await connection.execute(_SQL["advance"], values)
            return sum(queued)

    async def walk_replay(self, after: int, wants: Wants) -> int | None:
        """Queue the next events of the first replay past `after`; its number, None when there is none."""
        async with self._transaction() as connection:
            row = await (await connection.execute(_SQL["lock_replay"], {**_ROOM, "after": after})).fetchone()
            if row is None:
                return None
            run, pos, until, picked, *columns = row
            subscription = subscription_of(columns)
            numbered, events = await _published(connection, pos)
            wanted = [event.pos for event in events if event.pos <= until and (picked or wants(subscription, event))]
            taken = wanted[: _room(subscription)]
            pos = taken[-1] if len(taken) < len(wanted) else numbered[-1] if numbered else until
            await defer(connection, chunks(subscription.id, run, 1, taken))
            await connection.execute(_SQL["queued"], {"id": subscription.id, "queued": len(taken)})
            statement = "end_replay" if pos >= until else "advance_replay"
            await connection.execute(_SQL[statement], {"id": run, "pos": pos} if pos < until else {"id": run})
            return int(run)

    async def find(self, id: UUID) -> Subscription | None:  # noqa: A002  # its name on the wire
        """The subscription of that id."""
        async with self._transaction() as connection:
            row = await (await connection.execute(_SQL["find"], {"id": id})).fetchone()
            return subscription_of(row) if row is not None else None

    async def events(self, id: UUID, run: int, attempt: int, positions: Sequence[int]) -> list[Published] | None:  # noqa: A002  # the same
        """The events of a job that are still kept; None when it was done before."""
        async with self._transaction() as connection:
            rows = await (await connection.execute(_SQL["at_positions"], {"positions": list(positions)})).fetchall()
            events = [Published(*row) for row in rows]
            values = {"id": id, "run": run, "attempt": attempt, "events": [event.id for event in events]}
            row = await (await connection.execute(_SQL["was_tried"], values)).fetchone()
            return None if row is not None and row[0] else events

    async def record(
        self, id: UUID, decide: Callable[[Subscription], Done], connection: psycopg.AsyncConnection | None = None  # noqa: A002  # the same
    ) -> Done | None:  # fmt: skip
        """Note what became of a job, as is decided when its subscription is locked; None when that is gone."""
        if connection is not None:
            return await _recorded(connection, id, decide)
        async with self._transaction() as own:
            return await _recorded(own, id, decide)

    async def disable(self, subscription: Subscription, reason: str, connection: psycopg.AsyncConnection) -> bool:
        """Disable it on that connection, if its filter is still the one that is known here; whether it did."""
        values = {"id": subscription.id, "filter": subscription.filter, "reason": reason}
        return (await connection.execute(_SQL["disable"], values)).rowcount > 0

    async def forget(self, before: datetime, long_before: datetime) -> int:
        """Forget tries of before then, some at a time; how many."""
        async with self._transaction() as connection:
            values = {"before": before, "long_before": long_before, "limit": FORGET}
            return (await connection.execute(_SQL["forget"], values)).rowcount

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[psycopg.AsyncConnection]:
        pool = await self._opened()
        async with retryable(), pool.connection() as connection:
            yield connection

    async def _opened(self) -> AsyncConnectionPool:
        async with self._opening:
            if self._pool is None:
                pool = AsyncConnectionPool(
                    self._dsn, name="webhooks", open=False, min_size=1, max_size=self._connections, timeout=5.0,
                    check=AsyncConnectionPool.check_connection,
                )  # fmt: skip
                await pool.open()
                self._pool = pool
            return self._pool


async def _recorded(
    connection: psycopg.AsyncConnection, id: UUID, decide: Callable[[Subscription], Done]  # noqa: A002  # the same
) -> Done | None:  # fmt: skip
    row = await (await connection.execute(_SQL["lock"], {"id": id})).fetchone()
    if row is None:
        return None
    done = decide(subscription_of(row))
    if done.tries:
        await connection.execute(_SQL["log"], _columns(done))
    if done.next is not None:
        await defer(connection, [done.next])
    values = {
        "id": done.id, "done": done.done, "retried": done.retried, "failing_since": done.failing_since,
        "state": done.state, "reason": done.reason,
    }  # fmt: skip
    await connection.execute(_SQL["account"], values)
    if done.wake is not None:
        await connection.execute(_SQL["wake"], {"id": str(done.id), "now": done.wake})
    return done


def _columns(done: Done) -> dict[str, object]:
    tries = done.tries
    return {
        "id": done.id, "run": done.run, "attempt": done.attempt,
        "events": [one.event for one in tries], "positions": [one.pos for one in tries],
        "types": [one.type for one in tries], "ats": [one.at for one in tries],
        "outcomes": [one.outcome for one in tries], "statuses": [one.status for one in tries],
        "errors": [one.error for one in tries], "ms": [one.ms for one in tries],
        "next_tries": [one.next_try for one in tries],
    }  # fmt: skip


async def _published(connection: psycopg.AsyncConnection, after: int) -> tuple[list[int], list[Published]]:
    """The numbers that follow, and those events of them that are still kept."""
    rows = await (await connection.execute(_PUBLISHED, {"after": after, "limit": READ})).fetchall()
    return [row[0] for row in rows], [Published(*row) for row in rows if row[1] is not None]


def _room(subscription: Subscription) -> int:
    """How many events may be queued for it at once."""
    return CHUNK if subscription.ordered or subscription.failing_since is not None else READ
