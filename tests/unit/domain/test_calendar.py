"""Business time: to the second, over weekends, holidays and both nights on which clocks are put on or back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.calendar import DAY_S, Calendar, NoBusinessTimeError, Part, Span

BERLIN = ZoneInfo("Europe/Berlin")
EIGHT_TO_SIX = (Span(8 * 3600, 18 * 3600),)
OFFICE = Calendar(BERLIN, (*[EIGHT_TO_SIX] * 5, (), ()))
ALWAYS = Calendar(BERLIN)
XMAS = Calendar(
    BERLIN,
    OFFICE.week,
    exceptions={date(2026, 12, 24): (Span(8 * 3600, 12 * 3600),)},
    holidays=lambda year: {date(year, 12, 24): "Christmas Eve", date(year, 12, 25): "Christmas Day"},
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-03-02T16:00", 4, "2026-03-03T10:00"),  # Monday, over the night
        ("2026-03-02T16:00", 2, "2026-03-02T18:00"),  # a deadline on closing time stays there
        ("2026-03-06T17:00", 1.5, "2026-03-09T08:30"),  # Friday, over the weekend
        ("2026-03-07T11:00", 1, "2026-03-09T09:00"),  # Saturday counts from Monday's opening
        ("2026-03-02T06:00", 1, "2026-03-02T09:00"),  # too early in the day
        ("2026-03-02T19:30", 0, "2026-03-02T19:30"),  # no time at all has passed at once
        ("2026-03-27T17:00", 2, "2026-03-30T09:00"),  # over the weekend on which clocks are put on
        ("2026-03-02T08:00", 50, "2026-03-06T18:00"),  # a whole week
    ],
)
def test_time_is_added_within_business_hours(start: str, length: float, end: str) -> None:
    assert OFFICE.add(berlin(start), hours(length)) == berlin(end)


def test_it_is_exact_to_the_second() -> None:
    end = OFFICE.add(berlin("2026-03-02T17:59:59"), timedelta(seconds=2))
    assert end == berlin("2026-03-03T08:00:01")


def test_a_spring_night_is_an_hour_shorter() -> None:
    assert ALWAYS.elapsed(berlin("2026-03-29T00:00"), berlin("2026-03-30T00:00")) == hours(23)
    assert ALWAYS.add(berlin("2026-03-29T01:30"), hours(1)) == berlin("2026-03-29T03:30")


def test_an_autumn_night_is_an_hour_longer() -> None:
    assert ALWAYS.elapsed(berlin("2026-10-25T00:00"), berlin("2026-10-26T00:00")) == hours(25)
    assert ALWAYS.add(berlin("2026-10-25T01:30"), hours(2)).isoformat() == "2026-10-25T02:30:00+01:00"


def test_hours_that_the_clock_leaves_out_are_not_worked() -> None:
    night = Calendar(BERLIN, ((Span(2 * 3600, 3 * 3600),),) * 7)
    assert night.elapsed(berlin("2026-03-29T00:00"), berlin("2026-03-30T00:00")) == hours(0)
    assert night.add(berlin("2026-03-29T00:00"), hours(1)) == berlin("2026-03-30T03:00")


def test_hours_that_the_clock_repeats_are_worked_twice() -> None:
    night = Calendar(BERLIN, ((Span(2 * 3600, int(2.5 * 3600)),),) * 7)
    parts = [
        part for part in night.parts(berlin("2026-10-25T00:00"), berlin("2026-10-26T00:00")) if part.kind == "open"
    ]
    assert [(part.start.isoformat(), part.end.isoformat()) for part in parts] == [
        ("2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"),
    ]


def test_a_midnight_that_does_not_exist_does_no_harm() -> None:
    beirut = Calendar(ZoneInfo("Asia/Beirut"))  # 2026-03-29 begins at 01:00 there
    start = datetime(2026, 3, 28, 12, tzinfo=beirut.zone)
    assert beirut.elapsed(start, datetime(2026, 3, 29, 12, tzinfo=beirut.zone)) == hours(23)


def test_the_answer_is_in_the_zone_of_the_question() -> None:
    tokyo = datetime(2026, 3, 2, 16, tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo"))
    assert OFFICE.add(tokyo, hours(1)).isoformat() == "2026-03-03T02:00:00+09:00"


def test_several_spans_a_day_and_one_until_midnight() -> None:
    broken = Calendar(UTC, ((Span(9 * 3600, 12 * 3600), Span(22 * 3600, DAY_S)), *[(Span(0, 2 * 3600),)] * 6))
    assert broken.add(datetime(2026, 3, 2, 11, tzinfo=UTC), hours(4)) == datetime(2026, 3, 3, 1, tzinfo=UTC)


def test_an_exception_stands_above_a_holiday() -> None:
    assert XMAS.add(berlin("2026-12-24T09:00"), hours(4)) == berlin("2026-12-28T09:00")


def test_backwards_it_is_negative() -> None:
    assert OFFICE.elapsed(berlin("2026-03-03T09:00"), berlin("2026-03-02T17:00")) == hours(-2)


def test_a_calendar_that_never_opens_is_said() -> None:
    with pytest.raises(NoBusinessTimeError):
        Calendar(UTC, ((),) * 7).add(datetime(2026, 3, 2, tzinfo=UTC), hours(1))


def test_years_that_nobody_counts_are_said() -> None:
    with pytest.raises(NoBusinessTimeError, match="from the year 1900"):
        OFFICE.elapsed(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def test_a_time_is_told_in_its_parts() -> None:
    assert list(XMAS.parts(berlin("2026-12-24T11:00"), berlin("2026-12-28T09:00"))) == [
        Part(berlin("2026-12-24T11:00"), berlin("2026-12-24T12:00"), "open", "business hours"),
        Part(berlin("2026-12-24T12:00"), berlin("2026-12-25T00:00"), "closed", "outside business hours"),
        Part(berlin("2026-12-25T00:00"), berlin("2026-12-26T00:00"), "holiday", "Christmas Day"),
        Part(berlin("2026-12-26T00:00"), berlin("2026-12-28T08:00"), "closed", "outside business hours"),
        Part(berlin("2026-12-28T08:00"), berlin("2026-12-28T09:00"), "open", "business hours"),
    ]


def test_working_days_leave_out_weekends_and_holidays() -> None:
    assert XMAS.working_day(date(2026, 12, 23), 1) == date(2026, 12, 24)
    assert XMAS.working_day(date(2026, 12, 24), 1) == date(2026, 12, 28)


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Tehran"]
)
INSTANTS = st.datetimes(datetime(2014, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # naive bounds, as hypothesis wants them
NEAR_JUMPS = st.builds(
    lambda jump, offset: jump + timedelta(seconds=offset),
    st.sampled_from([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]),
    st.integers(-90_000, 90_000),
)
LENGTHS = st.integers(0, 90 * DAY_S).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def days(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    return tuple(Span(a * 900, b * 900) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    week = tuple(draw(days()) for _ in range(7))
    if not any(week):
        week = OFFICE.week
    closed = draw(st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20))
    special = draw(st.dictionaries(st.dates(date(2026, 3, 20), date(2026, 11, 1)), days(), max_size=5))
    return Calendar(ZoneInfo(draw(ZONES)), week, special, lambda _: dict.fromkeys(closed, "holiday"))


@given(calendars(), INSTANTS | NEAR_JUMPS, LENGTHS)
def test_what_was_added_has_elapsed(calendar: Calendar, start: datetime, length: timedelta) -> None:
    assert calendar.elapsed(start, calendar.add(start, length)) == length


@given(calendars(), INSTANTS | NEAR_JUMPS, LENGTHS, LENGTHS)
def test_more_time_never_ends_earlier(calendar: Calendar, start: datetime, one: timedelta, other: timedelta) -> None:
    assert calendar.add(start, min(one, other)) <= calendar.add(start, max(one, other))
    assert calendar.add(calendar.add(start, one), other) == calendar.add(start, one + other) or not one * other


@given(calendars(), INSTANTS | NEAR_JUMPS, LENGTHS)
def test_the_parts_add_up(calendar: Calendar, start: datetime, length: timedelta) -> None:
    end = start + length
    parts = list(calendar.parts(start, end))
    assert sum((part.end.astimezone(UTC) - part.start.astimezone(UTC) for part in parts), timedelta()) == end - start
    opened = sum(
        (part.end.astimezone(UTC) - part.start.astimezone(UTC) for part in parts if part.kind == "open"), timedelta()
    )
    assert opened == calendar.elapsed(start, end)
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert calendar.elapsed(end, start) == -opened
