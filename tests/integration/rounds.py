"""Rounds of housekeeping at a time of the test's own, and what the database holds before and after."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import LiteralString

import psycopg

from pipeline.store.housekeeping import Housekeeping, Round

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def execute(dsn: str, statement: LiteralString, *values: object) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement, values)


def ask(dsn: str, statement: LiteralString, *values: object) -> list[object]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [value for (value,) in connection.execute(statement, values)]


def in_round(dsn: str, doing: Callable[[Round], Awaitable[None]], now: datetime | None = None) -> None:
    async def scenario() -> None:
        async with Housekeeping(dsn).round() as one:
            assert one is not None
            one.now = now or one.now
            await doing(one)

    asyncio.run(scenario())
