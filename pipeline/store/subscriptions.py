"""Keeps the subscriptions to events, and the log of what was delivered to them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.subscriptions import Outcome, Secret, Subscription
from pipeline.store.connection import connected
from pipeline.store.jobs import Job, defer
from pipeline.store.queries import load_queries

_SQL = load_queries("subscriptions.sql")

QUEUE = "webhooks"

CHUNK = 20
"""Events of one job."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver an event: what came of it, after how long, and when the next one is due."""

    event: UUID
    run: int
    attempt: int
    pos: int
    type: str
    at: datetime
    outcome: Outcome
    status: int | None
    error: str
    ms: int
    next_try: datetime | None


def subscription_of(row: Sequence[Any]) -> Subscription:
    """A subscription from its columns, as every statement names them."""
    id_, url, description, types, filter_, ordered, secrets, state, reason, pos, *rest = row
    waiting, retrying, failing_since, created_at = rest
    return Subscription(
        id=id_, url=url, description=description, types=tuple(types), filter=filter_, ordered=ordered,
        secrets=[_secret(secret) for secret in secrets], state=state, reason=reason, pos=pos, waiting=waiting,
        retrying=retrying, failing_since=failing_since, created_at=created_at,
    )  # fmt: skip


def chunks(
    subscription: UUID, run: int, attempt: int, positions: Sequence[int], *, at: datetime | None = None,
    first_at: datetime | None = None,
) -> list[Job]:  # fmt: skip
    """The jobs that deliver these events; `first_at` is when they were tried first, if they were."""
    told = first_at.isoformat() if first_at is not None else None
    return [
        Job(
            QUEUE,
            {
                "subscription": str(subscription), "run": run, "attempt": attempt, "first_at": told,
                "positions": positions[first : first + CHUNK],
            },
            at=at,
        )
        for first in range(0, len(positions), CHUNK)
    ]  # fmt: skip


class PostgresSubscriptions:
    """The table of that name, a short connection a call. Every call raises Retry as `is_retry` says."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def create(self, subscription: Subscription, after: int | None) -> Subscription:
        """Keep a new one that hears of events past this position, of those to come when it is None."""
        async with connected(self._dsn) as connection:
            values = {**_columns(subscription), "pos": after, "created_at": subscription.created_at}
            await connection.execute(_SQL["create"], values)
            return await _found(connection, "find", subscription.id)

    async def list(self) -> Sequence[Subscription]:
        """All of them, the oldest first."""
        async with connected(self._dsn) as connection:
            return [subscription_of(row) for row in await (await connection.execute(_SQL["list"])).fetchall()]

    async def find(self, id: UUID) -> Subscription | None:  # noqa: A002  # its name on the wire
        """The one of that id."""
        async with connected(self._dsn) as connection:
            try:
                return await _found(connection, "find", id)
            except LookupError:
                return None

    async def remove(self, id: UUID) -> bool:  # noqa: A002  # the same
        """Forget one, with what is to be replayed for it; False when there is none."""
        async with connected(self._dsn) as connection:
            return (await (await connection.execute(_SQL["remove"], {"id": id})).fetchone()) is not None

    @asynccontextmanager
    async def changing(self, id: UUID) -> "AsyncIterator[Changing]":  # noqa: A002  # the same
        """One of them, locked until the end of the block. Raises LookupError when there is none."""
        async with connected(self._dsn) as connection:
            yield Changing(connection, await _found(connection, "lock", id))

    async def deliveries(
        self, id: UUID, limit: int, *, event: UUID | None = None, before: datetime | None = None  # noqa: A002  # the same
    ) -> Sequence[Try]:  # fmt: skip
        """The latest tries, the newest first; of one event, or before a time, if one is given."""
        values = {"id": id, "limit": limit, "event": event, "before": before}
        async with connected(self._dsn) as connection:
            return [Try(*row) for row in await (await connection.execute(_SQL["deliveries"], values)).fetchall()]

    async def place_of(self, event: UUID) -> int | None:
        """The position of an event; None when it is not kept, or not published yet."""
        async with connected(self._dsn) as connection:
            row = await (await connection.execute(_SQL["place_of"], {"event": event})).fetchone()
            return int(row[0]) if row is not None else None

    async def range(self, since: datetime, until: datetime) -> tuple[int, int] | None:
        """The positions of the first and the last event of a time; None when there is none."""
        async with connected(self._dsn) as connection:
            values = {"since": since, "until": until}
            row = await (await connection.execute(_SQL["range"], values)).fetchone()
            return (row[0], row[1]) if row is not None and row[0] is not None else None

    async def replay(self, id: UUID, first: int, last: int, *, picked: bool, most: int) -> int | None:  # noqa: A002  # the same
        """Have the events of these positions delivered again; the number of the replay, which its tries carry.

        None when so many replays are open already. Raises LookupError when there is no such subscription.
        """
        values = {"id": id, "pos": first - 1, "until": last, "picked": picked, "most": most}
        async with connected(self._dsn) as connection:
            await _found(connection, "lock", id)
            row = await (await connection.execute(_SQL["replay"], values)).fetchone()
            return int(row[0]) if row is not None else None


class Changing:
    """A subscription that is locked."""

    def __init__(self, connection: psycopg.AsyncConnection, subscription: Subscription) -> None:
        self._connection = connection
        self.subscription = subscription

    async def write(self, changed: Subscription) -> Subscription:
        """What it is now."""
        values = {
            **_columns(changed), "state": changed.state, "reason": changed.reason, "pos": changed.pos,
            "failing_since": changed.failing_since, "waiting": changed.waiting, "retrying": changed.retrying,
        }  # fmt: skip
        await self._connection.execute(_SQL["change"], values)
        return changed

    async def release(self) -> int:
        """Queue again what was held back; how many events."""
        found = await (await self._connection.execute(_SQL["held"], {"id": self.subscription.id})).fetchall()
        by_run: dict[tuple[int, int], list[int]] = {}
        for pos, run, attempt in found:
            by_run.setdefault((run, attempt), []).append(pos)
        jobs = [
            job
            for (run, attempt), positions in sorted(by_run.items())
            for job in chunks(self.subscription.id, run, attempt + 1, sorted(positions))
        ]
        await defer(self._connection, jobs)
        return len(found)

    async def drop(self) -> None:
        """Let go of what was held back, and of what is queued."""
        await self._connection.execute(_SQL["held"], {"id": self.subscription.id})
        await self._connection.execute(_SQL["drop_queued"], {"id": str(self.subscription.id)})

    async def last_position(self) -> int:
        """The position that was given last."""
        row = await (await self._connection.execute(_SQL["last_position"])).fetchone()
        return int(row[0]) if row is not None else 0


async def _found(connection: psycopg.AsyncConnection, statement: str, id: UUID) -> Subscription:  # noqa: A002  # the same
    row = await (await connection.execute(_SQL[statement], {"id": id})).fetchone()
    if row is None:
        raise LookupError(f"there is no subscription {id}")
    return subscription_of(row)


def _columns(subscription: Subscription) -> dict[str, object]:
    secrets = [{"secret": secret.secret, "until": secret.until} for secret in subscription.secrets]
    return {
        "id": subscription.id, "url": subscription.url, "description": subscription.description,
        "types": list(subscription.types), "filter": subscription.filter, "ordered": subscription.ordered,
        "secrets": orjson.dumps(secrets).decode(),
    }  # fmt: skip


def _secret(row: dict[str, Any]) -> Secret:
    return Secret(row["secret"], datetime.fromisoformat(row["until"]) if row["until"] else None)
