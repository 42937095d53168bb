"""What left the desk by one way out since its process started, as figures tell it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Departures:
    """What one way out did since the start; `failed` counts tries by reason, of which most come again.

    `waiting` counts the jobs that are due, `lag_s` is how long the oldest of them has been due, `state` says what is
    in the way, if anything is.
    """

    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    last_success: datetime | None = None
    waiting: int = 0
    lag_s: float = 0.0
    state: str = ""


AllDepartures = Callable[[], Mapping[str, Departures]]
"""What each way out did, by its name, as of now."""
