"""How long to wait before a part that died is started again."""

from dataclasses import dataclass

FIRST = 0.2
LONGEST = 10.0
HEALTHY_AFTER = 10.0
"""Seconds of life after which a death counts as the first: it was no part that cannot work."""


@dataclass(slots=True)
class Backoff:
    """Doubles the wait at each death, until a life was long enough."""

    _next: float = FIRST

    def after(self, lived: float) -> float:
        """The seconds to wait after a life of `lived` seconds."""
        wait = FIRST if lived >= HEALTHY_AFTER else self._next
        self._next = min(wait * 2, LONGEST)
        return wait
