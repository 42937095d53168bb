"""Call-backs: a caller waits for one exactly when nobody has talked with them since their last call in vain."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.callbacks import Caller, after_call
from pipeline.domain.calls import CallTold, CallView, call_view

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBER = "+4930123"


def a_call(state: str, direction: str = "in") -> CallView:
    return call_view([CallTold(state=state, direction=direction, caller=NUMBER, called="+4989555")])


def after(*calls: tuple[str, str, int], has_case: bool = False) -> Caller:
    caller = Caller(NUMBER)
    for state, direction, minute in calls:
        began = START + timedelta(minutes=minute)
        caller = after_call(caller, a_call(state, direction), began, has_case=has_case, new=uuid4())
    return caller


CALLS = st.tuples(
    st.sampled_from(["missed", "voicemail", "answered", "completed", "busy", "ringing"]),
    st.sampled_from(["in", "out"]),
    st.integers(0, 20),
)


@given(st.lists(CALLS, max_size=8))
def test_in_whatever_order_calls_are_told_the_last_answer_decides(calls: list[tuple[str, str, int]]) -> None:
    in_vain = [minute for state, direction, minute in calls if state in {"missed", "voicemail"} and direction == "in"]
    talked = [minute for state, _, minute in calls if state in {"answered", "completed"}]
    waits = bool(in_vain) and max(in_vain) > max(talked, default=-1)
    assert (after(*calls).call_back is not None) is waits


def test_a_second_call_in_vain_keeps_the_call_back_that_waits() -> None:
    id_ = UUID(int=1)
    caller = after_call(Caller(NUMBER), a_call("missed"), START, has_case=False, new=id_)
    again = after_call(caller, a_call("missed"), START + timedelta(hours=1), has_case=False, new=UUID(int=2))
    assert (again.call_back, again.called_at) == (id_, START + timedelta(hours=1))


def test_a_call_in_vain_that_has_a_case_is_seen_there() -> None:
    assert after(("missed", "in", 0), has_case=True).call_back is None


def test_an_answered_call_closes_a_call_back_even_when_it_has_a_case() -> None:
    waiting = after(("missed", "in", 0))
    began = START + timedelta(hours=1)
    assert after_call(waiting, a_call("answered", "out"), began, has_case=True, new=uuid4()).call_back is None
