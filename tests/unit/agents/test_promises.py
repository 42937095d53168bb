"""Promises when nobody kept the time for a while, or when they were configured anew meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import app
from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.rules import Rules, compile_rules
from pipeline.config import Config
from pipeline.domain.cases import Case
from pipeline.domain.kpi import Instance
from pipeline.store.memory import Memory, MemoryStore

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
RESOLUTION = {"name": "resolution", "warn_after": "3h", "fail_after": "4h", "met_when": "case.state == 'resolved'"}


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def rules(**kpi: Any) -> Rules:  # noqa: ANN401  # any setting
    promised = {"name": "Gold", "default": True, "kpi": [{**RESOLUTION, "on_fail": ["escalate"], **kpi}]}
    return compile_rules(Config.model_validate({"desk": {"secret": "0123456789abcdef"}, "sla": [promised]}))


async def open_case(store: MemoryStore, by: Rules) -> Case:
    case = Case(id=uuid4(), title="Printer", state="active", status="in progress", priority="normal", origin="email",
                queue="Support", opened_at=AT)  # fmt: skip
    batch = Batch(cases={case.id: case}, opened={case.id: case}, events=[CaseEvent("case.opened", Deed(AT), case)])
    async with store.transaction() as tx:
        await app.build_consequences(by)(batch, tx)
    return case


async def fire(store: MemoryStore, by: Rules, now: datetime) -> None:
    while (await app.build_timers(by, store).fire({}, now=now)).more:
        pass


def told(memory: Memory) -> list[tuple[str, float | None]]:
    return [
        (event.type.removeprefix("dev.casestream.").removesuffix(".v1"), event.data["kpi"]["late_s"])
        for event in memory.tables.events.values()
        if "kpi" in event.data
    ]


def the_promise(memory: Memory) -> Instance:
    (instance,) = memory.tables.kpis.values()
    return instance


def test_what_fell_due_while_nothing_ran_is_told_late_in_order_and_once() -> None:
    async def scene() -> Memory:
        memory = Memory()
        store = MemoryStore(memory)
        await open_case(store, rules())
        for _ in range(2):
            await fire(store, rules(), AT + hours(10))
        return memory

    memory = asyncio.run(scene())
    assert told(memory) == [("sla.started", None), ("sla.warned", 7 * 3600), ("sla.breached", 6 * 3600)]
    (case,) = memory.tables.cases.values()
    assert (case.priority, case.escalated) == ("high", True)


def test_a_promise_that_was_given_more_time_is_not_broken_at_its_old_deadline() -> None:
    async def scene() -> Memory:
        memory = Memory()
        store = MemoryStore(memory)
        await open_case(store, rules())
        await fire(store, rules(warn_after="7h", fail_after="8h"), AT + hours(4))
        return memory

    memory = asyncio.run(scene())
    assert told(memory)[:2] == [("sla.started", None), ("sla.warned", 3600)]
    assert the_promise(memory).fail_at == AT + hours(8)
    assert {row.timer.at for row in memory.tables.timers.values()} == {AT + hours(8)}


def test_a_promise_that_was_given_less_time_is_broken_when_somebody_looks() -> None:
    async def scene() -> Memory:
        memory = Memory()
        store = MemoryStore(memory)
        await open_case(store, rules())
        await fire(store, rules(warn_after=None, fail_after="2h"), AT + hours(3))
        return memory

    memory = asyncio.run(scene())
    assert [kind for kind, _ in told(memory)][-1] == "sla.breached"
    assert the_promise(memory).breached_at == AT + hours(2)


def test_a_promise_that_nobody_makes_any_more_ends() -> None:
    async def scene() -> Memory:
        memory = Memory()
        store = MemoryStore(memory)
        await open_case(store, rules())
        nothing = compile_rules(Config.model_validate({"desk": {"secret": "0123456789abcdef"}}))
        await fire(store, nothing, AT + hours(3))
        return memory

    memory = asyncio.run(scene())
    assert the_promise(memory).state == "cancelled"
    assert memory.tables.timers == {}


CHANGES = st.sampled_from([
    {"status": "on hold"}, {"status": "in progress"}, {"priority": "high"}, {"priority": "normal"},
    {"state": "resolved"}, {"state": "cancelled"}, {"state": "active"}, {"first_response_at": AT + hours(1)},
])  # fmt: skip
STORIES = st.lists(st.tuples(st.integers(1, 300), CHANGES), min_size=1, max_size=8)
SPLIT = compile_rules(Config.model_validate({
    "desk": {"secret": "0123456789abcdef"},
    "sla": [{"name": "Gold", "default": True, "pause_when": "case.status == 'on hold'", "kpi": [
        {"name": "resolution", "applies_when": "case.priority == 'high'", "fail_after": "2h", "warn_after": "1h",
         "met_when": "case.state == 'resolved'"},
        RESOLUTION,
        {"name": "first_response", "fail_after": "1h", "met_when": "case.first_response_at != null"},
    ]}],
}))  # fmt: skip


def changed(case: Case, wanted: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Change the case as a deed does."""
    found = {name: (getattr(case, name), value) for name, value in wanted.items() if getattr(case, name) != value}
    for name, (_, value) in found.items():
        setattr(case, name, value)
    if "state" in found:
        case.resolved_at = AT if case.state == "resolved" else None
    return found


async def lived(story: list[tuple[int, dict[str, Any]]], *, together: bool) -> list[dict[str, Any]]:
    """The promises on a case after the story, told in one transaction or one for each turn."""
    memory = Memory()
    store, follow = MemoryStore(memory), app.build_consequences(SPLIT)
    case = await open_case(store, SPLIT)
    now, events, wanted = AT, list[tuple[datetime, dict[str, Any]]](), story
    for minutes, one in wanted:
        now += timedelta(minutes=minutes)
        events.append((now, one))
    for part in [events] if together else [[event] for event in events]:
        async with store.transaction() as tx:
            cases = dict(await tx.lock_cases([case.id]))
            batch = Batch(cases=cases)
            for at, one in part:
                if told_as := changed(cases[case.id], one):
                    batch.touch(cases[case.id])
                    batch.events.append(CaseEvent("case.updated", Deed(at), cases[case.id], told_as))
            await follow(batch, tx)
    return [
        {**{name: getattr(one, name) for name in Instance.__slots__}, "id": None, "case_id": None, "is_new": None}
        for one in sorted(memory.tables.kpis.values(), key=lambda one: one.number)
    ]


@settings(deadline=None)  # the first one takes its time
@given(STORIES)
def test_however_what_happens_is_split_into_transactions_the_promises_are_the_same(
    story: list[tuple[int, dict[str, Any]]],
) -> None:
    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return await lived(story, together=True), await lived(story, together=False)

    one, other = asyncio.run(both())
    for instance in (*one, *other):
        instance["changed"] = None
    assert one == other
