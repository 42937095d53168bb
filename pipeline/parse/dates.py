"""The Date header as an instant in UTC, when it is one that a mail can have."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2038, 1, 19, tzinfo=UTC)  # clocks of 32 bits end here; what comes later is a broken clock

_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip
_USUAL = re.compile(
    r"(?:[A-Za-z]{3}, ?)?\s?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d?):(\d\d)(?::(\d\d))? ([+-])(\d\d)(\d\d)", re.ASCII
)


def read_date(value: str) -> datetime | None:
    """The instant that a date of RFC 5322 (or one nearly so) names; None when it names none, or an impossible one."""
    try:
        instant = _usual(value) or _unusual(value[:200])
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return instant if instant and EARLIEST <= instant < LATEST else None


def _usual(value: str) -> datetime | None:
    found = _USUAL.match(value)
    if found is None or (month := _MONTHS.get(found[2].lower())) is None:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = found.groups()
    local = datetime(_full(int(year)), month, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC)
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return local - ahead if sign == "+" else local + ahead


def _full(year: int) -> int:
    """A year counted from 1900, as some clocks wrote 2002 as 102 (RFC 5322, 4.3)."""
    return year + 1900 if 100 <= year < 1000 else year  # noqa: PLR2004 - three digits


def _unusual(value: str) -> datetime | None:
    """What Python's tolerant reader makes of it; a date without a zone counts as UTC (RFC 5322, 4.3)."""
    try:
        instant = datetime.fromisoformat(value.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        pass
    parts = parsedate_tz(value)
    if parts is None:
        return None
    year, month, day, hour, minute, second = parts[:6]
    local = datetime(_full(year), month, day, hour, minute, min(second, 59), tzinfo=UTC)
    return local - timedelta(seconds=parts[9] or 0)
