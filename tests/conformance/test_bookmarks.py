"""What connectors may rely on in any keeper of bookmarks."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.store.bookmarks import Bookmarks, MemoryBookmarks, PostgresBookmarks
from pipeline.store.migrate import migrate

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def bookmarks(request: pytest.FixtureRequest) -> Bookmarks:
    if request.param == "memory":
        return MemoryBookmarks()
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    dsn = new_database()
    asyncio.run(migrate(dsn))
    return PostgresBookmarks(dsn)


def test_the_last_place_of_a_source_is_kept(bookmarks: Bookmarks) -> None:
    async def check() -> None:
        await bookmarks.keep("imap/a/INBOX", {"uidvalidity": 7, "uid": 3}, NOW)
        await bookmarks.keep("imap/a/INBOX", {"uidvalidity": 7, "uid": 4_294_967_295, "note": None}, NOW)
        await bookmarks.keep("imap/b/INBOX", {"uid": 1}, NOW)
        await bookmarks.keep("calls/master.csv", {"offset": 10}, NOW)
        assert await bookmarks.places("imap/") == {
            "imap/a/INBOX": {"uidvalidity": 7, "uid": 4_294_967_295, "note": None},
            "imap/b/INBOX": {"uid": 1},
        }

    asyncio.run(check())


def test_a_forgotten_source_begins_anew(bookmarks: Bookmarks) -> None:
    async def check() -> None:
        await bookmarks.keep("imap/a/INBOX", {"uid": 3}, NOW)
        await bookmarks.forget("imap/a/INBOX")
        await bookmarks.forget("imap/never")
        assert await bookmarks.places("") == {}

    asyncio.run(check())
