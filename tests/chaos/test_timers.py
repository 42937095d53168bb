"""Four clocks that are killed at random: every timer fires once, in order per case, never early."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from pipeline.domain.cases import Case
from pipeline.domain.timers import Timer
from pipeline.store.ports import Changes
from pipeline.store.postgres import PostgresStore

ROOT = Path(__file__).parents[2]
CLOCKS, CASES, OF_EACH = 4, 200, 10
SPREAD_S = 6.0

pytestmark = [pytest.mark.chaos, pytest.mark.integration]


class Clocks:
    """Clock processes, each started anew when it was killed."""

    def __init__(self, dsn: str) -> None:
        self._command = [sys.executable, "-m", "tests.chaos.clock_agent", dsn]
        self._running = [self._start() for _ in range(CLOCKS)]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=ROOT)  # noqa: S603  # ours

    def kill_one(self, chance: random.Random) -> None:
        """Kill one at once, and start another in its stead."""
        number = chance.randrange(CLOCKS)
        self._running[number].kill()
        self._running[number].wait(10)
        self._running[number] = self._start()

    def stop(self) -> None:
        for clock in self._running:
            clock.kill()
            clock.wait(10)


@contextmanager
def clocks_on(dsn: str) -> Iterator[Clocks]:
    clocks = Clocks(dsn)
    try:
        yield clocks
    finally:
        clocks.stop()


async def arm(dsn: str, chance: random.Random) -> dict[str, Timer]:
    """Cases with timers, some due already, the others soon."""
    now = datetime.now(UTC)
    cases = [
        Case(id=uuid4(), title="t", state="active", status="in progress", priority="normal", origin="email",
             queue="Support", opened_at=now, number=1001 + number)
        for number in range(CASES)
    ]  # fmt: skip
    timers = {}
    for case in cases:
        for number in range(OF_EACH):
            at = now + timedelta(seconds=chance.uniform(-1, SPREAD_S))
            timers[f"{case.id}/{number}"] = Timer("tell", f"{case.id}/{number}", at, case.id)
    store = PostgresStore(dsn)
    async with store.transaction() as tx:
        await tx.write(Changes(opened=cases, timed={timer.place: timer for timer in timers.values()}))
    await store.close()
    return timers


def test_every_timer_fires_once_and_in_order_under_four_clocks_that_are_killed(new_database: Callable[[], str]) -> None:
    dsn, chance = new_database(), random.Random(4711)  # noqa: S311  # who is killed when
    timers = asyncio.run(arm(dsn, chance))
    kills = 0
    with psycopg.connect(dsn, autocommit=True) as connection, clocks_on(dsn) as clocks:
        until = time.monotonic() + 60
        while connection.execute("SELECT count(*) FROM timer").fetchone() != (0,):
            assert time.monotonic() < until, "timers are left"
            time.sleep(chance.uniform(0.2, 0.6))  # the pace of the killing
            clocks.kill_one(chance)
            kills += 1
        told = connection.execute(
            "SELECT key, seq, data -> 'changed' -> 'fired' FROM event ORDER BY key, seq"
        ).fetchall()
    fired = [(case, seq, key, datetime.fromisoformat(at)) for case, seq, (key, at) in told]
    assert kills >= CLOCKS
    assert sorted(key for _, _, key, _ in fired) == sorted(timers), "each once"
    assert [seq for _, seq, _, _ in fired] == [*range(1, OF_EACH + 1)] * CASES, "no hole"
    assert all(at >= timers[key].at for _, _, key, at in fired), "none early"
    for (case, _, first, _), (next_case, _, second, _) in pairwise(fired):
        assert case != next_case or timers[first].at <= timers[second].at, "the earlier one first"
