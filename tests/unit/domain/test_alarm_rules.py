"""An alarm of a rule: what raises it, what holds it, what ends it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.alarm_rules import AlarmRule, Judged, Level, Move, RuleAlarm, Sample, fire, judge
from pipeline.domain.maintenance import Place, Window, window_of
from pipeline.domain.silence import deadline, gone, heard, not_heard

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PUMP = Place(device="pump-7", products=("P100", "pumps"), gateway="gw-1", account="acme")


class Above:
    """A condition on the value alone."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def holds(self, facts: Mapping[str, Any]) -> bool:
        return bool(facts["value"] > self.limit)


class Below(Above):
    def holds(self, facts: Mapping[str, Any]) -> bool:
        return bool(facts["value"] < self.limit)


LEVELS = (Level(severity="critical", when=Above(100)), Level(severity="high", when=Above(85)), Level(severity="low"))
RULE = AlarmRule(
    name="overheat",
    levels=LEVELS,
    when=Above(70),
    clear=Below(60),
    lasts=timedelta(seconds=60),
    reopen_within=timedelta(seconds=600),
)
AT_ONCE = AlarmRule(name="overheat", levels=LEVELS, when=Above(70))
SILENT = AlarmRule(name="silent", levels=(Level(severity="high"),), silent_for=timedelta(hours=1))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(value: float, seconds: float, *, name: str = "temperature", came: float | None = None) -> Sample:
    received = at(seconds if came is None else came)
    return Sample(
        device="pump-7", name=name, says=f"{name} is {value}", at=at(seconds), received=received, facts={"value": value}
    )


def told(rule: AlarmRule, *samples: Sample) -> tuple[RuleAlarm | None, list[Move]]:
    """The alarm after these readings, and all its moves."""
    alarm: RuleAlarm | None = None
    moves: list[Move] = []
    for one in samples:
        alarm, more = judge(rule, alarm, one)
        moves += more
    return alarm, moves


def kinds(judged: Judged | tuple[RuleAlarm | None, list[Move]]) -> list[str]:
    return [move.kind for move in judged[1]]


def test_what_never_was_true_leaves_nothing() -> None:
    assert told(RULE, sample(20, 0), sample(69, 10)) == (None, [])


def test_a_pending_alarm_that_came_to_nothing_leaves_nothing() -> None:
    assert told(RULE, sample(80, 0), sample(65, 30)) == (None, [])


def test_it_is_raised_at_the_time_when_it_had_lasted() -> None:
    alarm, moves = told(RULE, sample(80, 0), sample(82, 90))
    assert [(move.kind, move.at) for move in moves] == [("raised", at(60))]
    assert alarm is not None
    assert (alarm.raised_at, alarm.severity) == (at(60), "low")


def test_raised_by_a_false_reading_after_it_had_lasted_it_is_over_at_once() -> None:
    assert kinds(told(RULE, sample(80, 0), sample(20, 61))) == ["raised", "cleared"]


def test_the_clock_raises_it_and_no_sooner() -> None:
    alarm, _ = told(RULE, sample(80, 0))
    assert fire(RULE, alarm, at(59), silent=False) == (alarm, ())
    assert fire(RULE, alarm, at(60), silent=True) == (alarm, ())
    assert kinds(fire(RULE, alarm, at(60), silent=False)) == ["raised"]


def test_a_device_whose_clock_is_slow_gets_the_whole_time() -> None:
    alarm, _ = told(RULE, sample(80, 0, came=300))
    assert alarm is not None
    assert alarm.due == at(360)


def test_the_worst_of_several_names_says_how_bad_it_is() -> None:
    samples = [sample(80, 0, name="a"), sample(120, 1, name="b"), sample(20, 2, name="b"), sample(20, 3, name="a")]
    alarm, moves = told(AT_ONCE, *samples)
    assert [(move.kind, move.alarm.severity) for move in moves[:3]] == [
        ("raised", "low"), ("updated", "critical"), ("updated", "low")
    ]  # fmt: skip
    assert alarm is not None
    assert (moves[-1].kind, alarm.state) == ("cleared", "cleared")


def test_only_coming_to_a_worse_level_enters_it() -> None:
    _, moves = told(AT_ONCE, sample(90, 0), sample(120, 1), sample(90, 2))
    assert [move.entered and move.entered.severity for move in moves] == ["high", "critical", None]


@pytest.mark.parametrize(("after", "again", "flaps"), [(600, True, 1), (601, False, 0)])
def test_soon_after_its_end_it_is_the_same_alarm(after: float, again: bool, flaps: int) -> None:  # noqa: FBT001
    rule = AlarmRule(name="x", levels=LEVELS, when=Above(70), reopen_within=timedelta(seconds=600))
    alarm, moves = told(rule, sample(80, 0), sample(20, 10), sample(80, 10 + after))
    assert alarm is not None
    assert (moves[-1].again, alarm.flaps) == (again, flaps)


@given(st.lists(st.tuples(st.sampled_from([20, 65, 75, 90, 120]), st.integers(0, 100)), max_size=30), st.booleans())
def test_it_is_raised_and_cleared_in_turns(readings: list[tuple[int, int]], at_once: bool) -> None:  # noqa: FBT001
    seconds, samples = 0, []
    for value, later in readings:
        seconds += later
        samples.append(sample(value, seconds))
    alarm, moves = told(AT_ONCE if at_once else RULE, *samples)
    turns = [move.kind for move in moves if move.kind != "updated"]
    assert turns == ["raised", "cleared"] * (len(turns) // 2) + ["raised"] * (len(turns) % 2)
    assert (alarm is not None and alarm.is_active) == bool(len(turns) % 2)


@given(st.lists(st.tuples(st.sampled_from([20, 65, 75, 90, 120]), st.integers(1, 100)), max_size=20))
def test_whether_a_clock_is_there_makes_no_difference(readings: list[tuple[int, int]]) -> None:
    alarm: RuleAlarm | None = None
    by_clock: list[tuple[str, datetime]] = []
    seconds, samples = 0, []
    for value, later in readings:
        seconds += later
        if alarm is not None and alarm.due is not None and alarm.due <= at(seconds):
            alarm, moves = fire(RULE, alarm, alarm.due, silent=False)
            by_clock += [(move.kind, move.at) for move in moves]
        samples.append(sample(value, seconds))
        alarm, moves = judge(RULE, alarm, samples[-1])
        by_clock += [(move.kind, move.at) for move in moves]
    without = told(RULE, *samples)
    assert [(move.kind, move.at) for move in without[1]] == by_clock
    assert without[0] == alarm


def test_silence_is_from_the_deadline_on_and_ends_when_heard() -> None:
    due = deadline(SILENT, START, PUMP)
    assert due == at(3600)
    assert not_heard(SILENT, None, "pump-7", due, at(3599)) == (None, ())
    alarm, moves = not_heard(SILENT, None, "pump-7", due, at(3600))
    assert [(move.kind, move.at) for move in moves] == [("raised", at(3600))]
    assert kinds(heard(SILENT, alarm, "pump-7", at(4000))) == ["cleared"]
    assert kinds(gone(SILENT, alarm, "pump-7", at(4000))) == []


def test_who_is_heard_late_was_silent_meanwhile() -> None:
    _, moves = heard(SILENT, None, "pump-7", at(5000), at(3600))
    assert [(move.kind, move.at) for move in moves] == [("raised", at(3600)), ("cleared", at(5000))]


def test_after_maintenance_a_device_is_waited_for_anew() -> None:
    windows = [Window(name="a", begins=at(1800), ends=at(7200)), Window(name="b", begins=at(9000), ends=at(10_000))]
    assert deadline(SILENT, START, PUMP, windows) == at(10_000 + 3600)
    assert deadline(SILENT, START, PUMP, [Window(name="c", begins=at(5000), ends=at(6000))]) == at(3600)


@pytest.mark.parametrize(
    ("about", "covers"),
    [
        ({}, True),
        ({"devices": {"pump-7"}}, True),
        ({"devices": {"pump-8"}}, False),
        ({"products": {"pumps"}}, True),
        ({"gateways": {"gw-1"}}, True),
        ({"gateways": {"gw-2"}, "accounts": {"acme"}}, True),
        ({"accounts": {"other"}}, False),
    ],
)
def test_a_window_is_about_what_it_names(about: dict[str, set[str]], covers: bool) -> None:  # noqa: FBT001
    named = {kind: frozenset(names) for kind, names in about.items()}
    window = Window(name="w", begins=START, ends=at(60), **named)
    assert (window_of(PUMP, [window], START) is not None) == covers
    assert window_of(PUMP, [window], at(60)) is None
