"""A merged case gives all it has to its survivor, and gets it back."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain import casework
from pipeline.domain.activities import Activity
from pipeline.domain.cases import Case
from pipeline.domain.matching import Ref
from pipeline.domain.merging import Merged, merge, same_customer, unmerge
from pipeline.domain.orders import Refused

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def case(number: int, **values: object) -> Case:
    known: dict[str, Any] = {"state": "active", "status": "in progress", **values}
    return Case(id=UUID(int=number), title="Printer", priority="normal", origin="email", queue="Support", opened_at=AT,
                number=number, **known)  # fmt: skip


def activity(case_id: UUID | None, sender: str | None = None) -> Activity:
    return Activity(id=uuid4(), case_id=case_id, kind="email", direction="in", state="closed", at=AT, sender=sender)


def ref(name: str) -> Ref:
    return Ref(UUID(int=sum(name.encode())), name, name)


def parents(*cases: Case) -> dict[UUID, UUID | None]:
    return {one.id: one.parent for one in cases}


def merged(
    one: Case,
    into: Case,
    *,
    activities: Sequence[Activity] = (),
    children: Sequence[Case] = (),
    ancestors: Sequence[UUID] = (),
) -> Merged:
    done = merge(one, into, at=LATER, activities=activities, children=children, ancestors=ancestors, confirmed=False)
    assert isinstance(done, Merged)
    return done


def test_the_merged_case_is_cancelled_and_the_survivor_keeps_its_opening() -> None:
    one, into = case(1), case(2)
    done = merged(one, into)
    assert (one.state, one.status, one.merged_into) == ("cancelled", "merged", into.id)
    assert done.survivor == {}
    assert (into.opened_at, into.title, into.state) == (AT, "Printer", "active")


def test_cases_of_different_customers_need_confirmation() -> None:
    one, into = case(1, contact=ref("ana")), case(2, contact=ref("rui"))
    refused = merge(one, into, at=LATER, activities=(), children=(), ancestors=(), confirmed=False)
    assert refused == Refused("cases 1 and 2 are of different customers; say so (confirmed)")
    assert one.state == "active"
    assert merge(one, into, at=LATER, activities=(), children=(), ancestors=(), confirmed=True)


def test_colleagues_of_one_account_are_one_customer_and_nobodys_case_is_anybodys() -> None:
    acme = ref("acme")
    assert same_customer(case(1, contact=ref("ana"), account=acme), case(2, contact=ref("rui"), account=acme))
    assert same_customer(case(1), case(2, contact=ref("rui")))
    assert not same_customer(case(1, account=ref("acme")), case(2, account=ref("other")))


def test_a_case_is_merged_into_an_active_one_only() -> None:
    refused = merge(
        case(1), case(2, state="resolved", status="problem solved"), at=LATER, activities=(), children=(), ancestors=(),
        confirmed=True,
    )  # fmt: skip
    assert refused == Refused("case 2 is problem solved; reactivate it before another one is merged into it")


def test_merging_into_itself_or_twice_changes_nothing() -> None:
    one, into = case(1), case(2)
    assert merge(one, one, at=LATER, activities=(), children=(), ancestors=(), confirmed=True) is None
    merged(one, into)
    assert merge(one, into, at=LATER, activities=(), children=(), ancestors=(), confirmed=True) is None


def test_who_waits_longest_for_an_answer_waits_on() -> None:
    one, into = case(1, waiting_since=AT), case(2, waiting_since=LATER)
    assert merged(one, into).survivor == {"waiting_since": (LATER, AT)}
    assert one.waiting_since is None


def test_children_get_the_survivor_for_a_parent() -> None:
    one, into = case(1), case(2)
    child = case(3, parent=one.id)
    assert merged(one, into, children=[child]).children == {child.id: {"parent": (one.id, into.id)}}


def test_a_parent_merged_into_its_child_leaves_nobody_their_own_parent() -> None:
    top, one = case(9), case(1, parent=UUID(int=9))
    into, other = case(2, parent=one.id), case(3, parent=one.id)
    done = merged(one, into, children=[into, other], ancestors=[one.id, top.id])
    assert (into.parent, other.parent) == (top.id, into.id)
    back = unmerge(one, into, done.record, activities=(), children=[other], parents=parents(top, one, into, other))
    assert back is not None
    assert (into.parent, other.parent) == (one.id, one.id)


def test_a_child_that_came_to_stand_above_the_case_stays_where_it_is() -> None:
    top, into = case(9), case(2)
    one, child = case(1, parent=top.id), case(3, parent=UUID(int=1))
    done = merged(one, into, children=[child])
    top.parent = child.id
    back = unmerge(one, into, done.record, activities=(), children=[child], parents=parents(top, one, into, child))
    assert back is not None
    assert (child.parent, one.parent, top.parent) == (into.id, top.id, child.id)


def test_a_survivor_stays_where_it_is_when_its_former_parent_is_below_it_now() -> None:
    top, one = case(9), case(1, parent=UUID(int=9))
    into, other = case(2, parent=one.id), case(3)
    done = merged(one, into, ancestors=[one.id, top.id])
    one.parent, other.parent = other.id, into.id
    into.parent = one.parent
    back = unmerge(one, into, done.record, activities=(), children=[], parents=parents(top, one, into, other))
    assert back is not None
    assert into.parent == other.id


def test_unmerging_returns_what_came_and_leaves_what_arrived_since() -> None:
    one, into = case(1, participants=frozenset({"ana@x", "eva@x"})), case(2, participants=frozenset({"ana@x"}))
    came = activity(one.id)
    done = merged(one, into, activities=[came])
    assert into.participants == {"ana@x", "eva@x"}
    since = activity(into.id)
    back = unmerge(one, into, done.record, activities=[came, since], children=[], parents={})
    assert back is not None
    assert (list(back.activities), list(back.left)) == ([came.id], ["eva@x"])
    assert into.participants == {"ana@x"}
    assert (one.state, one.merged_into) == ("active", None)


def test_who_wrote_to_the_survivor_since_stays_a_participant() -> None:
    one, into = case(1, participants=frozenset({"eva@x"})), case(2)
    done = merged(one, into)
    back = unmerge(one, into, done.record, activities=[activity(into.id, "eva@x")], children=[], parents={})
    assert back is not None
    assert into.participants == {"eva@x"}


def test_what_an_agent_moved_elsewhere_since_stays_there() -> None:
    one, into = case(1), case(2)
    came = activity(one.id)
    done = merged(one, into, activities=[came])
    back = unmerge(one, into, done.record, activities=[], children=[], parents={})
    assert back is not None
    assert back.activities == ()


def test_a_resolved_case_comes_back_resolved() -> None:
    one, into = case(1, state="resolved", status="no answer", resolved_at=AT), case(2)
    done = merged(one, into)
    assert one.resolved_at is None
    assert unmerge(one, into, done.record, activities=[], children=[], parents={})
    assert casework.reactivate(one) == {"state": ("resolved", "active"), "status": ("no answer", "in progress")}


def test_a_case_that_was_not_merged_stays_as_it_is() -> None:
    one, into = case(1), case(2)
    done = merged(case(1), into)
    assert unmerge(one, into, done.record, activities=[], children=[], parents={}) is None


cases = st.builds(
    lambda number, waiting, people, state: case(
        number,
        waiting_since=waiting if state == "active" else None,
        participants=frozenset(people),
        state=state,
        status=casework.STATUSES[state][0],
        resolved_at=AT if state == "resolved" else None,
    ),
    st.just(1),
    st.none() | st.sampled_from([AT, LATER]),
    st.sets(st.sampled_from(["a@x", "b@x", "c@x"])),
    st.sampled_from(["active", "resolved", "cancelled"]),
)


@given(cases, st.sets(st.sampled_from(["a@x", "b@x", "c@x"])), st.none() | st.sampled_from([AT, LATER]))
def test_undoing_a_merge_at_once_leaves_no_trace(one: Case, people: set[str], waiting: datetime | None) -> None:
    into = case(2, participants=frozenset(people), waiting_since=waiting)
    before = deepcopy((one, into))
    done = merged(one, into)
    assert unmerge(one, into, done.record, activities=[], children=[], parents={})
    assert (one, into) == before
