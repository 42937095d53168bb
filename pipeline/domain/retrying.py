"""When to try again what could not be delivered: after growing pauses, for three days."""

from datetime import datetime, timedelta

KEEP_TRYING = timedelta(days=3)
"""After the first try; what cannot be delivered by then is given up."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)

_DOUBLINGS = 20
"""More of them would only be cut by the longest pause."""


def next_try(attempt: int, first_at: datetime, now: datetime, random: float) -> datetime | None:
    """When to try next after `attempt` tries (from 1) of which the first was at `first_at`; None to give up.

    The pause doubles from 5 s up to an hour, and half of it is chance (`random`, from 0 to below 1), so that what
    failed together does not come back together. The last try is at the end of the three days.
    """
    end = first_at + KEEP_TRYING
    if now >= end:
        return None
    pause = min(FIRST_PAUSE * (1 << min(attempt - 1, _DOUBLINGS)), LONGEST_PAUSE)
    return min(now + pause * (0.5 + random / 2), end)
