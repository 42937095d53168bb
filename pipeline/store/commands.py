"""Commands to devices on PostgreSQL, as their sender takes them and keeps what became of each."""

from collections.abc import AsyncIterator, Sequence
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
    """A command that is to be sent, or was and has no answer yet."""

    id: UUID
    device: str
    name: str
    source: str
    expires_at: datetime


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

    async def changed(self, command: UUID, state: str, reason: str | None, at: datetime) -> None:
        """Keep how far a command has come, on its case too."""
        says = f"{state}: {reason}" if reason else state
        values = {"id": command, "state": state, "reason": reason, "at": at, "says": says}
        await self._connection.execute(_SQL["changed"], values)
