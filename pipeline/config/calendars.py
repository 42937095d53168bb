"""Business calendars: when the desk works."""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, model_validator

from pipeline.config.public_holidays import public_holidays
from pipeline.config.values import Country, Section, Timezone
from pipeline.domain import calendar
from pipeline.domain.calendar import DAY_S, ROUND_THE_CLOCK, WEEK, Span

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?|24:00(?::00)?")


def _spans(value: object) -> tuple[Span, ...]:
    """The hours of a day, ascending. Raises ValueError when they are no spans, or overlap."""
    if not isinstance(value, list | tuple):
        raise ValueError('write the spans of a day like [["08:00", "12:00"], ["13:00", "17:00"]]; [] is closed')  # noqa: TRY004  # pydantic tells of a ValueError
    spans = sorted(_span(span) for span in value)
    for before, after in pairwise(spans):
        if after.opens < before.closes:
            raise ValueError(f"{_shown(before)} and {_shown(after)} overlap; make one span of them")
    return tuple(spans)


def _span(value: object) -> Span:
    if isinstance(value, Span):
        return value
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004  # from and to
        raise ValueError('write each span as two times in brackets, like ["08:00", "18:00"]')
    span = Span(_second(value[0]), _second(value[1]))
    if span.closes <= span.opens:
        over = "a span over midnight is two: to 24:00, and from 00:00 the next day"
        raise ValueError(f"{_shown(span)} ends before it begins; {over}")
    return span


def _second(value: object) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{_text(value)} is no time of day; write one like "08:00", at most "24:00"')
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0) if match[1] else DAY_S


def _shown(span: Span) -> str:
    return "-".join(f"{at // 3600:02}:{at // 60 % 60:02}" for at in span)


def _date(value: object) -> object:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f'{_text(value)} is no date; write one like "2026-12-24"')


def _weekday(value: str) -> str:
    if value not in WEEK:
        raise ValueError(f'"{value}" is no day of the week; there are: {", ".join(WEEK)}')
    return value


def _text(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


Hours = Annotated[tuple[Span, ...], BeforeValidator(_spans)]
Day = Annotated[date, BeforeValidator(_date)]
WeekDay = Annotated[str, AfterValidator(_weekday)]


class Calendar(Section):
    """When the desk works; without hours round the clock. Exceptions stand above weekly hours and public holidays."""

    timezone: Timezone | None = None
    hours: Mapping[WeekDay, Hours] = {}
    exceptions: Mapping[Day, Hours] = {}
    holidays: tuple[Day, ...] = ()
    country: Country | None = None
    subdivision: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.subdivision is not None and self.country is None:
            raise ValueError('subdivision needs "country" too')
        if self.country is not None:
            public_holidays(self.country, self.subdivision)
        if both := sorted({*self.exceptions} & {*self.holidays}):
            raise ValueError(f'"{both[0]}" is among holidays and among exceptions; keep it in one of them')
        if self.hours and not any((*self.hours.values(), *self.exceptions.values())):
            raise ValueError('it never opens; give at least one day hours, like mon = [["08:00", "18:00"]]')
        return self

    def build(self, timezone: str) -> calendar.Calendar:
        """The calendar to reckon with; `timezone` is the desk's."""
        public = public_holidays(self.country, self.subdivision) if self.country else None
        own = dict.fromkeys(self.holidays, "holiday")
        return calendar.Calendar(
            zone=ZoneInfo(self.timezone or timezone),
            week=tuple(self.hours.get(day, ()) for day in WEEK) if self.hours else ROUND_THE_CLOCK,
            exceptions=self.exceptions,
            holidays=(lambda year: {**public(year), **own}) if public else (lambda _: own),
        )
