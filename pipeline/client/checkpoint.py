"""Where a consumer goes on, kept in one transaction with what it did."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

_TABLES = """
CREATE TABLE IF NOT EXISTS casestream_place (part TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS casestream_heard (key TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
"""


class Checkpoint(Protocol):
    """Keeps places, and of each key the highest sequence that was heard.

    What `note` and `move` change, and what the program did meanwhile, is kept at `commit`, all of it or nothing. Write
    one for your own database by these methods.
    """

    async def places(self) -> Mapping[str, str]:
        """Every place that is kept, by the part of the source that it is in; empty at the first time."""

    async def heard(self, key: str) -> int:
        """The highest sequence of the key; 0 when nothing was heard of it."""

    async def note(self, key: str, sequence: int) -> None:
        """That sequence of the key was heard."""

    async def move(self, part: str, place: str | None) -> None:
        """Go on there; None forgets the place."""

    async def commit(self) -> None:
        """Keep what happened since the last commit."""

    async def rollback(self) -> None:
        """Forget what happened since the last commit."""

    async def forget(self) -> None:
        """Begin anew, after the next commit."""


class SqliteCheckpoint:
    """A checkpoint in a SQLite database of your own.

    Write what you do to `db`, and leave commits to the consumer. In WAL mode a killed program loses nothing, and a loss
    of power at most the last commits, as a whole: what was in them comes again.
    """

    def __init__(self, path: str | Path) -> None:
        self.db = sqlite3.connect(path, timeout=30)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(_TABLES)

    async def places(self) -> Mapping[str, str]:
        """Every place that is kept, by the part of the source that it is in; empty at the first time."""
        return dict(self.db.execute("SELECT part, place FROM casestream_place").fetchall())

    async def heard(self, key: str) -> int:
        """The highest sequence of the key; 0 when nothing was heard of it."""
        row = self.db.execute("SELECT sequence FROM casestream_heard WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row is not None else 0

    async def note(self, key: str, sequence: int) -> None:
        """That sequence of the key was heard."""
        self.db.execute("INSERT OR REPLACE INTO casestream_heard VALUES (?, ?)", (key, sequence))

    async def move(self, part: str, place: str | None) -> None:
        """Go on there; None forgets the place."""
        if place is None:
            self.db.execute("DELETE FROM casestream_place WHERE part = ?", (part,))
        else:
            self.db.execute("INSERT OR REPLACE INTO casestream_place VALUES (?, ?)", (part, place))

    async def commit(self) -> None:
        """Keep what happened since the last commit."""
        self.db.commit()

    async def rollback(self) -> None:
        """Forget what happened since the last commit."""
        self.db.rollback()

    async def forget(self) -> None:
        """Begin anew, after the next commit."""
        self.db.execute("DELETE FROM casestream_place")
        self.db.execute("DELETE FROM casestream_heard")

    def close(self) -> None:
        """Give the database back; what was not committed is forgotten."""
        self.db.close()


class MemoryCheckpoint:
    """A checkpoint that ends with the program, to try things out."""

    def __init__(self) -> None:
        self._kept: tuple[dict[str, str], dict[str, int]] = ({}, {})
        self._places: dict[str, str] = {}
        self._heard: dict[str, int] = {}

    async def places(self) -> Mapping[str, str]:
        """Every place that is kept, by the part of the source that it is in; empty at the first time."""
        return dict(self._places)

    async def heard(self, key: str) -> int:
        """The highest sequence of the key; 0 when nothing was heard of it."""
        return self._heard.get(key, 0)

    async def note(self, key: str, sequence: int) -> None:
        """That sequence of the key was heard."""
        self._heard[key] = sequence

    async def move(self, part: str, place: str | None) -> None:
        """Go on there; None forgets the place."""
        self._places.pop(part, None)
        if place is not None:
            self._places[part] = place

    async def commit(self) -> None:
        """Keep what happened since the last commit."""
        self._kept = (dict(self._places), dict(self._heard))

    async def rollback(self) -> None:
        """Forget what happened since the last commit."""
        self._places, self._heard = dict(self._kept[0]), dict(self._kept[1])

    async def forget(self) -> None:
        """Begin anew, after the next commit."""
        self._places, self._heard = {}, {}
