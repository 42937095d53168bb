"""What is left of an entitlement is its total less the ledger, whatever four workers do to its cases at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.rules import compile_rules
from pipeline.app import build_casework, build_consequences
from pipeline.config import parse_config
from pipeline.domain.cases import Case
from pipeline.domain.entitlement import NOTHING_LEFT, Terms
from pipeline.domain.matching import Ref
from pipeline.domain.orders import Cancel, Order, Reactivate, Resolve
from pipeline.errors import Retry
from pipeline.store.entitlement_records import Agreed, upsert_entitlements
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACME = Ref(UUID(int=1), "acme", "Acme")
WORKERS = 4
DEEDS = 30

BY_OPENING = Terms(total=6, channels={"phone": 2})
BY_RESOLVING = Terms(total=5, decrement_on="resolution")
IN_HOURS = Terms(allotment="hours", total=5 * 900 + 400, channels={"phone": 4 * 900})
UNRESTRICTED = Terms(total=3, restrict=False)

ORDERS: Mapping[str, Order] = {"cancel": Cancel(), "resolve": Resolve(), "reactivate": Reactivate()}


class Killed(Exception):  # noqa: N818  # what happened to it
    """A worker that ends in the middle of its transaction."""


class Desk:
    """One desk, on which workers open, close and reopen cases of one account."""

    def __init__(self, dsn: str) -> None:
        rules = compile_rules(parse_config('[desk]\nsecret = ["the only secret of this desk"]\n'))
        self.dsn = dsn
        self.cases: list[UUID] = []
        self.stores = [PostgresStore(dsn) for _ in range(WORKERS)]
        self.consequences = build_consequences(rules)
        self.caseworks = [build_casework(rules, store) for store in self.stores]

    async def agree(self, *terms: Terms) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            insert = "INSERT INTO account (id, external_id, name) VALUES (%s, %s, %s)"
            await connection.execute(insert, (ACME.id, ACME.external_id, ACME.name))
            agreed = [
                Agreed(external_id=f"e{n}", terms=one, account="acme", ends=NOW + timedelta(days=n))
                for n, one in enumerate(terms, start=1)
            ]
            await upsert_entitlements(connection, agreed)

    async def work(self, worker: int, seed: int) -> None:
        """So many deeds, each as the dice say."""
        dice = random.Random(f"{seed} {worker}")  # noqa: S311  # a test that can be repeated
        for number in range(DEEDS):
            deed = dice.choices(["open", "cancel", "resolve", "reactivate", "spare", "die"], [5, 3, 4, 4, 1, 2])[0]
            case = dice.choice(self.cases) if self.cases and deed not in {"open", "die"} else None
            at, origin = NOW + timedelta(seconds=number), dice.choice(["email", "phone", "web"])
            if deed == "die":
                with pytest.raises(Killed):
                    await again(self.open, worker, origin, at, deed)
            elif case is None:
                await again(self.open, worker, origin, at, deed)
            else:
                await again(self.move, worker, case, deed, at)

    async def move(self, worker: int, case: UUID, deed: str, at: datetime) -> None:
        """Cancel a case, resolve it, work on it again, or spare it; where it was spared, let it count."""
        order = ORDERS.get(deed)
        if order is not None:
            await self.caseworks[worker].do(case, order, Deed(at))
        else:
            await self.spare(worker, case, at)

    async def open(self, worker: int, origin: str, at: datetime, deed: str) -> None:
        case = Case(
            id=uuid4(), title="Printer", state="active", status="in progress", priority="normal", origin=origin,
            queue="Support", opened_at=at, account=ACME,
        )  # fmt: skip
        async with self.stores[worker].transaction() as tx:
            batch = Batch(cases={case.id: case}, opened={case.id: case})
            batch.events.append(CaseEvent("case.opened", Deed(at), case))
            await self.consequences(batch, tx)
            if deed == "die":
                raise Killed
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            insert = (
                "INSERT INTO activity (id, case_id, kind, direction, state, subject, body, at, billable_s)"
                " VALUES (%s, %s, %s, 'in', 'closed', '', '', %s, 900)"
            )
            await connection.execute(insert, (uuid4(), case.id, origin, at))
        self.cases.append(case.id)

    async def spare(self, worker: int, case_id: UUID, at: datetime) -> None:
        async with self.stores[worker].transaction() as tx:
            case = (await tx.lock_cases([case_id]))[case_id]
            changed = {"decrement": (case.decrement, not case.decrement)}
            case.decrement = not case.decrement
            batch = Batch(cases={case.id: case})
            batch.touch(case)
            batch.events.append(CaseEvent("case.updated", Deed(at), case, changed))
            await self.consequences(batch, tx)

    async def ask(self, statement: str, *values: object) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(self.dsn, row_factory=dict_row) as connection:
            return await (await connection.execute(statement.encode(), values)).fetchall()

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


async def again(deed: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """As every writer does when the store asks to try again."""
    while True:
        try:
            return await deed(*arguments)
        except Retry:
            continue


def units(terms: Terms, case: dict[str, Any]) -> int:
    """What a case should hold of an entitlement where there is enough."""
    if not case["decrement"] or case["state"] == "cancelled":
        return 0
    if terms.allotment == "hours":
        return 900 if case["state"] == "resolved" else 0
    return 1 if terms.decrement_on == "open" or case["state"] == "resolved" else 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "terms",
    [(BY_OPENING,), (BY_RESOLVING,), (IN_HOURS,), (UNRESTRICTED,), (BY_OPENING, BY_RESOLVING, IN_HOURS)],
    ids=["by opening", "by resolving", "in hours", "unrestricted", "one after the other"],
)
def test_the_balance_is_the_total_less_the_ledger(
    terms: tuple[Terms, ...], seed: int, new_database: Callable[[], str]
) -> None:
    async def whole() -> None:
        desk = Desk(new_database())
        try:
            await desk.agree(*terms)
            await asyncio.gather(*(desk.work(worker, seed) for worker in range(WORKERS)))
            for number, one in enumerate(terms, start=1):
                await judge(desk, f"e{number}", one)
        finally:
            await desk.close()

    asyncio.run(whole())


async def judge(desk: Desk, name: str, terms: Terms) -> None:
    (row,) = await desk.ask("SELECT used, used_by, exhausted_at FROM entitlement WHERE external_id = %s", name)
    lines = await desk.ask("SELECT * FROM entitlement_ledger WHERE entitlement = %s ORDER BY ord", name)
    assert row["used"] == sum(line["units"] for line in lines)
    for channel in ("email", "phone", "web"):
        on_channel = sum(line["units"] for line in lines if line["channel"] == channel)
        assert row["used_by"].get(channel, 0) == on_channel
        if terms.restrict and channel in terms.channels:
            assert on_channel <= terms.channels[channel]
    if terms.restrict and terms.total is not None:
        assert row["used"] <= terms.total
        so_far = 0
        for line in lines:
            so_far += line["units"]
            assert so_far <= terms.total, "below zero, if only for a moment"
    cases = await desk.ask("SELECT id, state, decrement, flags FROM cases WHERE entitlement = %s", name)
    for case in cases:
        drawn = sum(line["units"] for line in lines if line["case_id"] == case["id"])
        wanted = units(terms, case)
        assert drawn == wanted or (drawn < wanted and terms.restrict and NOTHING_LEFT in case["flags"])
    others = {line["case_id"] for line in lines} - {case["id"] for case in cases}
    assert all(sum(line["units"] for line in lines if line["case_id"] == other) == 0 for other in others)
    told = await desk.ask(
        "SELECT data FROM event WHERE type = 'dev.casestream.entitlement.exhausted.v1'"
        " AND data -> 'entitlement' ->> 'external_id' = %s", name
    )  # fmt: skip
    assert len(told) == (row["exhausted_at"] is not None)
    if terms.total is not None and row["used"] >= terms.total:
        assert told, "that it is used up is told"
