"""Timers: what is to happen when its time has come, unless something happens before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Awaited = Literal["messages", "devices"]

ON_TIME = timedelta(seconds=1)
"""A timer that fires no later than this after its time is on time; a later one is marked."""


FAILED_AGAIN_AFTER = timedelta(minutes=1)
"""A timer that met an unexpected error is tried again after so long, then after twice as long, and so on."""

MOST_FAILURES = 6
"""One that failed so often in a row is set aside: within half an hour whatever was passing has passed."""

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Timer:
    """Something due `at` a time; of a `kind`, one for each `key`.

    A message on its way could have cancelled it where it `waits_for` messages (or devices): then it does not fire
    before what came until `at` is settled. `data` is what its kind needs to know, as JSON can say it. It `is_new`
    where its key was never used before.
    """

    kind: str
    key: str
    at: datetime
    case_id: UUID | None = None
    waits_for: Awaited | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = field(default=False, compare=False)

    @property
    def place(self) -> tuple[str, str]:
        """What it is known by."""
        return self.kind, self.key


def fire_together(due: Iterable[Timer]) -> list[Timer]:
    """Those of the due timers that may fire in one transaction: of each case (or key) the first, in their order.

    What it does may cancel the next one of its case.
    """
    first: dict[UUID | str, Timer] = {}
    for timer in sorted(due, key=lambda timer: (timer.at, timer.kind, timer.key)):
        first.setdefault(timer.case_id or timer.key, timer)
    return list(first.values())


def late_s(timer: Timer, fired_at: datetime) -> float | None:
    """Seconds by which it fires late; None when it is on time."""
    late = fired_at - timer.at
    return round(late.total_seconds(), 3) if late > ON_TIME else None
