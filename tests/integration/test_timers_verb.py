"""`casestream timers` shows what could not be fired, and lets it be tried again."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from desk import Desk, lines

from pipeline.domain.timers import MOST_FAILURES, Timer
from pipeline.store.ports import Changes
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STUCK = Timer("case.until", "stuck", NOW)


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("TRUNCATE timer")
    return Desk(tmp_path, migrated)


async def fail(dsn: str, times: int) -> None:
    store = PostgresStore(dsn)
    async with store.transaction() as tx:
        await tx.write(Changes(timed={STUCK.place: STUCK}))
    for _ in range(times):
        async with store.transaction() as tx:
            await tx.put_off({STUCK.place: "ZeroDivisionError()"}, NOW)
    await store.close()


def test_what_fails_is_told_with_its_reason_and_tried_again(desk: Desk) -> None:
    assert desk.casestream("timers", "list").returncode == 0
    asyncio.run(fail(desk.dsn, 1))
    shown = desk.casestream("timers", "list", "--json")
    (one,) = lines(shown)
    assert (one["key"], one["failures"], one["reason"], one["set_aside"]) == ("stuck", 1, "ZeroDivisionError()", None)
    assert shown.returncode == 0
    asyncio.run(fail(desk.dsn, MOST_FAILURES))
    shown = desk.casestream("timers", "list")
    assert shown.returncode == 1
    assert f"failed {MOST_FAILURES} times, set aside: ZeroDivisionError()" in shown.stdout
    assert lines(desk.casestream("timers", "retry", "stuck", "--json")) == [{"kind": "case.until", "key": "stuck"}]
    assert desk.casestream("timers", "list").returncode == 0
    nothing = desk.casestream("timers", "retry")
    assert (nothing.returncode, nothing.stderr.strip()) == (1, "casestream: no timer fails")
