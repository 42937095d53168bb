"""Runs every way out of the desk: looks for what waits, lets its jobs be done."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import stamina
import structlog

from pipeline.departures import Departures
from pipeline.dispatch.jobs import Jobs
from pipeline.errors import Retry
from pipeline.store.connection import connected
from pipeline.store.jobs import standing

LOOK_EVERY_S = 0.25
AWAY_S = 1.0
UNEXPECTED = "unexpected"
"""The reason under which is counted what nobody foresaw."""

COUNT_EVERY_S = 5.0

_log = structlog.get_logger()


class Way(Protocol):
    """One way out: webhooks, mail, replies. Its steps are told the time."""

    name: str
    """Also the name of the queue of its jobs."""

    concurrency: int
    """How many of its jobs are done at a time."""

    departures: Departures
    """What it did; it counts `sent` and `failed` itself."""

    async def look(self, now: datetime) -> bool:
        """Queue jobs for what waits, in the transactions that move its cursors or states; whether more waits.

        Several processes may look at once. Raises Retry when PostgreSQL is away; whatever else it raises is logged,
        counted, and keeps no other way from looking.
        """

    async def work(self, args: Mapping[str, Any], now: datetime) -> None:
        """Do one job of the queue; the same may come twice after a crash. Raises Retry to do it a little later."""

    async def close(self) -> None:
        """Let go of connections."""


class Dispatch:
    """All ways out of one desk; any number of processes share the work."""

    def __init__(self, dsn: str, ways: Sequence[Way], ready: Callable[[], None]) -> None:
        self._dsn = dsn
        self._ways = ways
        self._ready = ready

    def departures(self) -> Mapping[str, Departures]:
        """What each way out did since the start."""
        return {way.name: way.departures for way in self._ways}

    async def run(self) -> None:
        """Look and work for ever, once PostgreSQL is there.

        Raises Retry when PostgreSQL went away: then it is not known how jobs ended, so the process must end.
        """
        await self._wait_for_postgres()
        jobs = Jobs(self._dsn)
        for way in self._ways:
            jobs.add(way.name, way.work, way.concurrency)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(jobs.run())
                group.create_task(self._count())
                for way in self._ways:
                    group.create_task(_look(way))
                self._ready()
        except* Retry as errors:
            raise _first(errors) from None
        finally:
            for way in self._ways:
                await way.close()

    async def _wait_for_postgres(self) -> None:
        async for attempt in stamina.retry_context(
            on=Retry, attempts=None, timeout=None, wait_initial=0.1, wait_max=1.0
        ):
            with attempt:
                async with connected(self._dsn):
                    return

    async def _count(self) -> None:
        while True:
            now = datetime.now(UTC)
            try:
                async with connected(self._dsn) as connection:
                    found = await standing(connection, now)
            except Retry as error:
                _log.warning("jobs are not counted", reason=str(error))
            else:
                for name, departures in self.departures().items():
                    jobs = found.get(name)
                    departures.waiting = jobs.waiting if jobs else 0
                    departures.lag_s = max(0.0, (now - jobs.since).total_seconds()) if jobs else 0.0
            await asyncio.sleep(COUNT_EVERY_S)


async def _look(way: Way) -> None:
    """Look for ever; what cannot be done now is done in a later round."""
    while True:
        try:
            pause = 0.0 if await way.look(datetime.now(UTC)) else LOOK_EVERY_S
        except Retry as error:
            _log.warning("what leaves waits", way=way.name, reason=str(error))
            pause = AWAY_S
        except Exception:  # noqa: BLE001  # whatever it is, mail and replies leave none the less
            _log.exception("what leaves waits; the other ways go on", way=way.name)
            way.departures.failed[UNEXPECTED] += 1
            pause = AWAY_S
        await asyncio.sleep(pause)


def _first(errors: ExceptionGroup[Retry]) -> Retry:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
