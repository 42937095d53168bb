"""What became of what left is told once, with all that follows, on any store."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import NOW, a_case
from worlds import World, on_a_new_desk

from pipeline import app
from pipeline.agents.deliveries import UNDELIVERED, Became, Deliveries
from pipeline.agents.rules import compile_rules
from pipeline.config import Config
from pipeline.domain.answers import answered
from pipeline.domain.cases import Case
from pipeline.domain.deliveries import State, follows, told_as
from pipeline.store.casework_ports import Moved, WorkActivity, WorkChanges
from pipeline.store.delivery_ports import Leaving
from pipeline.store.ports import Changes, Transaction

SENT, FAILED = "dev.casestream.delivery.sent.v1", "dev.casestream.delivery.failed.v1"
states = st.sampled_from(["queued", "sent", "delivered", "failed"])


def deliveries(world: World) -> Deliveries[Transaction]:
    return app.build_deliveries(compile_rules(Config()), world.store)


async def an_answer(world: World, *, state: State | None = "queued") -> tuple[Case, UUID]:
    """A case whose only answer leaves just now."""
    case, made = a_case(1001, opened_at=NOW - timedelta(hours=1), waiting_since=NOW - timedelta(hours=1)), uuid4()
    answered(case, NOW, str(made))
    activity = WorkActivity(
        id=made, case_id=case.id, kind="social", direction="out", state="closed", subject="", body="Restart it.",
        at=NOW, delivery=state,
    )  # fmt: skip
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case], work=WorkChanges(activities=[activity])))
    return case, made


def became(activity: UUID | None, state: State, **values: object) -> Became:
    known = {"kind": "social", "state": state, "target": "x:4711", "at": NOW, "activity": activity, **values}
    return Became(**known)  # type: ignore[arg-type]  # any of its fields


async def leaving(world: World, activity: UUID) -> Leaving:
    async with world.store.transaction() as tx:
        return (await tx.leaving({activity}))[activity]


async def the_case(world: World, case: Case) -> Case:
    async with world.store.transaction() as tx:
        return (await tx.lock_cases({case.id}))[case.id]


@on_a_new_desk
async def test_what_was_sent_and_arrived_is_told_once(world: World) -> None:
    case, made = await an_answer(world)
    tell = deliveries(world).tell
    assert await tell(became(made, "sent", platform_id="k9"))
    assert not await tell(became(made, "sent", platform_id="k9"))
    assert await tell(became(made, "delivered"))
    assert not await tell(became(made, "sent"))
    assert await leaving(world, made) == Leaving(made, case.id, "delivered", None, "k9")
    assert await world.event_types() == [SENT]
    assert (await the_case(world, case)).event_seq == case.event_seq + 1


@on_a_new_desk
async def test_what_arrived_before_it_was_known_to_be_sent_was_sent(world: World) -> None:
    _, made = await an_answer(world)
    assert await deliveries(world).tell(became(made, "delivered"))
    assert await world.event_types() == [SENT]


@on_a_new_desk
async def test_the_only_answer_that_fails_was_none(world: World) -> None:
    case, made = await an_answer(world)
    assert await deliveries(world).tell(became(made, "failed", reason="they left the platform"))
    known = await the_case(world, case)
    assert (known.first_response_at, known.waiting_since) == (None, case.opened_at)
    assert UNDELIVERED in known.flags
    assert (await leaving(world, made)).reason == "they left the platform"
    assert await world.event_types() == [FAILED]


@on_a_new_desk
async def test_why_it_waits_is_kept_and_told_to_nobody(world: World) -> None:
    case, made = await an_answer(world)
    tell = deliveries(world).tell
    assert await tell(became(made, "queued", reason="the platform asks to wait"))
    assert not await tell(became(made, "queued", reason="the platform asks to wait"))
    assert await leaving(world, made) == Leaving(made, case.id, "queued", "the platform asks to wait")
    assert await world.event_types() == []


@on_a_new_desk
async def test_the_row_that_it_left_from_is_noted_with_it_or_not_at_all(world: World) -> None:
    case, made = await an_answer(world)

    async def falls(_: Transaction) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await deliveries(world).tell(became(made, "sent"), falls)
    assert await leaving(world, made) == Leaving(made, case.id, "queued")
    assert await world.event_types() == []


def noted_once() -> Callable[[Transaction], Awaitable[bool]]:
    noted: list[bool] = []

    async def row(_: Transaction) -> bool:
        noted.append(True)
        return len(noted) == 1

    return row


@on_a_new_desk
async def test_a_row_without_an_activity_says_itself_whether_it_is_news(world: World) -> None:
    case, _ = await an_answer(world)
    tell, row = deliveries(world).tell, noted_once()
    warning = became(None, "failed", kind="mail", target="ana@x.example", case=case.id, reason="no such address")
    assert [await tell(warning, row), await tell(warning, row)] == [True, False]
    known = await the_case(world, case)
    assert known.first_response_at == NOW, "what failed was no answer"
    assert await world.event_types() == [FAILED]


@on_a_new_desk
async def test_what_has_no_case_is_told_under_a_key_of_its_own(world: World) -> None:
    tell, row = deliveries(world).tell, noted_once()
    hook = became(None, "failed", kind="webhook", target="https://x.example", key="/subscription/7", reason="410")
    assert await tell(hook, row)
    assert await world.event_types() == [FAILED]


@on_a_new_desk
async def test_what_is_known_by_nothing_cannot_be_told(world: World) -> None:
    with pytest.raises(AssertionError):
        await deliveries(world).tell(became(None, "sent"))


@on_a_new_desk
async def test_an_activity_that_moved_is_told_of_where_it_lies(world: World) -> None:
    case, made = await an_answer(world)
    other = a_case(1002)
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[other]))
    async with world.store.transaction() as tx:
        await tx.write(Changes(work=WorkChanges(moved=[Moved(made, other.id)])))
    assert await deliveries(world).tell(became(made, "sent", case=case.id))
    assert (await the_case(world, other)).event_seq == other.event_seq + 1
    assert (await the_case(world, case)).event_seq == case.event_seq


@given(st.lists(states, max_size=8))
def test_whatever_is_told_in_whatever_order_sent_is_told_once_until_it_fails(told: list[State]) -> None:
    old: State | None = None
    events: list[str] = []
    for new in told:
        if follows(new, old):
            events += [event] if (event := told_as(new, old)) else []
            old = new
    assert all(one != after for one, after in pairwise(events))
