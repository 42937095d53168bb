"""The receipt of a promise says why each stretch counted or did not, and adds up exactly."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.calendar import Calendar, Span
from pipeline.domain.kpi import Instance, Stretch
from pipeline.domain.receipt import Line, receipt

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(
    BERLIN, (*[(Span(8 * 3600, 18 * 3600),)] * 5, (), ()), holidays=lambda year: {date(year, 4, 6): "Easter Monday"}
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def an_instance(*stretches: Stretch, **facts: Any) -> Instance:  # noqa: ANN401  # any field
    value = stretches[0].start if stretches else berlin("2026-04-02T16:00")
    return Instance(id=uuid4(), case_id=uuid4(), number=1, kpi="resolution", sla="Gold", key="k", value=value,
                    stretches=list(stretches), **facts)  # fmt: skip


def told(lines: tuple[Line, ...]) -> list[tuple[str, str, float]]:
    return [(line.kind, line.cause, line.length.total_seconds()) for line in lines]


def test_over_easter_with_a_pause() -> None:
    paused, resumed = berlin("2026-04-02T17:00"), berlin("2026-04-07T09:00")
    instance = an_instance(
        Stretch(berlin("2026-04-02T16:00"), paused, "counted", "counted from opened_at", "office", timedelta(hours=1)),
        Stretch(paused, resumed, "paused", "status in progress → on hold", "office", timedelta(hours=12)),
        Stretch(resumed, None, "counted", "status on hold → in progress", "office"),
    )
    whole = receipt(instance, OFFICE, berlin("2026-04-07T10:30"))
    assert told(whole.lines) == [
        ("counted", "counted from opened_at", 3600),
        ("paused", "status in progress → on hold", 3600),
        ("closed", "outside business hours", 0),
        ("paused", "status in progress → on hold", 36000),
        ("closed", "outside business hours", 0),
        ("holiday", "Easter Monday", 0),
        ("closed", "outside business hours", 0),
        ("paused", "status in progress → on hold", 3600),
        ("counted", "status on hold → in progress", 5400),
    ]
    assert (whole.elapsed, whole.paused) == (timedelta(hours=2.5), timedelta(hours=12))


def test_a_night_in_which_the_clock_is_put_back() -> None:
    always = Calendar(BERLIN)
    instance = an_instance(Stretch(berlin("2026-10-25T01:00"), None, "counted", "opened", ""))
    whole = receipt(instance, always, berlin("2026-10-25T04:00"))
    assert told(whole.lines) == [("counted", "opened", 4 * 3600)]


def test_what_was_counted_by_a_calendar_that_has_changed_stays_as_it_was_counted() -> None:
    start, end = berlin("2026-04-02T09:00"), berlin("2026-04-02T19:00")
    instance = an_instance(Stretch(start, end, "counted", "opened", "office", timedelta(hours=10)), ended_at=end)
    whole = receipt(instance, OFFICE, end)
    assert told(whole.lines) == [("counted", "opened (by another calendar than today's)", 36000)]


def test_what_was_used_before_a_reopening_is_a_line() -> None:
    start, end = berlin("2026-04-02T09:00"), berlin("2026-04-02T10:00")
    carried = Stretch(start, end, "carried", "used before", "office", timedelta(hours=1))
    instance = an_instance(carried, Stretch(berlin("2026-04-02T12:00"), None, "counted", "reopened", "office"))
    whole = receipt(instance, OFFICE, berlin("2026-04-02T12:30"))
    assert told(whole.lines) == [("carried", "used before", 3600), ("counted", "reopened", 1800)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400_000)), min_size=1, max_size=8), st.integers(0, 500_000))
def test_it_adds_up_to_what_was_used_and_paused(parts: list[tuple[bool, int]], rest: int) -> None:
    at, stretches = datetime(2026, 3, 27, 12, tzinfo=UTC), []
    for counts, seconds in parts:
        end = at + timedelta(seconds=seconds)
        stretches.append(Stretch(at, end, "counted" if counts else "paused", "x", "office", OFFICE.elapsed(at, end)))
        at = end
    stretches[-1] = replace(stretches[-1], end=None, length=timedelta())
    now = at + timedelta(seconds=rest)
    instance = an_instance(*stretches)
    whole = receipt(instance, OFFICE, now)
    assert (whole.elapsed, whole.paused) == (instance.elapsed(now, OFFICE), instance.paused(now, OFFICE))
