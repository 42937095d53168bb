"""How far each source was read that is asked rather than told: a mailbox, a file, a feed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import orjson
from psycopg.types.json import Jsonb

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("bookmarks.sql")

Place = Mapping[str, int | str | None]
"""A place in a source, in the source's own terms: the UID in a folder, the offset in a file."""


class Bookmarks(Protocol):
    """Keeps one place a source; a place is kept after its messages are safe, so at worst some are read again."""

    async def places(self, prefix: str) -> Mapping[str, Place]:
        """The places of all sources whose names begin so. Raises Retry when the database is away."""

    async def keep(self, source: str, place: Place, now: datetime) -> None:
        """Keep where a source was read to. Raises Retry when the database is away."""

    async def forget(self, source: str) -> None:
        """Drop the place of a source that is no more. Raises Retry when the database is away."""


class PostgresBookmarks:
    """Bookmarks in the table of that name, a short connection a call."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def places(self, prefix: str) -> Mapping[str, Place]:
        """The places of all sources whose names begin so. Raises Retry when the database is away."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["places"], {"prefix": prefix})).fetchall()
        return dict(rows)

    async def keep(self, source: str, place: Place, now: datetime) -> None:
        """Keep where a source was read to. Raises Retry when the database is away."""
        async with connected(self._dsn) as connection:
            await connection.execute(_SQL["keep"], {"source": source, "place": Jsonb(dict(place)), "now": now})

    async def forget(self, source: str) -> None:
        """Drop the place of a source that is no more. Raises Retry when the database is away."""
        async with connected(self._dsn) as connection:
            await connection.execute(_SQL["forget"], {"source": source})


class MemoryBookmarks:
    """Bookmarks of tests and rehearsals, as JSON, so that what cannot be kept is found here too."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def places(self, prefix: str) -> Mapping[str, Place]:
        """The places of all sources whose names begin so."""
        return {source: orjson.loads(place) for source, place in self._kept.items() if source.startswith(prefix)}

    async def keep(self, source: str, place: Place, now: datetime) -> None:  # noqa: ARG002  # the table keeps it
        """Keep where a source was read to."""
        self._kept[source] = orjson.dumps(dict(place))

    async def forget(self, source: str) -> None:
        """Drop the place of a source that is no more."""
        self._kept.pop(source, None)
