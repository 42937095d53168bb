"""Maintenance as people set it, on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from pipeline.domain.maintenance import Window
from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("maintenance.sql")


@dataclass(frozen=True, slots=True)
class SetWindow:
    """A window under its id."""

    id: UUID
    window: Window


class MaintenanceWindows:
    """The windows of a desk; each call is a transaction of its own. Raises Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def add(self, one: SetWindow) -> None:
        """Keep a new window."""
        window = one.window
        values = {
            "id": one.id, "name": window.name, "begins": window.begins, "ends": window.ends,
            "devices": sorted(window.devices), "products": sorted(window.products),
            "gateways": sorted(window.gateways), "accounts": sorted(window.accounts),
        }  # fmt: skip
        async with self._connected() as connection:
            await connection.execute(_SQL["add"], values)

    async def list(self, since: datetime) -> Sequence[SetWindow]:
        """Those that end after a time, the earliest first."""
        async with self._connected() as connection:
            rows = await (await connection.execute(_SQL["list"], {"since": since})).fetchall()
        return [
            SetWindow(
                row[0],
                Window(
                    name=row[1],
                    begins=row[2],
                    ends=row[3],
                    devices=frozenset(row[4]),
                    products=frozenset(row[5]),
                    gateways=frozenset(row[6]),
                    accounts=frozenset(row[7]),
                ),
            )
            for row in rows
        ]

    async def end(self, prefix: str, now: datetime) -> Sequence[UUID]:
        """End the windows whose id begins so; those that ended."""
        async with self._connected() as connection:
            rows = await (await connection.execute(_SQL["end"], {"prefix": prefix, "now": now})).fetchall()
        return [own for (own,) in rows]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with retryable(), await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            yield connection
