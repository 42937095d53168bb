"""Mail on its way out, on PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg

from pipeline.domain.acknowledging import DAY
from pipeline.store.connection import connected, retryable
from pipeline.store.jobs import Job, defer
from pipeline.store.postgres import PostgresStore, PostgresTransaction
from pipeline.store.queries import load_queries

_SQL = load_queries("letters.sql")

FORGOTTEN = timedelta(hours=1)
"""A mail whose turn it was and that nobody sent is due again after so long."""

MINUTE = timedelta(minutes=1)

LetterState = Literal["queued", "sent", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail that is being sent, as its row has it."""

    id: UUID
    case_id: UUID | None
    sender: str
    recipient: str
    subject: str
    template: str
    message_id: str
    in_reply_to: str | None
    headers: Mapping[str, str]
    body: str
    created_at: datetime
    data: Mapping[str, str]
    activity_id: UUID | None
    attempts: int
    unsure: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Concerned:
    """The case that a mail is about, who gets it, who wrote it."""

    number: int
    title: str
    status: str
    priority: str
    contact: str | None
    language: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The message that a mail answers, if `is_it`, else the first one of its case."""

    author: str | None
    at: datetime | None
    text: str | None
    received_at: datetime
    head: bytes | None
    is_it: bool | None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Why an address gets no mail."""

    source: str
    reason: str
    at: datetime
    address: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known for sending a mail: `conversation` are Message-IDs, `acknowledged` when others really left."""

    mail: Outgoing
    concerned: Concerned | None
    answered: Answered | None
    conversation: tuple[str, ...]
    acknowledged: tuple[datetime, ...]
    suppressed: tuple[Suppressed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterBecame:
    """What became of a try; `unsure` when nobody knows, `untried` when it was none."""

    id: UUID
    state: LetterState
    at: datetime
    reason: str | None = None
    due_at: datetime | None = None
    unsure: bool = False
    untried: bool = False


class Turns:
    """Says whose turn it is, so that no domain gets more in a minute than it likes."""

    def __init__(self, dsn: str, queue: str, per_domain_a_minute: int | None) -> None:
        self._dsn = dsn
        self._queue = queue
        self._limit = per_domain_a_minute

    async def hand_over(self, now: datetime, most: int) -> int:
        """Queue jobs for mails that are due; how many there were to look at. Raises Retry when PostgreSQL is away."""
        async with connected(self._dsn) as connection:
            [mine] = await _one(connection, "take_turn", {})
            if not mine:
                return 0
            values = {"now": now, "limit": most, "forgotten": now - FORGOTTEN}
            due = [(row[0], row[1]) for row in await _all(connection, "due", values)]
            if not due:
                return 0
            turn, later = await self._within_limits(connection, due, now)
            if later:
                put_off = {"ids": [one for one, _ in later], "ats": [at for _, at in later]}
                await connection.execute(_SQL["put_off"], put_off)
            ids = [one for one, _ in turn]
            await connection.execute(_SQL["hand_over"], {"ids": ids, "now": now, "again": now + FORGOTTEN})
            await defer(connection, [Job(self._queue, {"id": str(one)}, lock=f"mail {to}") for one, to in turn])
        return len(due)

    async def _within_limits(
        self, connection: psycopg.AsyncConnection, due: Sequence[tuple[UUID, str]], now: datetime
    ) -> tuple[list[tuple[UUID, str]], list[tuple[UUID, datetime]]]:
        """Those whose turn it is, and those that come in a later minute."""
        if self._limit is None:
            return list(due), []
        used = dict(await _all(connection, "handed", {"since": now - MINUTE}))
        turn: list[tuple[UUID, str]] = []
        later: list[tuple[UUID, datetime]] = []
        for one, recipient in due:
            domain = recipient.rpartition("@")[2].lower()
            minutes, used[domain] = used.get(domain, 0) // self._limit, used.get(domain, 0) + 1
            if minutes:
                later.append((one, now + minutes * MINUTE))
            else:
                turn.append((one, recipient))
        return turn, later


class Held:
    """Holds the mail that is sent against other senders, as long as its connection lives."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection | None = None

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def begin(self, mail: UUID, now: datetime) -> Known | None:
        """Begin to send a mail; None when it left already, or another sender is at it. Raises Retry."""
        async with retryable():
            connection = await self._connected()
            if not (await _one(connection, "hold", {"id": mail}))[0]:
                return None
            row = await (await connection.execute(_SQL["begin"], {"id": mail, "now": now})).fetchone()
            if row is None:
                await connection.execute(_SQL["let_go"])
                return None
            return await _known(connection, Outgoing(*row), now)

    async def let_go(self) -> None:
        """Let others have it; what became of it was told. A lost connection lets go by itself."""
        try:
            async with retryable():
                await (await self._connected()).execute(_SQL["let_go"])
        except Exception:  # noqa: BLE001  # whatever is wrong with it, a connection that is closed holds nothing
            await self.close()

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5)
        return self._connection


async def _known(connection: psycopg.AsyncConnection, mail: Outgoing, now: datetime) -> Known:
    values = {name: getattr(mail, name) for name in mail.__slots__ if name not in {"headers", "data"}}
    async with connection.pipeline():
        asked = [
            await connection.execute(_SQL[name], {**values, "since": now - DAY})
            for name in ("facts", "answered", "conversation", "suppressed", "acknowledged")
        ]
        concerned, answered, conversation, suppressed, acknowledged = [await one.fetchall() for one in asked]
    return Known(
        mail,
        Concerned(*concerned[0]) if concerned else None,
        Answered(*answered[0]) if answered else None,
        tuple(one for (one,) in conversation),
        tuple(at for (at,) in acknowledged),
        tuple(Suppressed(*row) for row in suppressed),
    )


class MailTransaction(PostgresTransaction):
    """A transaction that also notes what became of a mail."""

    async def note(self, became: LetterBecame) -> bool:
        """Note what became of a mail; False when that was known."""
        values = {name: getattr(became, name) for name in became.__slots__}
        values |= {"unsure": int(became.unsure), "untried": int(became.untried)}
        if await _maybe(self._connection, "became", values) is not None:
            return True
        return became.state == "sent" and await _maybe(self._connection, "became_bounced", values) is not None

    async def mark_unreachable(self, address: str, reason: str, at: datetime) -> None:
        """Let an address that its own server does not know get no more mail."""
        values = {"address": address, "source": "bounce", "reason": reason[:500], "at": at}
        await self._connection.execute(_SQL["suppress"], values)
        await self._connection.execute(_SQL["mark_bounced"], {**values, "reason": reason[:100]})


class MailStore:
    """Opens transactions that note what became of mail."""

    def __init__(self, dsn: str) -> None:
        self._store = PostgresStore(dsn)

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MailTransaction]:
        """A transaction that commits at the end of the block, as intake's does."""
        async with self._store.transaction() as tx:
            yield MailTransaction(tx._connection)  # noqa: SLF001  # the same transaction, with more to say


async def list_suppressed(dsn: str, address: str | None = None) -> list[Suppressed]:
    """Every address that gets no mail, since when and why."""
    async with connected(dsn) as connection:
        rows = await _all(connection, "list_suppressed", {"address": address})
    return [Suppressed(source, reason, at, found) for found, source, reason, at in rows]


async def suppress(dsn: str, address: str, reason: str, at: datetime, source: str = "hand") -> None:
    """Let an address get no more mail."""
    async with connected(dsn) as connection:
        values = {"address": address, "source": source, "reason": reason, "at": at}
        await connection.execute(_SQL["suppress"], values)


async def unsuppress(dsn: str, address: str) -> bool:
    """Let an address get mail again; False when nothing kept it from that."""
    async with connected(dsn) as connection:
        return await _maybe(connection, "unsuppress", {"address": address}) is not None


async def _all(connection: psycopg.AsyncConnection, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_SQL[name], values)).fetchall()


async def _maybe(connection: psycopg.AsyncConnection, name: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    return await (await connection.execute(_SQL[name], values)).fetchone()


async def _one(connection: psycopg.AsyncConnection, name: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    row = await _maybe(connection, name, values)
    if row is None:
        raise AssertionError(f"{name} gives a row")
    return row
