"""What becomes of promises: paused, resumed, recomputed, met late, reopened; to the second of business time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.calendar import Calendar, Span
from pipeline.domain.deadlines import Deadline, parse_day, parse_length
from pipeline.domain.kpi import Instance, Kpi, Sla
from pipeline.domain.sla import Moment, Promises, Terms

OFFICE = Calendar(UTC, (*[(Span(8 * 3600, 18 * 3600),)] * 5, (), ()))
EARLY = Calendar(UTC, (*[(Span(6 * 3600, 12 * 3600),)] * 5, (), ()))
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASE = UUID(int=1)


@dataclass(frozen=True)
class When:
    """A condition in Python."""

    holds: Callable[[Any], bool]


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


RESOLUTION = Kpi(
    key="r4", sla="Gold", name="resolution", counts_from="opened_at", fail=Deadline(hours(4)), warn=Deadline(hours(3)),
    met_when=When(lambda case: case["state"] == "resolved"), applies_when=None,
    pause_when=When(lambda case: case["status"] == "on hold"), calendar="office", hours=OFFICE,
)  # fmt: skip
HIGH = When(lambda case: case["priority"] == "high")
URGENT = replace(RESOLUTION, key="r2", fail=Deadline(hours(2)), warn=None, applies_when=HIGH)
ANSWER = replace(
    RESOLUTION, key="f1", name="first_response", fail=Deadline(hours(1)), warn=None, pause_when=None,
    met_when=When(lambda case: case["first_response_at"] is not None),
)  # fmt: skip
WAITING = replace(
    ANSWER, key="w1", name="next_response", counts_from="waiting_since",
    met_when=When(lambda case: case["waiting_since"] is None),
)  # fmt: skip


@dataclass
class Story:
    """One case told in turns."""

    kpis: tuple[Kpi, ...]
    case: dict[str, Any] = field(default_factory=lambda: {
        "state": "active", "status": "in progress", "priority": "normal", "opened_at": MONDAY,
        "first_response_at": None, "waiting_since": MONDAY,
    })  # fmt: skip
    told: list[tuple[str, datetime]] = field(default_factory=list)
    promises: Promises = field(init=False)

    def __post_init__(self) -> None:
        self.promises = Promises(CASE, (), self.terms, uuid4)
        self.turn(MONDAY)

    @property
    def terms(self) -> Terms:
        return Terms({kpi.key: kpi for kpi in self.kpis}, {"office": OFFICE, "early": EARLY})

    def turn(self, at: datetime, **changed: Any) -> "Story":  # noqa: ANN401  # any field of a case
        before = self.case["state"]
        self.case.update(changed)
        times: Mapping[str, datetime | None] = {name: self.case[name] for name in ("opened_at", "waiting_since")}
        sla = Sla("Gold", self.kpis)
        self.promises.attend(sla, Moment(at, self.case["state"], before, times, f"{changed}", dict(self.case)))
        self.told += [(one.kind, one.at) for one in self.promises.happened]
        self.promises.happened.clear()
        return self

    def clock(self, at: datetime) -> "Story":
        """Let what is due by then fall due at its time."""
        due = sorted({t for one in self.promises.instances for t in (one.warn_at, one.fail_at) if t and t <= at})
        for moment in due:
            for one in self.promises.instances:
                self.promises.fall_due(one, moment, moment)
        self.told += [(one.kind, one.at) for one in self.promises.happened]
        self.promises.happened.clear()
        return self

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]

    def last(self, name: str = "resolution") -> Instance:
        return next(one for one in reversed(self.promises.instances) if one.kpi == name)


def at(hour: float, day: int = 2) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC) + hours(hour)


def test_a_pause_is_not_counted() -> None:
    story = Story((RESOLUTION,)).turn(at(10), status="on hold")
    assert (story.last().state, story.last().fail_at) == ("paused", None)
    story.turn(at(12), status="in progress")
    assert story.last().fail_at == at(15)
    assert story.last().elapsed(at(13), OFFICE) == hours(2)
    assert story.last().paused(at(13), OFFICE) == hours(2)


def test_a_pause_over_night_counts_business_time_only() -> None:
    story = Story((RESOLUTION,)).turn(at(17), status="on hold").turn(at(9, day=3), status="in progress")
    assert story.last().paused(at(9, day=3), OFFICE) == hours(2)
    story = Story((RESOLUTION,)).turn(at(11), status="on hold").turn(at(9, day=3), status="in progress")
    assert story.last().fail_at == at(11, day=3)


def test_a_paused_promise_can_be_met() -> None:
    story = Story((RESOLUTION,)).turn(at(10), status="on hold").turn(at(17), state="resolved")
    assert (story.last().state, story.last().succeeded_at) == ("succeeded", at(17))
    assert story.last().elapsed(at(17), OFFICE) == hours(1)


def test_it_warns_then_fails_then_may_be_met_late() -> None:
    story = Story((RESOLUTION,)).clock(at(12))
    assert story.last().state == "nearing non-compliance"
    story.clock(at(13))
    assert story.last().state == "non-compliant"
    story.turn(at(14), state="resolved")
    assert (story.last().state, story.last().late) == ("succeeded", True)
    assert story.told == [("started", MONDAY), ("warned", at(12)), ("breached", at(13)), ("met", at(14))]


def test_what_was_overdue_is_told_before_what_happens_next() -> None:
    story = Story((RESOLUTION,)).turn(at(15), state="resolved")
    assert story.kinds == ["started", "warned", "breached", "met"]


def test_the_first_of_one_name_that_applies_is_made() -> None:
    story = Story((URGENT, RESOLUTION))
    assert story.last().fail_at == at(13)
    story.turn(at(10), priority="high")
    assert (len(story.promises.instances), story.last().fail_at) == (1, at(11))


def test_recomputing_carries_used_and_paused_time() -> None:
    story = Story((URGENT, RESOLUTION)).turn(at(9.5), status="on hold").turn(at(10), status="in progress")
    story.turn(at(10.25), priority="high")
    assert story.last().fail_at == at(11.5)
    assert story.last().paused(at(11), OFFICE) == hours(0.5)


def test_recomputing_to_a_deadline_that_is_past_fires_now() -> None:
    story = Story((URGENT, RESOLUTION)).turn(at(11.5), priority="high")
    assert story.last().state == "non-compliant"
    assert story.last().breached_at == at(11)
    assert story.told[-1] == ("breached", at(11.5))


def test_a_breach_stays_when_a_recomputed_deadline_is_ahead() -> None:
    story = Story((URGENT, RESOLUTION)).turn(at(9), priority="high").clock(at(11))
    story.turn(at(11.5), priority="normal").clock(at(17))
    assert story.last().state == "non-compliant"
    assert story.kinds.count("breached") == 1


def test_recomputing_while_paused_stays_paused() -> None:
    story = Story((URGENT, RESOLUTION)).turn(at(10), status="on hold").turn(at(11), priority="high")
    assert story.last().state == "paused"
    story.turn(at(12), status="in progress")
    assert story.last().fail_at == at(13)


def test_another_calendar_counts_from_then_on() -> None:
    early = replace(
        RESOLUTION, key="e4", calendar="early", hours=EARLY, applies_when=When(lambda c: c["priority"] == "high")
    )
    story = Story((early, RESOLUTION)).turn(at(11), priority="high")  # 2 h used, closes at 12
    assert story.last().fail_at == at(7, day=3)
    assert story.last().elapsed(at(7, day=3), EARLY) == hours(4)


def test_what_applies_no_longer_is_cancelled_and_comes_back_with_what_was_used() -> None:
    story = Story((URGENT,)).turn(at(9), priority="high").turn(at(9.5), status="on hold")
    story.turn(at(10), status="in progress").turn(at(10.5), priority="normal")
    assert story.last().state == "cancelled"
    story.turn(at(11), priority="high")
    assert len(story.promises.instances) == 2
    assert story.last().fail_at == at(11.5)


def test_what_was_broken_may_still_be_met_when_it_applies_no_longer() -> None:
    story = Story((URGENT,)).turn(at(9), priority="high").clock(at(11)).turn(at(11), priority="urgent")
    assert story.last().state == "non-compliant"
    story.turn(at(12), state="resolved")
    assert (story.last().state, story.last().late) == ("succeeded", True)
    assert story.kinds == ["started", "breached", "met"]


def test_it_counts_from_the_opening_even_when_it_applies_later() -> None:
    assert Story((URGENT,)).turn(at(10), priority="high").last().fail_at == at(11)


def test_cancelling_the_case_cancels_and_reactivating_goes_on() -> None:
    story = Story((RESOLUTION, ANSWER)).turn(at(9.5), state="cancelled")
    assert {one.state for one in story.promises.instances} == {"cancelled"}
    story.turn(at(12), state="active")
    assert story.last().fail_at == at(15.5)
    assert story.last("first_response").fail_at == at(12.5)


def test_resolving_without_an_answer_cancels_the_first_response_for_good() -> None:
    story = Story((RESOLUTION, ANSWER)).turn(at(9.5), state="resolved")
    assert (story.last().state, story.last("first_response").state) == ("succeeded", "cancelled")
    story.turn(at(11), state="active")
    assert [one.kpi for one in story.promises.instances] == ["resolution", "first_response", "resolution"]


def test_reopening_goes_on_with_the_time_used() -> None:
    story = Story((RESOLUTION,)).turn(at(11), state="resolved").turn(at(16), state="active")
    assert len(story.promises.instances) == 2
    assert story.last().fail_at == at(18)
    assert story.last().elapsed(at(17), OFFICE) == hours(3)


def test_reopening_may_restart() -> None:
    restart = replace(RESOLUTION, on_reopen="restart")
    story = Story((restart,)).turn(at(11), state="resolved").turn(at(13), state="active")
    assert story.last().fail_at == at(17)
    assert story.last().elapsed(at(14), OFFICE) == hours(1)


def test_a_breach_before_the_reopening_is_not_told_again() -> None:
    story = Story((RESOLUTION,)).clock(at(14)).turn(at(14), state="resolved").turn(at(15), state="active").clock(at(18))
    assert story.last().state == "non-compliant"
    assert story.kinds.count("breached") == 1


def test_an_answer_that_was_taken_back_goes_on_as_if_there_had_been_none() -> None:
    story = Story((ANSWER,)).turn(at(9.5), first_response_at=at(9.5)).turn(at(9.75), first_response_at=None)
    assert (story.last("first_response").state, story.last("first_response").fail_at) == ("in progress", at(10))
    late = Story((ANSWER,)).turn(at(9.5), first_response_at=at(9.5)).turn(at(12), first_response_at=None)
    assert late.last("first_response").state == "non-compliant"


def test_each_wait_is_an_instance_of_its_own() -> None:
    story = Story((WAITING,)).turn(at(9.5), waiting_since=None).turn(at(11), waiting_since=at(11))
    assert [one.state for one in story.promises.instances] == ["succeeded", "in progress"]
    assert story.last("next_response").fail_at == at(12)


def test_a_promise_by_the_day() -> None:
    by_day = replace(RESOLUTION, fail=parse_day("next working day 16:00"), warn=None)
    assert Story((by_day,)).last().fail_at == at(16, day=3)
    two = replace(RESOLUTION, fail=parse_day("2 working days"), warn=None)
    assert Story((two,)).last().fail_at == at(18, day=4)
    paused = Story((by_day,)).turn(at(10), status="on hold").turn(at(12), status="in progress")
    assert paused.last().fail_at == at(18, day=3)  # two hours later in business time


def test_a_promise_that_nobody_makes_any_more_is_cancelled() -> None:
    story = Story((RESOLUTION,))
    story.kpis = ()
    assert story.turn(at(10), status="on hold").last().state == "cancelled"


@pytest.mark.parametrize(
    ("text", "length"),
    [("45m", hours(0.75)), ("1h30m", hours(1.5)), ("90s", timedelta(seconds=90)), ("72h", hours(72))],
)
def test_lengths(text: str, length: timedelta) -> None:
    assert parse_length(text) == length


@pytest.mark.parametrize("text", ["2d", "1d", "2 days"])
def test_days_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match='fail_at = "2 working days"'):
        parse_length(text)


@pytest.mark.parametrize("text", ["", "soon", "0 working days", "next day", "next working day 24:00", "1.5h"])
def test_what_says_no_time_is_refused(text: str) -> None:
    for parse in (parse_day, parse_length):
        with pytest.raises(ValueError, match="write"):
            parse(text)


STEPS = st.lists(
    st.tuples(
        st.integers(1, 600),
        st.sampled_from([
            {"status": "on hold"}, {"status": "in progress"}, {"priority": "high"}, {"priority": "normal"},
            {"state": "resolved"}, {"state": "active"}, {"state": "cancelled"}, {"first_response_at": MONDAY},
            {"first_response_at": None}, {"waiting_since": None}, {"waiting_since": MONDAY + hours(1)},
        ]),
    ),
    max_size=12,
)  # fmt: skip


@given(STEPS)
def test_whatever_happens_time_is_counted_once(steps: list[tuple[int, dict[str, Any]]]) -> None:
    story, now = Story((URGENT, RESOLUTION, ANSWER, WAITING)), MONDAY
    for minutes, changed in steps:
        now += timedelta(minutes=minutes)
        story.clock(now).turn(now, **changed)
    for one in story.promises.instances:
        end = one.ended_at or now
        assert one.elapsed(end, OFFICE) >= timedelta()
        own = [stretch for stretch in one.stretches if stretch.kind != "carried" and stretch.cause != "paused before"]
        assert all(b.start == a.end for a, b in pairwise(own))
        since_first = OFFICE.elapsed(own[0].start, end) if own else timedelta()
        counted = sum((s.length if s.end else OFFICE.elapsed(s.start, end) for s in own), timedelta())
        assert counted == since_first
        assert sum(1 for other in story.promises.instances if other.kpi == one.kpi and other.is_open) <= 1
        fired = [kind for kind, _ in story.told]
        assert fired.count("met") >= sum(1 for other in story.promises.instances if other.succeeded_at)
