"""Writes the whole database into a file by PostgreSQL's own tools, with what else belongs to that moment."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pipeline.errors import Stop
from pipeline.store.connection import connected, retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("dumping.sql")


@dataclass(frozen=True, slots=True)
class Settled:
    """How far a partition was settled: in which cluster, the next offset."""

    topic: str
    partition: int
    cluster_id: str
    next: int


@dataclass(frozen=True, slots=True)
class Dumped:
    """What was there when the database was dumped; `blobs` are the digests of what it keeps in files."""

    schema: int
    positions: Sequence[Settled]
    blobs: Sequence[str]
    cases: int
    messages: int
    contacts: int


async def dump(dsn: str, file: Path, tool: Path) -> Dumped:
    """Write the database to `file`, as it is at one moment, while everything goes on; `tool` is pg_dump.

    Raises Stop when the tool fails, Retry when PostgreSQL is away.
    """
    async with retryable(), await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        (snapshot,) = await _row(connection, "snapshot")
        (schema,) = await _row(connection, "schema")
        positions = await (await connection.execute(_SQL["positions"])).fetchall()
        blobs = await (await connection.execute(_SQL["blobs"])).fetchall()
        counts = await _row(connection, "counts")
        wanted = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={file}")
        await _run(tool, dsn, *wanted)
    settled = [Settled(*row) for row in positions]
    return Dumped(int(str(schema)), settled, [row[0] for row in blobs], *(int(str(count)) for count in counts))


async def load(dsn: str, file: Path, tool: Path) -> None:
    """Fill an empty database from a dump, all of it or nothing; `tool` is pg_restore. Raises Stop when it fails."""
    await _run(tool, dsn, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(file))


async def is_empty(dsn: str) -> bool:
    """Whether no desk lives in the database. Raises Retry when PostgreSQL is away."""
    async with connected(dsn) as connection:
        return bool((await _row(connection, "is_empty"))[0])


async def _row(connection: psycopg.AsyncConnection, name: str) -> tuple[object, ...]:
    row = await (await connection.execute(_SQL[name])).fetchone()
    return row if row is not None else (None,)


async def _run(tool: Path, dsn: str, *arguments: str) -> None:
    """Run a tool; a password goes by the environment, where no list of processes shows it."""
    known = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    password = known.pop("password", None)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment = {**ours, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    process = await asyncio.create_subprocess_exec(
        tool, f"--dbname={make_conninfo('', **known)}", *arguments,
        env=environment, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    if process.returncode != 0:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise Stop(f"{tool.name} failed: {lines[-1] if lines else f'exit code {process.returncode}'}")
