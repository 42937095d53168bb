"""A call is what all that was told of it amounts to, in any order and however often."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.calls import ENDED, LOST, MAX_TOLD, CallTold, call_subject, call_view, is_kept, opens_case

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ALWAYS = ("answered", "missed", "voicemail", "busy", "failed")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


RING = CallTold(state="ringing", direction="in", caller="+4930123", called="+4989555", started_at=START)
ANSWER = CallTold(state="answered", called="+4989556", agent="Rui", answered_at=at(20))
HANGUP = CallTold(state="completed", ended_at=at(920))
RECORD = CallTold(
    state="completed",
    record=True,
    caller="+4930123",
    called="101",
    started_at=at(-1),
    answered_at=at(19),
    ended_at=at(919),
    duration_s=920,
    billable_s=900,
)

moments = st.none() | st.integers(0, 4000).map(at)
tellings = st.builds(
    CallTold,
    state=st.sampled_from(["ringing", "answered", "completed", "missed", "busy", "failed", "voicemail", None]),
    record=st.booleans(),
    direction=st.sampled_from(["in", "out", "internal", None]),
    caller=st.sampled_from(["+4930123", "+4930124", None]),
    called=st.sampled_from(["+4989555", None]),
    agent=st.sampled_from(["Rui", "Eva", None]),
    started_at=moments,
    answered_at=moments,
    ended_at=moments,
    billable_s=st.none() | st.integers(0, 4000),
)


@given(st.lists(tellings, min_size=1, max_size=6).flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_))))
def test_neither_order_nor_repetition_matters(orders: tuple[list[CallTold], list[CallTold]]) -> None:
    first, other = orders
    assert call_view(first) == call_view([*other, *first])


@given(st.lists(tellings, min_size=1, max_size=6))
def test_only_talk_is_billable_and_none_before_the_end(told: list[CallTold]) -> None:
    call = call_view(told)
    if call.state == "completed":
        assert call.billable_s is None or call.billable_s >= 0
    else:
        assert call.billable_s == (0 if call.state in ENDED else None)


def test_a_call_from_ring_to_hang_up() -> None:
    call = call_view([HANGUP, RING, ANSWER])
    assert (call.state, call.over, call.direction, call.caller) == ("completed", True, "in", "+4930123")
    assert (call.called, call.agent) == ("+4989556", "Rui"), "who answered, not who was rung"
    assert (call.duration_s, call.billable_s) == (920, 900)


def test_while_it_goes_on_nothing_is_billed() -> None:
    call = call_view([RING, ANSWER])
    assert (call.state, call.over, call.ended_at, call.billable_s) == ("answered", False, None, None)


def test_the_exchanges_record_is_believed_before_its_events() -> None:
    call = call_view([RING, ANSWER, HANGUP, RECORD])
    assert (call.started_at, call.answered_at, call.ended_at) == (at(-1), at(19), at(919))


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["missed", "completed"], "completed"),
        (["voicemail", "missed"], "voicemail"),
        (["busy", "missed"], "missed"),
        (["ringing", "busy"], "busy"),
        (["answered", "missed"], "completed"),
        (["answered", "voicemail"], "voicemail"),
        ([None], "ringing"),
    ],
)
def test_a_call_is_answered_if_any_of_its_legs_was(states: list[str | None], state: str) -> None:
    assert call_view([CallTold(state=one) for one in states]).state == state


def test_a_hang_up_without_a_cause_ends_an_unanswered_call_as_missed() -> None:
    assert call_view([RING, CallTold(ended_at=at(30))]).state == "missed"


@pytest.mark.parametrize(
    ("told", "policy", "opens"),
    [
        (CallTold(state="missed"), ("missed",), True),
        (CallTold(state="missed"), ("answered",), False),
        (CallTold(state="completed"), ("answered",), True),
        (CallTold(state="ringing"), ("answered", "missed"), False),
        (CallTold(state="ringing"), ALWAYS, True),
        (CallTold(state="missed", direction="out"), ("missed",), False),
        (CallTold(state="ringing", direction="out"), ALWAYS, True),
        (CallTold(state="ringing", direction="internal"), ALWAYS, False),
        (CallTold(state="missed"), (), False),
    ],
)
def test_which_calls_open_a_case(told: CallTold, policy: tuple[str, ...], *, opens: bool) -> None:
    assert opens_case(call_view([told]), policy) is opens


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (CallTold(state="missed", caller="+4930123"), "Missed call from +4930123"),
        (CallTold(state="voicemail", caller="+4930123", name="Ana"), "Voicemail from Ana (+4930123)"),
        (CallTold(state="ringing"), "Call from a withheld number"),
        (CallTold(state="ringing", direction="out", called="+4930123"), "Call to +4930123"),
    ],
)
def test_what_a_call_is_called(told: CallTold, subject: str) -> None:
    assert call_subject(call_view([told])) == subject


def test_a_call_of_very_many_transfers_ends_too() -> None:
    many = [CallTold(state="answered", agent=f"agent {number}", answered_at=at(number)) for number in range(MAX_TOLD)]
    assert not is_kept(ANSWER, many)
    assert is_kept(HANGUP, many)
    assert not is_kept(HANGUP, [*many, HANGUP])
    assert is_kept(RECORD, [*many, HANGUP])
    assert not is_kept(HANGUP, [*many, RECORD])
    assert call_view([*many, HANGUP, RECORD]).billable_s == RECORD.billable_s


@given(st.lists(tellings, max_size=6))
def test_a_call_that_nobody_ended_is_over_once_it_is_lost(told: list[CallTold]) -> None:
    before = call_view(told)
    after = call_view([*told, CallTold(state=LOST)])
    assert after.over
    assert after.lost is not before.over
    if before.over:
        assert after == before
    else:
        assert (after.ended_at, after.state) == (None, {"answered": "completed", "ringing": "missed"}[before.state])
