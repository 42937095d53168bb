"""Business time: how much of it lies between two instants, or when so much of it has passed.

An instant is business time when the wall clock of the calendar's zone shows an hour within the day's spans. So a span
over a spring night is shorter by what the clock leaves out, and one over an autumn night longer by what it repeats.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

FIRST_YEAR, LAST_YEAR = 1900, 2400
"""The years between which business time is counted."""

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DAY_S = 86_400
_SECOND = 1_000_000  # all reckoning is in whole microseconds since 1970, as exact as a datetime
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ORDINAL = date(1970, 1, 1).toordinal()


class NoBusinessTimeError(ValueError):
    """The calendar does not open for so long."""


class Span(NamedTuple):
    """Open from one second of the wall clock's day to before another, which is 86,400 at most."""

    opens: int
    closes: int


class Part(NamedTuple):
    """A stretch of time in which the calendar is open, or closed for a reason."""

    start: datetime
    end: datetime
    kind: Literal["open", "closed", "holiday"]
    cause: str


Spans = tuple[Span, ...]

ROUND_THE_CLOCK: tuple[Spans, ...] = ((Span(0, DAY_S),),) * 7


def no_holidays(year: int) -> Mapping[date, str]:  # noqa: ARG001  # of any year
    """What a calendar without holidays knows of a year."""
    return {}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weekly hours in a zone; `exceptions` are hours of single dates, and stand above weekly hours and holidays.

    The spans of a day rise and do not overlap. `holidays` names those of a year.
    """

    zone: tzinfo
    week: tuple[Spans, ...] = ROUND_THE_CLOCK
    exceptions: Mapping[date, Spans] = field(default_factory=dict)
    holidays: Callable[[int], Mapping[date, str]] = no_holidays
    _years: dict[int, "_Year"] = field(default_factory=dict, compare=False, repr=False)
    _last: list[tuple[datetime | None, tuple[int, int]]] = field(
        default_factory=lambda: [(None, (0, 0))], compare=False, repr=False
    )

    def add(self, start: datetime, length: timedelta) -> datetime:
        """The first instant at which `length` of business time has passed since `start`, in the zone of `start`.

        A start outside business hours counts from the next opening; a deadline on closing time stays there. Raises
        NoBusinessTimeError when the calendar does not open for so long.
        """
        wanted = length // _MICROSECOND
        if wanted < 0:
            raise ValueError("a length of time is not negative")
        if not wanted:
            return start
        begins, worked = self._worked(start)
        wanted += worked
        for number in range(begins, LAST_YEAR):
            year = self._year(number)
            if year.total >= wanted:
                return _moment(year.when(wanted)).astimezone(start.tzinfo)
            wanted -= year.total
        raise NoBusinessTimeError(f"the calendar is not open for so long before the year {LAST_YEAR}")

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """The business time between two instants; negative when `end` comes first."""
        passed = self._year_of(end).worked_until(_instant(end)) - self._year_of(start).worked_until(_instant(start))
        first, last = _utc_year(start), _utc_year(end)
        passed += sum(self._year(number).total for number in range(first, last))
        passed -= sum(self._year(number).total for number in range(last, first))
        return timedelta(microseconds=passed)

    def parts(self, start: datetime, end: datetime) -> Iterator[Part]:
        """What the time from `start` to `end` is made of, without gaps; the times are in the calendar's zone."""
        before: Part | None = None
        for part in self._pieces(_instant(start), _instant(end)):
            if before is not None and (before.kind, before.cause) == (part.kind, part.cause):
                before = before._replace(end=part.end)
                continue
            if before is not None:
                yield before
            before = part
        if before is not None:
            yield before

    def spans(self, day: date) -> Spans:
        """The hours of a date."""
        found = self.exceptions.get(day)
        if found is not None:
            return found
        return () if day in self.holidays(day.year) else self.week[day.weekday()]

    def working_day(self, day: date, after: int) -> date:
        """The so-manieth day with business hours after a date. Raises NoBusinessTimeError when there is none."""
        while after:
            day += timedelta(days=1)
            if day.year >= LAST_YEAR:
                raise NoBusinessTimeError(f"the calendar has no such day before the year {LAST_YEAR}")
            after -= bool(self.spans(day))
        return day

    def moment(self, day: date, second: int) -> datetime:
        """The instant at which the wall clock shows a second of a date; 86,400 is the midnight that ends it."""
        wall = datetime(day.year, day.month, day.day) + timedelta(seconds=second)  # noqa: DTZ001 - a wall clock's
        return wall.replace(tzinfo=self.zone).astimezone(UTC).astimezone(self.zone)

    def _pieces(self, start: int, end: int) -> Iterator[Part]:
        for day, begins, ends, midnight in self._days(start, end):
            closed = self._why_closed(day)
            at = begins
            for opens, closes in self.spans(day):
                first = max(at, midnight + opens * _SECOND)
                last = min(ends, midnight + closes * _SECOND)
                if first < last:
                    if at < first:
                        yield self._part(at, first, *closed)
                    yield self._part(first, last, "open", "business hours")
                    at = last
            if at < ends:
                yield self._part(at, ends, *closed)

    def _why_closed(self, day: date) -> tuple[Literal["closed", "holiday"], str]:
        if day not in self.exceptions and (name := self.holidays(day.year).get(day)) is not None:
            return "holiday", name
        return "closed", "outside business hours"

    def _part(self, start: int, end: int, kind: Literal["open", "closed", "holiday"], cause: str) -> Part:
        return Part(_moment(start).astimezone(self.zone), _moment(end).astimezone(self.zone), kind, cause)

    def _worked(self, at: datetime) -> tuple[int, int]:
        """The year of UTC of a moment, and the business time in it until then; several deadlines begin together."""
        known, place = self._last[0]
        if known is not at:
            place = (_utc_year(at), self._year_of(at).worked_until(_instant(at)))
            self._last[0] = (at, place)
        return place

    def _year_of(self, at: datetime) -> "_Year":
        year = _utc_year(at)
        if not FIRST_YEAR <= year < LAST_YEAR:
            raise NoBusinessTimeError(f"business time is counted from the year {FIRST_YEAR} to before {LAST_YEAR}")
        return self._year(year)

    def _year(self, number: int) -> "_Year":
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = _Year(self._open(_new_year(number), _new_year(number + 1)))
        return year

    def _open(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The open stretches of a time, ascending, those that touch made one."""
        since = until = start
        for day, begins, ends, midnight in self._days(start, end):
            for opens, closes in self.spans(day):
                first, last = max(begins, midnight + opens * _SECOND), min(ends, midnight + closes * _SECOND)
                if first >= last:
                    continue
                if first > until:
                    if until > since:
                        yield since, until
                    since = first
                until = last
        if until > since:
            yield since, until

    def _days(self, start: int, end: int) -> Iterator[tuple[date, int, int, int]]:
        """The stretches in which the wall clock shows one date and does not jump.

        With each, where its midnight is, or would be by the offset that holds then.
        """
        for begins, ends, offset in self._offsets(start, end):
            first, last = (begins + offset) // (DAY_S * _SECOND), (ends + offset - 1) // (DAY_S * _SECOND)
            for number in range(first, last + 1):
                midnight = number * DAY_S * _SECOND - offset
                day = date.fromordinal(_FIRST_ORDINAL + number)
                yield day, max(begins, midnight), min(ends, midnight + DAY_S * _SECOND), midnight

    def _offsets(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The stretches of a time in which the zone's offset stays the same."""
        begins, at, offset = start, start, self._offset(start)
        while at < end:
            following = min(at + DAY_S * _SECOND, end)
            if self._offset(following) != offset:
                jump = self._jump(at, following, offset)
                if begins < jump:
                    yield begins, jump, offset
                begins, at, offset = jump, jump, self._offset(jump)
            else:
                at = following
        if begins < end:
            yield begins, end, offset

    def _jump(self, before: int, after: int, offset: int) -> int:
        while after - before > _SECOND:
            middle = (before + after) // (2 * _SECOND) * _SECOND
            if middle <= before:
                break
            before, after = (middle, after) if self._offset(middle) == offset else (before, middle)
        return -(-after // _SECOND) * _SECOND

    def _offset(self, at: int) -> int:
        return (_moment(at).astimezone(self.zone).utcoffset() or timedelta()) // _MICROSECOND


class _Year:
    """The open stretches of a year of UTC, with the sum of them at the end of each."""

    __slots__ = ("closes", "opens", "sums", "total")

    def __init__(self, stretches: Iterator[tuple[int, int]]) -> None:
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.sums: list[int] = []
        self.total = 0
        for opens, closes in stretches:
            self.total += closes - opens
            self.opens.append(opens)
            self.closes.append(closes)
            self.sums.append(self.total)

    def worked_until(self, at: int) -> int:
        """The business time from the year's beginning to an instant in it."""
        index = bisect_right(self.opens, at) - 1
        if index < 0:
            return 0
        return self.sums[index] - max(0, self.closes[index] - at)

    def when(self, wanted: int) -> int:
        """The first instant by which so much business time, which is more than none, has passed in the year."""
        index = bisect_left(self.sums, wanted)
        return self.closes[index] - (self.sums[index] - wanted)


def _utc_year(at: datetime) -> int:
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).year


def _instant(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _moment(instant: int) -> datetime:
    return _EPOCH + timedelta(microseconds=instant)


def _new_year(number: int) -> int:
    return _instant(datetime(number, 1, 1, tzinfo=UTC))
