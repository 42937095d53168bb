"""Lets timers fire on time: looks when the next is due, and at least every half second."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import structlog

from pipeline.agents.timers import Timers
from pipeline.domain.timers import Awaited
from pipeline.errors import Retry

LOOK_EVERY_S = 0.5
AWAY_S = 1.0

_log = structlog.get_logger()


class Watermarks(Protocol):
    """Knows up to when what came is settled."""

    async def __call__(self) -> Mapping[Awaited, datetime]:
        """When the oldest came that is not settled yet; nothing for what waits nowhere. Raises Retry when not known."""

    async def close(self) -> None:
        """Let go of what is asked."""


class Ticker:
    """Goes round; what cannot be fired now is fired in a later round, and marked late.

    A server that is away is waited for, a timer that fails is put aside by who fires it. Any other error is a bug that
    no further round would mend: it leaves, and ends the process, which its supervisor starts again with pauses.
    """

    def __init__(self, timers: Timers, watermarks: Watermarks) -> None:
        self._timers = timers
        self._watermarks = watermarks

    async def run(self) -> None:
        """Fire what is due, for ever. Raises whatever is not Retry."""
        try:
            while True:
                try:
                    pause = await self.round()
                except Retry as error:
                    _log.warning("timers wait", reason=str(error))
                    pause = AWAY_S
                await asyncio.sleep(pause)
        finally:
            await self._watermarks.close()

    async def round(self) -> float:
        """Fire all that may fire now; the seconds until it is worth looking again."""
        now, due = await self._timers.look()
        if due is None or due > now:
            return min(LOOK_EVERY_S, (due - now).total_seconds()) if due else LOOK_EVERY_S
        awaited = await self._watermarks()
        count = 0
        while (fired := await self._timers.fire(awaited)).more:
            count += fired.count
        return LOOK_EVERY_S / 2 if count + fired.count else LOOK_EVERY_S
