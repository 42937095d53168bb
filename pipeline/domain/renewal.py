"""Renewing an entitlement: the same terms again, for a period as long that begins where the old one ends."""

from calendar import monthrange
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.domain.entitlement import Entitlement

_MONTHS = 12


def renewed(one: Entitlement, external_id: str, zone: ZoneInfo) -> Entitlement:
    """A draft that follows an entitlement, with nothing used of it.

    Raises ValueError when it has no end to begin at, or no beginning to tell how long it ran.
    """
    if one.starts is None or one.ends is None:
        missing = "end" if one.ends is None else "beginning"
        raise ValueError(f"{one.external_id} has no {missing}, so nothing says from when to when its renewal would run")
    starts, ends = next_period(one.starts, one.ends, zone)
    return replace(
        one, external_id=external_id, starts=starts, ends=ends, state="draft", used=0, used_by={}, exhausted=False
    )


def next_period(starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The period that follows, by the calendar of a zone.

    Whole months are followed by as many months, a year by a year; anything else by as much time on the clock.
    """
    first, last = starts.astimezone(zone), ends.astimezone(zone)
    if (first.day, first.time()) == (last.day, last.time()):
        months = (last.year - first.year) * _MONTHS + last.month - first.month
        return ends, _months_later(last, months)
    length = last.replace(tzinfo=None) - first.replace(tzinfo=None)
    return ends, (last.replace(tzinfo=None) + length).replace(tzinfo=zone)


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * _MONTHS + moment.month - 1 + months, _MONTHS)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
