"""What stands in the way of resolving, and what the time of a case amounts to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.activities import Activity
from pipeline.domain.billing import Line, Rounding, billable_s, told_time
from pipeline.domain.cases import Case
from pipeline.domain.orders import Children, Refused, Resolve
from pipeline.domain.resolution import ChildrenPolicy, closes_children, correction, lines, objection, total_s

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def activity(kind: str = "phone", state: str = "closed", **values: object) -> Activity:
    known: dict[str, Any] = values
    return Activity(id=uuid4(), case_id=None, kind=kind, direction="in", state=state, at=AT, **known)


def case(number: int) -> Case:
    return Case(id=uuid4(), title="Printer", state="active", status="in progress", priority="normal", origin="email",
                queue="Support", opened_at=AT, number=number)  # fmt: skip


def says(
    order: Resolve,
    *,
    activities: tuple[Activity, ...] = (),
    children: tuple[Case, ...] = (),
    policy: ChildrenPolicy = "ask",
    missing: tuple[str, ...] = (),
) -> str | None:
    refused = objection(
        case(1001), order, activities=activities, children=children, policy=policy, missing_steps=missing
    )
    return refused.reason if refused else None


def test_nothing_stands_in_the_way_of_a_case_whose_activities_are_closed() -> None:
    assert says(Resolve(), activities=(activity(), activity("email"), activity("task", "cancelled"))) is None


def test_a_call_in_progress_blocks_whatever_the_order_says() -> None:
    told = says(Resolve(cancel_open=True), activities=(activity(state="open"),))
    assert told == "case 1001 is not resolved: a call is in progress; resolve it when somebody has hung up"


def test_a_required_step_blocks() -> None:
    assert says(Resolve(), missing=("Serial number",)) == (
        "case 1001 is not resolved: steps of its process are required and empty: Serial number"
    )


def test_open_activities_are_asked_about() -> None:
    tasks = (activity("task", "open", subject="Order toner"),)
    assert says(Resolve(), activities=tasks) == (
        'case 1001 is not resolved: task "Order toner" would be cancelled; say so (cancel_open) or close them before'
    )
    assert says(Resolve(cancel_open=True), activities=tasks) is None


@pytest.mark.parametrize(
    ("policy", "answer", "resolved", "closes"),
    [
        ("ask", None, False, False),
        ("ask", "close", True, True),
        ("ask", "keep", True, False),
        ("close", None, True, True),
        ("refuse", "close", False, False),
    ],
)
def test_open_children_are_asked_about_or_closed_or_refused(
    policy: ChildrenPolicy, answer: Children | None, *, resolved: bool, closes: bool
) -> None:
    order = Resolve(children=answer)
    assert (says(order, children=(case(1002),), policy=policy) is None) == resolved
    assert closes_children(order, policy) == closes


def test_very_many_open_activities_are_counted() -> None:
    tasks = tuple(activity("task", "open", subject=str(number)) for number in range(8))
    assert 'task "4" and 3 more' in (says(Resolve(), activities=tasks) or "")


def test_three_calls_of_15_minutes_make_45() -> None:
    calls = [activity(duration_s=960, billable_s=900) for _ in range(3)]
    assert billable_s(lines(calls, Rounding())) == 45 * 60
    assert total_s(calls) == 48 * 60


def test_what_is_open_or_cancelled_is_not_billed_nor_is_the_resolution() -> None:
    all_ = [
        activity(state="open", billable_s=60, duration_s=60),
        activity("task", "cancelled", billable_s=60, duration_s=60),
        activity("resolution", billable_s=60, duration_s=60),
        activity("email"),
    ]
    assert lines(all_, Rounding()) == []
    assert total_s(all_) == 0


def test_time_is_rounded_for_each_activity_and_a_correction_is_not() -> None:
    rounding = Rounding.of(timedelta(minutes=15), timedelta(minutes=5))
    calls = [activity(billable_s=1), activity(billable_s=901), activity("note", billable_s=-30, adjusts=True)]
    assert [line.seconds for line in lines(calls, rounding)] == [900, 1800, -30]


def test_a_minimum_alone_rounds_nothing() -> None:
    rounding = Rounding.of(timedelta(seconds=1), timedelta(minutes=5))
    assert [rounding(seconds) for seconds in (0, 1, 299, 301)] == [0, 300, 300, 301]


def test_another_billable_time_is_a_line_and_needs_a_reason() -> None:
    billed = lines([activity(billable_s=2700)], Rounding())
    assert correction(Resolve(), billed) == 0
    assert correction(Resolve(billable_s=2700), billed) == 0
    assert correction(Resolve(billable_s=1800, why="our mistake"), billed) == -900
    assert correction(Resolve(billable_s=1800), billed) == Refused(
        "a billable time of 0:30:00 rather than 0:45:00 needs a reason (why)"
    )
    assert correction(Resolve(billable_s=-1, why="no"), billed) == Refused("a billable time is not negative")


def test_time_is_told_as_people_read_it() -> None:
    assert [told_time(seconds) for seconds in (0, 65, -3665)] == ["0:00:00", "0:01:05", "-1:01:05"]


@given(
    st.lists(st.builds(Line, st.uuids(), st.just("phone"), st.integers(-900, 900), st.booleans(), st.booleans())),
    st.integers(0, 9000),
)
def test_after_a_correction_the_lines_are_what_is_wanted(billed: list[Line], wanted: int) -> None:
    seconds = correction(Resolve(billable_s=wanted, why="agreed"), billed)
    assert isinstance(seconds, int)
    assert billable_s([*billed, Line(uuid4(), "note", seconds)]) == wanted


@given(st.integers(0, 100_000), st.integers(1, 3600), st.integers(0, 3600))
def test_rounding_never_takes_time_away_nor_adds_a_whole_step(seconds: int, round_s: int, minimum_s: int) -> None:
    counted = Rounding(round_s, minimum_s)(seconds)
    assert counted % round_s == 0 if seconds else counted == 0
    assert counted - max(seconds, minimum_s if seconds else 0) in range(round_s)
