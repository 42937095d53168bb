"""Timers in memory: which are due, as PostgreSQL answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pipeline.domain.timers import FAILED_AGAIN_AFTER, MOST_FAILURES, Awaited, Timer
from pipeline.store.ports import Changes, Why


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A timer, and when it is looked at next."""

    timer: Timer
    due: datetime
    failures: int = 0
    reason: str | None = None

    @property
    def is_aside(self) -> bool:
        """Whether it failed too often."""
        return self.failures >= MOST_FAILURES

    def failed(self, reason: str, now: datetime) -> "TimerRow":
        """The same, to be tried again later."""
        due = now + FAILED_AGAIN_AFTER * 2**self.failures
        return replace(self, due=due, failures=self.failures + 1, reason=reason)


class _Tables(Protocol):
    timers: dict[tuple[str, str], TimerRow]
    whys: dict[int, Why]


def due_timers(
    rows: Mapping[tuple[str, str], TimerRow], now: datetime, awaited: Mapping[Awaited, datetime]
) -> list[Timer]:
    """The timers due, the first one first."""
    due = [
        row
        for row in rows.values()
        if row.due <= now
        and not row.is_aside
        and (row.timer.waits_for is None or row.timer.at <= awaited.get(row.timer.waits_for, now))
    ]
    return [row.timer for row in sorted(due, key=lambda row: (row.due, row.timer.place))]


def write_timers(tables: _Tables, changes: Changes) -> None:
    """Arm and disarm; keep why."""
    for fired in changes.fired:
        if fired.place in tables.timers and tables.timers[fired.place].timer.at == fired.at:
            tables.timers.pop(fired.place)
    for place, timer in changes.timed.items():
        if timer is None:
            tables.timers.pop(place, None)
        else:
            tables.timers[place] = TimerRow(timer, timer.at)
    for why in changes.whys:
        tables.whys[len(tables.whys)] = why
