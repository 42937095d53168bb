"""Answers that leave by a platform, on PostgreSQL, as whoever sends them takes them and notes what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from pipeline.domain.platforms import PACES, Asked
from pipeline.domain.posts import item_key
from pipeline.store.connection import connected
from pipeline.store.jobs import Job, defer
from pipeline.store.queries import load_queries

_SQL = load_queries("reply_queue.sql")

QUEUE = "replies"
LOST_AFTER = timedelta(minutes=10)
"""A job that ended nothing for so long is lost."""


@dataclass(frozen=True, slots=True)
class WaitingReply:
    """An answer that is to be sent now, after so many `attempts`.

    It was `begun_at`, if ever; while `unsure`, nobody knows what came of that.
    """

    id: UUID
    source: str
    platform: str
    kind: str
    item: str
    conversation: str | None
    recipient: str
    handle: str | None
    visibility: str | None
    body: str
    words: str
    asked_at: datetime
    created_at: datetime
    attempts: int
    unsure: bool
    begun_at: datetime | None

    @property
    def asked(self) -> Asked:
        """The item that it answers."""
        return Asked(
            platform=self.platform, kind=self.kind, item=self.item, conversation=self.conversation,
            author=self.recipient, handle=self.handle, visibility=self.visibility, at=self.asked_at,
        )  # fmt: skip

    @property
    def target(self) -> str:
        """For whom it is, as the desk writes accounts of platforms."""
        return f"{self.platform}:{self.recipient}"


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer whose sending has begun; `echo` is by which id it came back already, `known` the ids of others."""

    reply: WaitingReply
    echo: str | None = None
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Heard:
    """What a platform told of an answer later: up to when all was received, or under which id it stands there."""

    id: UUID
    platform: str
    recipient: str
    attempts: int
    says: Any


class ReplyQueue:
    """The table of answers; each call is a transaction of its own. All raise Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def hand_over(self, now: datetime, limit: int) -> int:
        """Queue jobs for the answers that are due; how many there were."""
        async with connected(self._dsn) as connection:
            values = {"now": now, "lost": now - LOST_AFTER, "limit": limit}
            rows = await (await connection.execute(_SQL["hand_over"], values)).fetchall()
            rows.sort(key=lambda row: row[2])
            await defer(connection, [Job(QUEUE, {"reply": str(id_)}, lock=f"reply {lane}") for id_, lane, _ in rows])
            return len(rows)

    async def begin(self, reply: UUID, now: datetime) -> Begun | None:
        """Take an answer up, from where nobody knows what came of it; None where there is nothing to send now."""
        async with connected(self._dsn) as connection:
            row = await (await connection.execute(_SQL["lock_reply"], {"id": reply, "now": now})).fetchone()
            if row is None:
                return None
            waiting = WaitingReply(*row)
            if found := await (await connection.execute(_SQL["echo"], {"id": reply})).fetchone():
                return Begun(waiting, echo=found[0])
            if (until := await _paced(connection, waiting, now)) is not None:
                reason = "the account sends no faster than its platform allows"
                await _note(connection, "wait", id=reply, due=until, reason=reason, unsure=waiting.unsure)
                return None
            await _note(connection, "begin", id=reply, now=now)
            ids = (
                await (await connection.execute(_SQL["known_ids"], {"id": reply})).fetchall() if waiting.unsure else ()
            )
            return Begun(waiting, known=frozenset(id_ for (id_,) in ids))

    async def rest(self, source: str, until: datetime, reason: str) -> None:
        """Let an account rest until then."""
        async with connected(self._dsn) as connection:
            await _note(connection, "rest", source=source, until=until, reason=reason)

    async def heard(self, limit: int) -> tuple[Sequence[Heard], Sequence[Heard]]:
        """What was received, and what turned up after it was given up."""
        async with connected(self._dsn) as connection:
            received = await (await connection.execute(_SQL["received"], {"limit": limit})).fetchall()
            if not received:
                await connection.execute(_SQL["forget_receipts"])
            turned_up = await (await connection.execute(_SQL["turned_up"], {"limit": limit})).fetchall()
        return [Heard(*row) for row in received], [Heard(*row) for row in turned_up]


async def note_waits(
    connection: psycopg.AsyncConnection, reply: UUID, due: datetime, reason: str, *, unsure: bool
) -> bool:
    """It is tried again then; whether it was still to be sent."""
    return await _note(connection, "wait", id=reply, due=due, reason=reason, unsure=unsure)


async def note_sent(
    connection: psycopg.AsyncConnection, reply: UUID, platform: str, platform_id: str | None, at: datetime
) -> bool:
    """It is there; what the platform tells of it from now on is told of its activity."""
    noted = await _note(connection, "sent", id=reply, platform_id=platform_id, at=at)
    if noted and platform_id is not None:
        await _note(connection, "known_as", id=reply, key=item_key(platform, platform_id))
    return noted


async def note_failed(connection: psycopg.AsyncConnection, reply: UUID, reason: str, *, unsure: bool) -> bool:
    """It will never be; `unsure` when it may turn up all the same."""
    return await _note(connection, "failed", id=reply, reason=reason, unsure=unsure)


async def note_delivered(connection: psycopg.AsyncConnection, reply: UUID) -> bool:
    """It came to the other end."""
    return await _note(connection, "delivered", id=reply)


async def _paced(connection: psycopg.AsyncConnection, reply: WaitingReply, now: datetime) -> datetime | None:
    """Until when the account has to wait, if it sent as much lately as it may."""
    messages = reply.asked.is_message
    if (pace := PACES.get((reply.platform, messages))) is None:
        return None
    most, within = pace
    values: Mapping[str, Any] = {"source": reply.source, "since": now - within, "messages": messages}
    row = await (await connection.execute(_SQL["paced"], values)).fetchone()
    count, first = row or (0, None)
    return first + within if first is not None and count >= most else None


async def _note(connection: psycopg.AsyncConnection, name: str, **values: object) -> bool:
    return (await connection.execute(_SQL[name], values)).rowcount > 0
