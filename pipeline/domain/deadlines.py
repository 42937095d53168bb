"""When a promise is due: after so much business time, or on a working day."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.calendar import Calendar

_LENGTH = re.compile(r"(?:(\d{1,6})h)? ?(?:(\d{1,7})m)? ?(?:(\d{1,9})s)?")
_DAYS = re.compile(r"(?:next working day|(\d{1,3}) working days?)(?: (?:at )?([01]\d|2[0-3]):([0-5]\d))?")

IN_DAYS = 'write working days as fail_at = "2 working days", or hours like "48h"'


@dataclass(frozen=True, slots=True)
class Deadline:
    """After a `length` of business time; or else on the so-manieth working `day`, at a second of it or its closing."""

    length: timedelta | None = None
    day: int = 0
    second: int | None = None

    def after(self, start: datetime, calendar: Calendar) -> datetime:
        """When it is due that was begun at `start`. Raises NoBusinessTimeError when the calendar never gets there."""
        if self.length is not None:
            return calendar.add(start, self.length)
        day = calendar.working_day(start.astimezone(calendar.zone).date(), self.day)
        return calendar.moment(day, calendar.spans(day)[-1].closes if self.second is None else self.second)


def parse_length(text: str) -> timedelta:
    """The length that a text like `45m` or `1h30m` says. Raises ValueError with what would be right."""
    match = _LENGTH.fullmatch(text) if text.strip() else None
    if match is None:
        hint = f"; {IN_DAYS}" if re.search(r"\d\s*(d|days?)\b", text) else ""
        raise ValueError(f'"{text}" is no length of business time; write hours, minutes, seconds like "1h30m"{hint}')
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def parse_day(text: str) -> Deadline:
    """The day that a text like `next working day 16:00` or `2 working days` says. Raises ValueError likewise."""
    match = _DAYS.fullmatch(" ".join(text.split()))
    if match is None or match[1] == "0":
        raise ValueError(f'"{text}" is no day; write it like "next working day 16:00" or "2 working days"')
    second = int(match[2]) * 3600 + int(match[3]) * 60 if match[2] else None
    return Deadline(day=int(match[1] or 1), second=second)
