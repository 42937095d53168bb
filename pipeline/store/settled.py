"""What became of messages, for who watches from outside."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.rows import class_row

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("settled.sql")


@dataclass(frozen=True, slots=True)
class NewestCase:
    """A case in a line; `origin` is the channel it came by, or the platform."""

    number: int
    origin: str
    title: str
    queue: str
    contact: str
    messages: int


class Settled:
    """Asks about messages and cases, each time on a new connection; raises Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def missing(self, source_ids: Iterable[str]) -> list[str]:
        """Those of the sources' own ids that nothing was settled under."""
        async with connected(self._dsn) as connection:
            cursor = await connection.execute(_SQL["missing"], {"ids": list(source_ids)})
            return [row[0] for row in await cursor.fetchall()]

    async def unpublished(self) -> int:
        """How many events Kafka has not confirmed yet."""
        async with connected(self._dsn) as connection:
            row = await (await connection.execute(_SQL["unpublished"])).fetchone()
            return int(row[0]) if row else 0

    async def newest_cases(self, limit: int) -> list[NewestCase]:
        """The cases opened last, the newest first."""
        async with (
            connected(self._dsn) as connection,
            connection.cursor(row_factory=class_row(NewestCase)) as cursor,
        ):
            await cursor.execute(_SQL["newest_cases"], {"limit": limit})
            return await cursor.fetchall()
