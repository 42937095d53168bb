"""One active alarm for each device and rule, whoever judges what it tells."""

import asyncio
from collections import defaultdict
from datetime import timedelta

import psycopg
import pytest
from device_desk import START, config_of, message, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import app
from pipeline.agents.rules import compile_rules
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Partition

pytestmark = pytest.mark.integration

WORKERS = 4

readings = st.lists(
    st.tuples(
        st.integers(0, WORKERS - 1),  # which worker gets it
        st.sampled_from(["pump-1", "pump-2"]),
        st.sampled_from([20, 65, 80, 120]),
        st.sampled_from([0, 5, 45]),  # seconds since the one before
    ),
    min_size=4,
    max_size=24,
)
told = st.lists(st.integers(1, 5), min_size=1, max_size=10)


async def settled(dsn: str, told: list[tuple[int, str, int, int]], sizes: list[int]) -> None:
    """Let four workers settle what each got, and a clock fire what is due meanwhile."""
    config = config_of(dsn=dsn)
    stores = [PostgresStore(dsn) for _ in range(WORKERS + 1)]
    parts: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    seconds = 0
    for worker, device, value, later in told:
        seconds += later
        parts[worker].append((device, value, seconds))
    bounds = {Partition("inbound.iot", worker): Bounds(0, 100) for worker in range(WORKERS)}
    await PostgresLedger(dsn).assign("test", bounds)

    async def work(worker: int) -> None:
        settle = app.build_settler(config, stores[worker])
        records = [
            record([message(device, temperature=value)], seconds=at, partition=worker, offset=offset)
            for offset, (device, value, at) in enumerate(parts[worker])
        ]
        place = 0
        while records:
            size = sizes[place % len(sizes)]
            await settle(records[:size])
            records, place = records[size:], place + 1

    async def tick() -> None:
        timers = app.build_timers(compile_rules(config), stores[-1])
        for second in range(0, seconds + 60, 20):
            await timers.fire({}, now=START + timedelta(seconds=second))

    await asyncio.gather(tick(), *(work(worker) for worker in range(WORKERS)))
    for store in stores:
        await store.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=readings, sizes=told)
def test_an_alarm_is_raised_and_cleared_in_turns(
    migrated: str, told: list[tuple[int, str, int, int]], sizes: list[int]
) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        for table in ("cases", "activity", "message", "raw_message", "event", "outbox", "rule_alarm", "device_watch",
                      "device_state", "timer", "offset_ledger", "event_sequence", "case_why"):  # fmt: skip
            connection.execute(f"TRUNCATE {table} CASCADE".encode())
        asyncio.run(settled(migrated, told, sizes))
        rows = connection.execute(
            "SELECT event.data -> 'alarm' ->> 'device', event.data -> 'alarm' ->> 'name', split_part(type, '.', 4),"
            " event.data -> 'case' ->> 'id'"
            " FROM outbox JOIN event ON event.id = outbox.event_id WHERE type LIKE '%.alarm.%' ORDER BY ord"
        ).fetchall()
        active = connection.execute(
            "SELECT device, rule, case_id::text FROM rule_alarm WHERE state = 'active'"
        ).fetchall()
    moves: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for device, rule, kind, case in rows:
        moves[device, rule].append((kind, case))
    for kinds in moves.values():
        turns = [kind for kind, _ in kinds if kind != "updated"]
        assert turns == ["raised", "cleared"] * (len(turns) // 2) + ["raised"] * (len(turns) % 2)
    standing = {name: kinds[-1][1] for name, kinds in moves.items() if kinds[-1][0] != "cleared"}
    assert standing == {(device, rule): case for device, rule, case in active}
