"""Four workers at the same cases: whatever they order at once, nothing is lost and nothing is in a circle."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.casework.casework import Casework
from pipeline.agents.rules import compile_rules
from pipeline.config import parse_config
from pipeline.domain.cases import Case
from pipeline.domain.orders import Attach, Merge, Note, Order, Reactivate, Resolve, SetField, Unmerge
from pipeline.errors import Retry
from pipeline.store.casework_ports import WorkActivity, WorkChanges
from pipeline.store.ports import Changes
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CASES = 5
MESSAGES = 12
WORKERS = 4
ORDERS = 40


def a_case(number: int) -> Case:
    return Case(id=uuid4(), title=str(number), state="active", status="in progress", priority="normal", origin="email",
                queue="Support", opened_at=AT, number=number, revision=1)  # fmt: skip


def a_message(case: Case) -> WorkActivity:
    return WorkActivity(id=uuid4(), case_id=case.id, kind="email", direction="in", state="closed", subject="", body="",
                        at=AT)  # fmt: skip


def any_order(chance: random.Random, cases: list[Case], messages: list[WorkActivity]) -> Order:
    other, message = chance.choice(cases).id, chance.choice(messages).id
    orders: list[Order] = [Merge(other, confirmed=True), Merge(other, confirmed=True), Unmerge(), Attach(message),
                           SetField("parent", other), Note("So."), Reactivate(),
                           Resolve(cancel_open=True, children="close")]  # fmt: skip
    return chance.choice(orders)


@pytest.mark.parametrize("seed", range(3))
def test_what_they_order_at_once_loses_nothing(seed: int, new_database: Callable[[], str]) -> None:
    dsn = new_database()
    cases = [a_case(1001 + number) for number in range(CASES)]
    messages = [a_message(cases[number % CASES]) for number in range(MESSAGES)]
    asyncio.run(everybody(dsn, seed, cases, messages))
    with psycopg.connect(dsn) as connection:
        lie_in: dict[UUID, UUID] = dict(
            connection.execute("SELECT id, case_id FROM activity WHERE kind = 'email'").fetchall()
        )
        merged: dict[UUID, UUID] = dict(
            connection.execute("SELECT id, merged_into FROM cases WHERE merged_into IS NOT NULL").fetchall()
        )
        parents: dict[UUID, UUID] = dict(
            connection.execute("SELECT id, parent FROM cases WHERE parent IS NOT NULL").fetchall()
        )
        remembered = {row[0] for row in connection.execute("SELECT merged FROM case_merge").fetchall()}
        events = connection.execute("SELECT key, seq FROM event").fetchall()
        sequences: dict[UUID, int] = dict(connection.execute("SELECT id, event_seq FROM cases").fetchall())
    assert lie_in.keys() == {message.id for message in messages}, "a message is gone"
    assert not merged.keys() & set(lie_in.values()), "a message lies in a case that was merged away"
    assert remembered == merged.keys()
    assert all(ends(case, merged) and ends(case, parents) for case in sequences)
    told = Counter(UUID(key) for key, _ in events)
    assert {case: count for case, count in sequences.items() if count} == told
    assert len(set(events)) == len(events)


def ends(case: UUID, above: dict[UUID, UUID]) -> bool:
    seen: set[UUID] = set()
    while case in above and case not in seen:
        seen.add(case)
        case = above[case]
    return case not in seen


async def everybody(dsn: str, seed: int, cases: list[Case], messages: list[WorkActivity]) -> None:
    store = PostgresStore(dsn)
    async with store.transaction() as tx:
        await tx.write(Changes(opened=cases, work=WorkChanges(activities=messages)))
    await store.close()
    await asyncio.gather(*(somebody(dsn, random.Random(seed * 10 + who), cases, messages) for who in range(WORKERS)))  # noqa: S311  # repeatable


async def somebody(dsn: str, chance: random.Random, cases: list[Case], messages: list[WorkActivity]) -> None:
    rules = compile_rules(parse_config('[desk]\nsecret = "the secret of this desk"\n'))
    store = PostgresStore(dsn)
    casework: Casework = app.build_casework(rules, store)
    for _ in range(ORDERS):
        order = any_order(chance, cases, messages)
        while True:
            try:
                await casework.do(chance.choice(cases).id, order, Deed(AT))
                break
            except Retry:
                continue
    await store.close()
