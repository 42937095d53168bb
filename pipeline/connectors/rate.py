"""How often each client may come."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from pipeline.errors import Reject

REMEMBERED = 50_000
"""Clients that are remembered; of more, those who came longest ago begin anew."""

MINUTE = 60.0


class TooOften(Reject):
    """The client comes too often; `seconds` says when it may again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, "too many requests from you, try again later")
        self.seconds = max(1, math.ceil(seconds))


class RateLimit:
    """Lets each client do so many things a minute, evenly refilled."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until the client may come again; 0.0 when it may now, and then it has."""
        now = self._clock()
        left, since = self._left.pop(client, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * self._per_minute / MINUTE)
        allowed = left >= 1.0
        self._left[client] = (left - 1.0 if allowed else left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) * MINUTE / self._per_minute

    def give_back(self, client: str) -> None:
        """It came, and that does not count."""
        if client in self._left:
            left, since = self._left[client]
            self._left[client] = (min(float(self._per_minute), left + 1.0), since)
