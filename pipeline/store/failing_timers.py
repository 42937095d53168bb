"""Timers that could not be fired, for the verb that a person calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("timers.sql")


@dataclass(frozen=True, slots=True)
class FailingTimer:
    """A timer that was due `at` a time and failed so often; it is tried again when it is `due`, unless `set_aside`."""

    kind: str
    key: str
    at: datetime
    failures: int
    reason: str | None
    due: datetime
    set_aside: datetime | None
    case: int | None


class FailingTimers:
    """What failed on a desk; each call is a transaction of its own. Raises Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def list(self) -> Sequence[FailingTimer]:
        """All of them, what is set aside first."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["failing"])).fetchall()
        return [FailingTimer(*row) for row in rows]

    async def retry(self, key: str | None) -> Sequence[tuple[str, str]]:
        """Let one, or all, be tried again at once; kind and key of each."""
        async with connected(self._dsn) as connection:
            return await (await connection.execute(_SQL["try_again"], {"key": key})).fetchall()
