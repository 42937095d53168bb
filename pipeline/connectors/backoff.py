"""How long to wait before something that failed is tried again."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress


class Backoff:
    """Doubles the wait at each failure; chance takes off up to half of it, so that many do not come back at once."""

    def __init__(self, first: float, longest: float, chance: Callable[[], float] = random.random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._next = first

    def failed(self) -> float:
        """The seconds to wait after one more failure."""
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * (1 - self._chance() / 2)

    def succeeded(self) -> None:
        """Begin again with the shortest wait."""
        self._next = self._first


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Return after so many seconds, or when it is time to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
