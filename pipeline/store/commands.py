"""Commands to devices on PostgreSQL, as their sender takes them and keeps what became of each."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

import psycopg

from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("commands.sql")


@dataclass(frozen=True, slots=True)
class WaitingCommand:
    """A command that is to be sent, or was and has no answer yet; an activity of a case, where it has one."""

    id: UUID
    device: str
    name: str
    source: str
    expires_at: datetime
    arguments: Mapping[str, str | float | bool | None]
    case_id: UUID | None
    activity_id: UUID | None


class CommandQueue:
    """The sender's connection: holds the lock of the one active sender; never pooled."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect; the lock goes with the connection. Raises Retry when PostgreSQL is away, then or later."""
        async with (
            retryable(),
            await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=5) as connection,
        ):
            yield cls(connection)

    async def become_active(self) -> bool:
        """Whether this is the one active sender now."""
        row = await (await self._connection.execute(_SQL["lock"])).fetchone()
        return bool(row and row[0])

    async def waiting(self, limit: int) -> Sequence[WaitingCommand]:
        """Those that are not over."""
        rows = await (await self._connection.execute(_SQL["waiting"], {"limit": limit})).fetchall()
        return [WaitingCommand(*row) for row in rows]


async def note_command(
    connection: psycopg.AsyncConnection, command: UUID, state: str, reason: str | None, at: datetime
) -> bool:
    """Keep how far a command has come, on its activity too; False when that was so already, or it is over."""
    values = {"id": command, "state": state, "reason": reason, "at": at}
    row = await (await connection.execute(_SQL["changed"], values)).fetchone()
    if row is not None and row[0] is not None:
        says = f"{state}: {reason}" if reason else state
        await connection.execute(_SQL["says"], {"activity": row[0], "says": says})
    return row is not None


async def read_feeds(connection: psycopg.AsyncConnection, cases: Collection[UUID]) -> Mapping[UUID, str]:
    """By case, the source that its device was heard by last."""
    if not cases:
        return {}
    return dict(await (await connection.execute(_SQL["feed_of_case"], {"ids": list(cases)})).fetchall())
