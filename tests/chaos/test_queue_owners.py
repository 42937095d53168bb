"""Whatever is taken, given and released at once by several workers: an item has one owner, and nobody too much."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.queues.desk import Given, QueueDesk
from pipeline.agents.rules import compile_rules
from pipeline.config import parse_config
from pipeline.domain.cases import Case
from pipeline.domain.timers import Timer
from pipeline.errors import Retry
from pipeline.store.ports import Changes
from pipeline.store.postgres import PostgresStore
from pipeline.store.queue_ports import QueueChanges, QueueItem

pytestmark = [pytest.mark.chaos, pytest.mark.integration]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AGENTS = ("ana", "rui", "eva")
CAPACITY, UNITS, CASES, WORKERS = 60, 10, 60, 4
CONFIG = """
[desk]
secret = "a-secret-of-the-test-desk"
[[route]]
name = "all"
when = "true"
assign = "least_active"
"""


def test_an_item_has_one_owner_under_four_workers(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    asyncio.run(_run(dsn))
    owners: dict[UUID, UUID | None] = {}
    with psycopg.connect(dsn) as connection:
        agents = dict(connection.execute("SELECT id, external_id FROM agent").fetchall())
        owners = dict(connection.execute("SELECT id, owner_id FROM cases").fetchall())
        items = dict(connection.execute("SELECT ref, owner FROM queue_item").fetchall())
        events = connection.execute(
            "SELECT key, data FROM event WHERE type LIKE '%case.assigned%' ORDER BY key, seq"
        ).fetchall()
    assert items == owners, "the queue and the case say the same"
    assert sum(owner is not None for owner in owners.values()) > len(AGENTS)
    assert set(owners.values()) <= {None, *agents}
    held: dict[str, str | None] = {}
    for key, data in events:  # each hand-over begins with who had it before: nobody took what another had
        before, after = data["changed"]["owner"]
        assert held.get(key) == (before["external_id"] if before else None)
        held[key] = after["external_id"] if after else None
    assert {key: agents.get(owner) for key, owner in ((str(case), owner) for case, owner in owners.items())} == {
        str(case): held.get(str(case)) for case in owners
    }
    assert any(data["actor"] == {"kind": "rule", "id": "least_active"} for _, data in events)
    given = Counter(data["changed"]["owner"][1]["external_id"] for _, data in events if data["changed"]["owner"][1])
    assert sum(given.values()) >= CAPACITY // UNITS


async def _run(dsn: str) -> None:
    config = parse_config(CONFIG, {"postgres": {"dsn": dsn}})
    rules = compile_rules(config)
    stores = [PostgresStore(dsn) for _ in range(WORKERS + 1)]
    try:
        await _fill_desk(dsn, stores[0])
        desks = [app.build_queue_desk(rules, store) for store in stores[:WORKERS]]
        timers = app.build_timers(rules, stores[WORKERS])
        done = asyncio.Event()

        async def clock() -> None:
            while not done.is_set():
                await _patiently(lambda: timers.fire({}, now=NOW + timedelta(hours=1)))
                await asyncio.sleep(0)

        ticking = asyncio.create_task(clock())
        await asyncio.gather(*(_work(desk, number) for number, desk in enumerate(desks)))
        done.set()
        await ticking
    finally:
        for store in stores:
            await store.close()


async def _work(desk: QueueDesk, number: int) -> None:
    random = Random(number)  # noqa: S311  # who does what when is to be the same in each run
    have: list[tuple[str, UUID]] = []
    for step in range(40):
        by = Deed(NOW + timedelta(seconds=step), actor_id=AGENTS[number % len(AGENTS)])
        if have and random.random() < 0.4:
            agent, ref = have.pop(random.randrange(len(have)))
            await _patiently(lambda agent=agent, ref=ref, by=by: desk.release(agent, ref, by))
        else:
            agent = random.choice(AGENTS)
            given = await _patiently(lambda agent=agent, by=by: desk.pick(agent, by))
            if isinstance(given, Given):
                have.append((agent, given.item.ref))


async def _patiently(ask: Callable[[], object]) -> object:
    """The answer, asked again while the store asks for that."""
    while True:
        try:
            return await ask()  # type: ignore[misc]  # a coroutine each time
        except Retry:
            await asyncio.sleep(0)


async def _fill_desk(dsn: str, store: PostgresStore) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for name in AGENTS:
            await connection.execute(
                "INSERT INTO agent (id, external_id, name, queues, skills, capacity, away)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (uuid4(), name, name, ["Support"], Jsonb({}), CAPACITY, Jsonb([])),
            )
    async with store.transaction() as tx:
        numbers = await tx.case_numbers(CASES)
        cases = [
            Case(id=uuid4(), number=number, title="t", state="active", status="in progress", priority="normal",
                 origin="email", queue="Support", opened_at=NOW)
            for number in numbers
        ]  # fmt: skip
        items = [
            QueueItem(kind="case", ref=case.id, queue="Support", since=NOW, units=UNITS, assign="least_active")
            for case in cases
        ]
        timers = [Timer("queue.fill", str(case.id), NOW, data={"queue": "Support"}) for case in cases]
        await tx.write(
            Changes(
                opened=cases,
                queues=QueueChanges({(item.kind, item.ref): item for item in items}),
                timed={timer.place: timer for timer in timers},
            )
        )
