"""What follows from a job: nothing is forgotten, nothing is counted twice, whatever the endpoint answered."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from pipeline.dispatch.webhooks.judging import Delivery, Tried, judge
from pipeline.dispatch.webhooks.sending import Answer
from pipeline.domain.retrying import KEEP_TRYING
from pipeline.domain.subscriptions import Subscription
from pipeline.store.outbox import Published

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAME = UUID("5f0c2a52-6d38-4a8e-9c0b-2f4d7a1e6b33")

ANSWERS = st.none() | st.sampled_from([200, 204, 302, 404, 410, 429, 500]).map(
    lambda status: Answer(
        delivered=status < 300,
        status=status,
        reason=str(status),
        error="",
        ms=1,
        wait=timedelta(minutes=30) if status == 429 else None,
    )
)


def subscription(state: str = "active", *, ordered: bool = False, failing: timedelta | None = None) -> Subscription:
    return Subscription(
        id=NAME, url="https://hooks.example/", description="", types=(), filter="", ordered=ordered, secrets=(),
        state="active" if state == "active" else "disabled", reason="", pos=0, waiting=9, retrying=0,
        failing_since=MONDAY - failing if failing is not None else None, created_at=MONDAY,
    )  # fmt: skip


def tried(answers: list[Answer | None]) -> list[Tried]:
    return [
        Tried(Published(pos, uuid4(), "k", pos, "dev.casestream.case.opened.v1", None, "{}", MONDAY), MONDAY, answer)
        for pos, answer in enumerate(answers, 1)
    ]


@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=20),
    missing=st.integers(0, 3),
    attempt=st.integers(1, 100),
    age=st.sampled_from([timedelta(), timedelta(hours=5), KEEP_TRYING, KEEP_TRYING + timedelta(hours=1)]),
    failing=st.sampled_from([None, timedelta(minutes=5), KEEP_TRYING]),
    state=st.sampled_from(["active", "disabled"]),
    ordered=st.booleans(),
)
def test_every_event_of_a_job_is_done_or_comes_again(
    answers: list[Answer | None],
    missing: int,
    attempt: int,
    age: timedelta,
    failing: timedelta | None,
    state: str,
    *,
    ordered: bool,
) -> None:
    events = tried(answers)
    positions = list(range(1, len(events) + missing + 1))
    job = Delivery(run=0, attempt=attempt, first_at=MONDAY - age, positions=positions)
    now = subscription(state, ordered=ordered, failing=failing)
    done = judge(now, job, events, MONDAY, 0.5)

    again = done.next.args["positions"] if done.next is not None else []
    assert isinstance(again, list)
    assert done.done + len(again) == len(positions)
    noted = {one.pos: one.outcome for one in done.tries}
    arrived = {pos for pos, outcome in noted.items() if outcome == "delivered"}
    assert arrived == {one.event.pos for one in events if one.answer is not None and one.answer.delivered}
    assert {one.event.pos for one in events if one.answer is not None} <= noted.keys(), "the log tells each try"
    over = {pos for pos, outcome in noted.items() if outcome in {"held", "given up"}}
    assert arrived | over | set(again) == {one.event.pos for one in events}
    assert not (arrived | over) & set(again)
    if done.state == "disabled":
        assert done.next is None
    if done.next is not None:
        assert done.next.at is not None
        assert done.next.at >= MONDAY
    if any(answer is not None and answer.status == 410 for answer in answers):
        assert done.state == "disabled"


def test_an_endpoint_that_wants_to_be_left_alone_is() -> None:
    busy = Answer(delivered=False, status=429, reason="429", error="", ms=1, wait=timedelta(minutes=30))
    done = judge(subscription(), Delivery(0, 1, MONDAY, [1]), tried([busy]), MONDAY, 0.5)
    assert done.next is not None
    assert done.next.at == MONDAY + timedelta(minutes=30)
