"""The fields of a call's record, read one by one; what cannot be read is noted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from pipeline.parse.numbers import read_number

MAX_TEXT = 500
"""Characters of an id or a name that are kept."""

LONGEST_CALL = timedelta(days=30)

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_SECONDS = re.compile(r"(\d{1,9})(?:\.\d{1,9})?")
_EPOCH = re.compile(r"\d{1,12}(?:\.\d{1,9})?")
_DECIMALS = 6
_YEARS = range(1970, 2200)


@dataclass(frozen=True, slots=True)
class Site:
    """Where an exchange stands: the country of numbers that name none, and the zone of its clock."""

    country: str | None = None
    zone: tzinfo = UTC


class Fields:
    """Reads the values of one record; of several names for a field the first that holds something counts."""

    def __init__(self, values: Mapping[str, str], site: Site) -> None:
        self._values = values
        self._site = site
        self._defects: list[str] = []

    @property
    def defects(self) -> tuple[str, ...]:
        """What was wrong so far, by field."""
        return tuple(dict.fromkeys(self._defects))

    def note(self, field: str, says: str) -> None:
        """Add a defect."""
        self._defects.append(f"{field}: {says}")

    def raw(self, *names: str) -> str:
        """The value as it came, without blanks around it; empty when there is none."""
        return next((value for name in names if (value := self._values.get(name, "").strip())), "")

    def text(self, *names: str) -> str | None:
        """The value as a bounded line of text."""
        return _CONTROL.sub(" ", self.raw(*names)[:MAX_TEXT]).strip() or None

    def number(self, field: str, *names: str) -> str | None:
        """The value as a telephone number."""
        found = read_number(self.raw(*names), self._site.country)
        if found.defect:
            self.note(field, found.defect)
        return found.text

    def seconds(self, field: str, *names: str) -> int | None:
        """The value as a length in whole seconds, a begun one not counted."""
        value = self.raw(*names)
        if not value:
            return None
        matched = _SECONDS.fullmatch(value)
        if matched is None or int(matched[1]) > LONGEST_CALL.total_seconds():
            self.note(field, f"{value[:40]!r} is no length of a call")
            return None
        return int(matched[1])

    def moment(self, field: str, *names: str) -> datetime | None:
        """The value as a time: seconds since 1970, or ISO 8601, where no zone means the exchange's own."""
        value = self.raw(*names)
        if not value or not value.strip("0-:. "):  # never: an empty field, or 0000-00-00 00:00:00
            return None
        found = from_epoch(value) if _EPOCH.fullmatch(value) else _from_iso(value, self._site.zone)
        if found is None:
            self.note(field, f"{value[:40]!r} is no time")
        return found

    def microseconds(self, field: str, *names: str) -> datetime | None:
        """The value as a time in microseconds since 1970; 0 means that it did not come to that."""
        value = self.raw(*names)
        if not value or not value.strip("0"):
            return None
        is_time = value.isdecimal() and len(value) > _DECIMALS
        found = from_epoch(f"{value[:-_DECIMALS]}.{value[-_DECIMALS:]}") if is_time else None
        if found is None:
            self.note(field, f"{value[:40]!r} is no time")
        return found


def from_epoch(text: str) -> datetime | None:
    """The time so many seconds after 1970 began; None when that is out of all bounds."""
    try:
        found = datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        return None
    return found if found.year in _YEARS else None


def _from_iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        found = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in _YEARS else None


def whole_seconds(start: datetime | None, end: datetime | None) -> int | None:
    """How many whole seconds lie between, None when either is not known; a clock set back makes none."""
    return None if start is None or end is None else max(0, int((end - start).total_seconds()))
