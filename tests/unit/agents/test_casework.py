"""Whatever agents order, what the events tell adds up to the case, and nothing that was written down is lost."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_desk import ANA, EVA, START, Desk, mail

from pipeline.agents.batch import Deed
from pipeline.domain.cases import Case
from pipeline.domain.orders import (
    Attach,
    Cancel,
    Done,
    Hold,
    Log,
    Merge,
    Note,
    Order,
    Plan,
    Reactivate,
    Refused,
    Reply,
    Resolve,
    Resume,
    SetField,
    Unmerge,
)

VIEW = ("title", "status", "state", "priority")
"""Fields of a case that every event shows as they are, and `changed` as they became."""

texts = st.sampled_from(["one", "two"])
cases = st.integers(0, 2)
orders: st.SearchStrategy[tuple[int, Callable[[list[Case], Desk], Order]]] = st.tuples(
    cases,
    st.one_of(
        st.builds(lambda text: lambda *_: Note(text), texts),
        st.builds(lambda text, waits: lambda *_: Reply(text=text, waits=waits), texts, st.booleans()),
        st.just(lambda *_: Hold()),
        st.just(lambda *_: Resume()),
        st.builds(
            lambda children: lambda *_: Resolve(cancel_open=True, children=children),
            st.sampled_from([None, "close", "keep"]),
        ),
        st.just(lambda *_: Cancel()),
        st.just(lambda *_: Reactivate()),
        st.builds(lambda into: lambda known, _: Merge(known[into].id, confirmed=True), cases),
        st.just(lambda *_: Unmerge()),
        st.builds(lambda into: lambda known, _: SetField("parent", known[into].id), cases),
        st.builds(lambda value: lambda *_: SetField("priority", value), st.sampled_from(["low", "urgent"])),
        st.builds(lambda text: lambda *_: Plan(subject=text), texts),
        st.builds(lambda text: lambda *_: Log(subject=text, duration_s=60, billable=True), texts),
        st.builds(lambda number: lambda _, desk: Attach(_message(desk, number)), st.integers(0, 2)),
    ),
)


def _message(desk: Desk, number: int) -> UUID:
    """The activity of one of the three mails."""
    mails = [activity for activity in desk.memory.tables.activities.values() if activity.direction == "in"]
    return mails[number].id


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(orders, min_size=3, max_size=14))
def test_events_add_up_and_nothing_is_lost(
    ordered: list[tuple[int, Callable[[list[Case], Desk], Order]]],
) -> None:
    desk = Desk()
    names = ("Printer", "Scanner", "Screen")
    known = [
        desk.case_with(mail(name, subject=name, text=name, sender=sender))
        for name, sender in zip(names, (ANA, ANA, EVA), strict=True)
    ]
    for minutes, (number, order) in enumerate(ordered):
        tables = desk.memory.tables
        before = {activity.id: activity for activity in tables.activities.values()}
        done = desk.do(known[number], order(known, desk), START + timedelta(minutes=minutes))
        assert isinstance(done, Done | Refused)
        assert before.keys() <= desk.memory.tables.activities.keys(), "an activity is gone"
        _hold(desk)


def _hold(desk: Desk) -> None:
    tables = desk.memory.tables
    for case in tables.cases.values():
        events = [event.data for event in tables.events.values() if event.key == str(case.id)]
        assert _folded(events) == {name: getattr(case, name) for name in VIEW}
        assert case.event_seq == len(events)
        assert case.merged_into is None or case.status == "merged"
        above, parent = {case.id}, case.parent
        while parent is not None:
            assert parent not in above, "a case is its own parent"
            above.add(parent)
            parent = tables.cases[parent].parent
    merged = {case.id for case in tables.cases.values() if case.merged_into is not None}
    assert merged == tables.merges.keys()
    assert not any(activity.case_id in merged for activity in tables.activities.values())


def _folded(events: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first event shows the case as it was opened; each later one says what changed."""
    told = {name: events[0]["case"][name] for name in VIEW}
    for event in events[1:]:
        told |= {name: new for name, (_, new) in event["changed"].items() if name in VIEW}
        assert event["case"]["id"] == events[0]["case"]["id"]
    return told


def test_an_order_on_a_case_that_is_not_there_is_a_mistake_of_the_caller() -> None:
    desk = Desk()
    casework = desk._casework

    async def do() -> None:
        await casework.do(UUID(int=7), Note("So."), Deed(START))

    with pytest.raises(LookupError, match=f"there is no case {UUID(int=7)}"):
        asyncio.run(do())
