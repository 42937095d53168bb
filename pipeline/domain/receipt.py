"""The receipt of a promise: every stretch of its time, and why it counted or did not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.domain.calendar import Calendar
from pipeline.domain.kpi import NOTHING, Instance, Stretch


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of time, in the calendar's zone. What is `counted` or `carried` adds up to the time used."""

    start: datetime
    end: datetime
    kind: Literal["counted", "paused", "closed", "holiday", "carried"]
    cause: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class Receipt:
    """All lines of a promise until a time, with what they add up to."""

    lines: tuple[Line, ...]
    elapsed: timedelta
    paused: timedelta


def receipt(instance: Instance, hours: Calendar, now: datetime) -> Receipt:
    """What the time of an instance is made of, until `now` or its end."""
    until = instance.ended_at or now
    lines = tuple(line for stretch in instance.stretches for line in _lines(stretch, hours, until))
    used = sum((line.length for line in lines if line.kind in {"counted", "carried"}), NOTHING)
    return Receipt(lines, used, sum((line.length for line in lines if line.kind == "paused"), NOTHING))


def _lines(stretch: Stretch, hours: Calendar, until: datetime) -> Iterator[Line]:
    end = stretch.end or until
    start, last = stretch.start.astimezone(hours.zone), end.astimezone(hours.zone)
    if stretch.kind == "carried" or stretch.cause == "paused before":
        yield Line(start, last, stretch.kind, stretch.cause, stretch.length)
        return
    if stretch.start >= end:
        return
    if stretch.end is not None and hours.elapsed(stretch.start, end) != stretch.length:
        yield Line(start, last, stretch.kind, f"{stretch.cause} (by another calendar than today's)", stretch.length)
        return
    for part in hours.parts(stretch.start, end):
        if part.kind == "open":
            yield Line(part.start, part.end, stretch.kind, stretch.cause, _between(part.start, part.end))
        else:
            yield Line(part.start, part.end, part.kind, part.cause, NOTHING)


def _between(start: datetime, end: datetime) -> timedelta:
    """The time that passes, also over a night in which the clock changes."""
    return timedelta(seconds=end.timestamp() - start.timestamp())
