"""Billable time: what the closed activities of a case amount to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Rounding:
    """How the time of one activity counts: at least `minimum_s`, and up to the next whole `round_s`."""

    round_s: int = 1
    minimum_s: int = 0

    @classmethod
    def of(cls, round_: timedelta, minimum: timedelta) -> "Rounding":
        """From the lengths that a configuration says."""
        return cls(max(1, round(round_.total_seconds())), round(minimum.total_seconds()))

    def __call__(self, seconds: int) -> int:
        """The seconds that count; none stay none, and a correction counts as it is."""
        if seconds <= 0:
            return seconds
        return -(-max(seconds, self.minimum_s) // self.round_s) * self.round_s


@dataclass(frozen=True, slots=True)
class Line:
    """The time of one closed activity; a correction is one too, negative where less is to be billed.

    `consumed` is the mark of the entitlement, `billed` that of the customer's bill.
    """

    activity_id: UUID
    kind: str
    seconds: int
    consumed: bool = False
    billed: bool = False


def billable_s(lines: Iterable[Line]) -> int:
    """Σ of the lines, whatever their marks."""
    return sum(line.seconds for line in lines)


def correction_s(lines: Iterable[Line], wanted_s: int) -> int:
    """The seconds of the line after which the lines amount to what is wanted; none when they do already."""
    return wanted_s - billable_s(lines)


def told_time(seconds: int) -> str:
    """A time as a person reads it, such as 1:05:00."""
    minutes, left = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02}:{left:02}"
