"""Brings the database's schema to a version, forward and back, by plain SQL files."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from pipeline.errors import Stop

_LOCK = 0x43_41_53_45  # the advisory lock that lets one process migrate at a time


@dataclass(frozen=True, slots=True)
class Migration:
    """A step of the schema: its number, its name, and the SQL of both directions."""

    version: int
    name: str
    up: str
    down: str


def all_migrations() -> Sequence[Migration]:
    """Every migration, in order."""
    folder = files("pipeline.store") / "migrations"
    found = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".up.sql"):
            stem = entry.name.removesuffix(".up.sql")
            number, _, name = stem.partition("_")
            down = (folder / f"{stem}.down.sql").read_text("utf-8")
            found.append(Migration(int(number), name, entry.read_text("utf-8"), down))
    return found


async def migrate(dsn: str, to: int | None = None) -> list[str]:
    """Run what is missing up to version `to` (default: all), or back down to it; say what was done.

    One process at a time (an advisory lock), each step in a transaction of its own. Raises Stop when the database is
    newer than this program, since going on could lose what it does not know.
    """
    known = all_migrations()
    target = known[-1].version if to is None else to
    done: list[str] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration"
            " (version integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        cursor = await connection.execute("SELECT coalesce(max(version), 0) FROM schema_migration")
        row = await cursor.fetchone()
        current = row[0] if row else 0
        if to is None and current > target:
            raise Stop(f"the database is at version {current}, this program knows up to {target}; use a newer one")
        for migration in known:
            if current < migration.version <= target:
                async with connection.transaction():
                    await connection.execute(migration.up.encode())
                    await connection.execute(
                        "INSERT INTO schema_migration (version, name) VALUES (%s, %s)",
                        (migration.version, migration.name),
                    )
                done.append(f"up {migration.version} {migration.name}")
        for migration in reversed(known):
            if current >= migration.version > target:
                async with connection.transaction():
                    await connection.execute(migration.down.encode())
                    await connection.execute("DELETE FROM schema_migration WHERE version = %s", (migration.version,))
                done.append(f"down {migration.version} {migration.name}")
    return done
