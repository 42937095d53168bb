"""What agents' orders change in a case, and that its events add up to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain import casework
from pipeline.domain.answers import answered
from pipeline.domain.cases import Case, State
from pipeline.domain.casework import FIELDS, PRIORITIES, RESTING, STATUSES, Changed
from pipeline.domain.matching import Ref

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA = Ref(UUID(int=1), "ana", "Ana")


def case(**values: object) -> Case:
    known: dict[str, Any] = {"state": "active", "status": "in progress", **values}
    return Case(id=uuid4(), title="Printer", priority="normal", origin="email", queue="Support", opened_at=AT, **known)


def test_resolving_ends_the_rest_and_the_wait() -> None:
    one = case(status="on hold", until=AT, waiting_since=AT)
    assert casework.resolve(one, at=AT) == {
        "state": ("active", "resolved"),
        "status": ("on hold", "problem solved"),
        "until": (AT, None),
        "waiting_since": (AT, None),
    }
    assert one.resolved_at == AT


@pytest.mark.parametrize("state", ["resolved", "cancelled"])
@pytest.mark.parametrize(
    "order",
    [
        lambda one: casework.resolve(one, at=AT),
        casework.cancel,
        casework.resume,
        lambda one: casework.rest(one, "on hold", None),
    ],
)
def test_what_needs_an_active_case_leaves_a_closed_one_alone(state: State, order: Callable[[Case], Changed]) -> None:
    one = case(state=state, status=STATUSES[state][0])
    assert order(one) == {}
    assert one.state == state


def test_a_case_that_was_merged_away_stays_so() -> None:
    assert casework.reactivate(case(state="cancelled", status="merged", merged_into=uuid4())) == {}


def test_another_end_of_the_same_rest_is_a_change() -> None:
    one = case()
    assert casework.rest(one, "on hold", AT) == {"status": ("in progress", "on hold"), "until": (None, AT)}
    assert casework.rest(one, "on hold", AT) == {}
    later = AT + timedelta(hours=1)
    assert casework.rest(one, "on hold", later) == {"until": (AT, later)}
    assert casework.resume(one) == {"status": ("on hold", "in progress"), "until": (later, None)}
    assert casework.resume(one) == {}


def test_a_status_of_another_state_is_none() -> None:
    one = case()
    assert casework.set_field(one, "status", "problem solved") == {}
    assert casework.set_field(one, "status", "researching") == {"status": ("in progress", "researching")}


def test_nobody_makes_a_case_merged_by_its_status() -> None:
    one = case(state="cancelled", status="cancelled")
    assert casework.set_field(one, "status", "merged") == {}


def test_a_title_is_never_empty() -> None:
    assert casework.set_field(case(), "title", " ") == {}


def test_own_fields_are_told_by_their_names() -> None:
    one = case()
    assert casework.set_field(one, "fields.tier", "gold") == {"fields.tier": (None, "gold")}
    assert casework.set_field(one, "fields.tier", "gold") == {}
    assert one.fields == {"tier": "gold"}


def test_an_owner_is_told_by_who_it_is_not_by_what_it_is_called() -> None:
    one = case(owner=ANA)
    assert casework.assign(one, Ref(ANA.id, "ana", "Ana B.")) == {}
    assert casework.assign(one, None) == {"owner": (ANA, None)}


moments = st.integers(0, 5).map(lambda hours: AT + timedelta(hours=hours))
orders = st.one_of(
    st.builds(lambda at, status: lambda one: casework.resolve(one, at=at, status=status), moments,
              st.sampled_from(STATUSES["resolved"])),
    st.just(casework.cancel),
    st.just(casework.reactivate),
    st.just(casework.resume),
    st.builds(lambda status, until: lambda one: casework.rest(one, status, until), st.sampled_from(RESTING),
              st.none() | moments),
    st.builds(lambda owner: lambda one: casework.assign(one, owner), st.none() | st.just(ANA)),
    st.builds(lambda at: lambda one: answered(one, at, "a"), moments),
    st.builds(lambda field, value: lambda one: casework.set_field(one, field, value),
              st.sampled_from(sorted(set(FIELDS) - {"priority", "status", "decrement"})), st.sampled_from(["a", "b"])),
    st.builds(lambda value: lambda one: casework.set_field(one, "priority", value), st.sampled_from(PRIORITIES)),
    st.builds(lambda value: lambda one: casework.set_field(one, "status", value),
              st.sampled_from([status for of_state in STATUSES.values() for status in of_state])),
)  # fmt: skip
TOLD = (
    "state",
    "status",
    "priority",
    "queue",
    "owner",
    "title",
    "until",
    "severity",
    "type",
    "product",
    "sla",
    "waiting_since",
    "first_response_at",
)


@given(st.lists(orders, max_size=12))
def test_what_the_events_say_adds_up_to_the_case(done: list[Callable[[Case], Changed]]) -> None:
    one = case()
    opened: Mapping[str, Any] = {name: getattr(one, name) for name in TOLD}
    told = {**opened, **casework.fold([order(one) for order in done])}
    assert {name: told[name] for name in TOLD} == {name: getattr(one, name) for name in TOLD}


@given(st.lists(orders, max_size=12))
def test_a_case_always_has_a_status_of_its_state(done: list[Callable[[Case], Changed]]) -> None:
    one = case()
    for order in done:
        order(one)
        assert one.status in STATUSES[one.state]
        assert one.until is None or one.status in RESTING
        assert (one.resolved_at is not None) == (one.state == "resolved")


@given(st.lists(orders, max_size=12))
def test_the_same_order_again_changes_nothing(done: list[Callable[[Case], Changed]]) -> None:
    one = case()
    for order in done:
        order(one)
        assert order(one) == {}
