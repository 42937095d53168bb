"""Brings about what time alone brings about: timers that fire, room for what comes, an end for what is old."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from pipeline.agents.ticker import Ticker
from pipeline.blobs import BlobStore
from pipeline.errors import Retry
from pipeline.store.housekeeping import Housekeeping, Round, Stand
from pipeline.wire import Bounds, Partition

ROUND_S = 60.0

KEPT_AFTER_SETTLED = timedelta(days=7)
"""How long an inbound record stays on Kafka after it was settled, and a blob that nothing owns on disk."""

MARKS_KEPT = timedelta(days=60)

PUBLISHED_WITHIN = timedelta(hours=1)
"""A blob is written before its record, by far less than this."""

_CHUNK = 500

_log = structlog.get_logger()


class Janitor(Protocol):
    """Looks at the inbound log and deletes its front."""

    async def look(self) -> tuple[str, Mapping[Partition, Bounds]]:
        """Which cluster this is, and the bounds of its partitions. Raises Retry when Kafka is away."""

    async def delete_before(self, offsets: Mapping[Partition, int]) -> None:
        """Delete every record before these offsets. Raises Retry when Kafka is away."""


class Clock:
    """One round of housekeeping a minute, and timers meanwhile; what cannot be done now is done in the next."""

    def __init__(
        self,
        ticker: Ticker,
        housekeeping: Housekeeping,
        janitor: Janitor,
        blobs: BlobStore,
        ready: Callable[[], None],
        reopened_within: timedelta = timedelta(),
    ) -> None:
        self._ticker = ticker
        self._housekeeping = housekeeping
        self._janitor = janitor
        self._blobs = blobs
        self._ready = ready
        self._reopened_within = reopened_within

    async def run(self) -> None:
        """Go round for ever; ready after the first."""
        await self.round()
        self._ready()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._ticker.run())
            both.create_task(self._rounds())

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            await self.round()

    async def round(self) -> None:
        """Do what is due, unless another clock does; a server that is away is left for the next round."""
        try:
            async with self._housekeeping.round() as now:
                if now is None:
                    return
                made, dropped = await now.make_room(), await now.drop_old_events()
                if made or dropped:
                    _log.info("partitions of events", made=list(map(str, made)), dropped=list(map(str, dropped)))
                if await now.mark_is_due():
                    await self._hourly(now)
        except Retry as error:
            _log.warning("round ended early, the next one goes on", reason=str(error))

    async def _hourly(self, now: Round) -> None:
        """What needs a look at both servers; the mark comes last, so that a round that failed is repeated."""
        await now.delete_positions()
        await now.delete_other_events()
        await now.forget_storms()
        if await now.day_is_new():
            forgotten = await now.forget(self._reopened_within)
            if forgotten:
                _log.info("forgotten what can matter no more", **forgotten)
        cluster, bounds = await self._janitor.look()
        stands = await now.stands(cluster, bounds)
        await self._delete_records(now, cluster, stands)
        if stands.keys() == bounds.keys():
            await self._delete_blobs(now, stands)
        await now.write_marks(stands, MARKS_KEPT)

    async def _delete_records(self, now: Round, cluster: str, stands: Mapping[Partition, Stand]) -> None:
        settled = await now.settled_before(cluster, now.now - KEPT_AFTER_SETTLED)
        due = {
            partition: offset
            for partition, offset in settled.items()
            if partition in stands and stands[partition].bounds.start < offset <= stands[partition].bounds.end
        }
        await self._janitor.delete_before(due)
        if due:
            _log.info("settled records deleted", partitions=len(due))

    async def _delete_blobs(self, now: Round, stands: Mapping[Partition, Stand]) -> None:
        settled_at = await now.all_settled_at(stands)
        if settled_at is None:
            return
        before: datetime = min(now.now - KEPT_AFTER_SETTLED, settled_at - PUBLISHED_WITHIN)
        old = await asyncio.to_thread(self._blobs.older_than, before)
        removed = 0
        for first in range(0, len(old), _CHUNK):
            digests = old[first : first + _CHUNK]
            owned = await now.owned(digests)
            for digest in digests:
                if digest not in owned:
                    removed += await asyncio.to_thread(self._blobs.remove, digest, before)
        if removed:
            _log.info("blobs without owner removed", blobs=removed)
