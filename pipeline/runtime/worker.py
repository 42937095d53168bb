"""A worker: settles what the connectors published, each channel independent of the others."""

import asyncio
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from pipeline import ready
from pipeline.config.sections import Kafka
from pipeline.process import FAILED
from pipeline.runtime.channel import Channel
from pipeline.runtime.ending import End, end_process
from pipeline.runtime.lane import Lane
from pipeline.runtime.quiet import quiet_libraries
from pipeline.runtime.watchdog import Watchdog
from pipeline.store.ports import OffsetLedger, Settle

STALL_LIMIT = 60.0
"""Seconds without progress after which the process ends."""
LOOK_AT_STOPPED_EVERY = 10.0
BATCH_GRACE = 5.0
"""Seconds that the batches in flight have to be settled when the worker is told to stop."""
LEAVE_GRACE = 8.0
"""Seconds that Kafka has to take note that we leave."""
SHUTDOWN_LIMIT = 20.0

_log = structlog.get_logger(__name__)


class Worker:
    """Runs the given channels until SIGTERM or SIGINT.

    `settle_for` and `ledger` are used in the loop that `run` runs in. `slot` names this worker among its siblings, so
    that its next process takes over its partitions at once. Whatever goes wrong ends the process through `end`.
    """

    def __init__(
        self,
        kafka: Kafka,
        channels: Sequence[str],
        settle_for: Mapping[str, Settle],
        ledger: OffsetLedger,
        slot: str | None = None,
        *,
        stall_limit: float = STALL_LIMIT,
        look_at_stopped_every: float = LOOK_AT_STOPPED_EVERY,
        end: End = end_process,
    ) -> None:
        self._parts = (kafka, tuple(channels), dict(settle_for), ledger, slot)
        self._stall_limit = stall_limit
        self._look_at_stopped_every = look_at_stopped_every
        self._end = end
        self.lanes: list[Lane] = []

    async def run(self) -> None:
        """Settle until told to stop; return when the group has been left."""
        quiet_libraries()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        kafka, names, settle_for, ledger, slot = self._parts
        self.lanes = [Lane(name, kafka, slot, settle_for[name], ledger, self._end) for name in names]
        channels = [Channel(lane) for lane in self.lanes]
        watchdog = Watchdog(self.lanes, loop, limit=self._stall_limit, end=self._end)
        watchdog.start()
        starting = asyncio.gather(*(channel.app.start() for channel in channels))
        chores = [asyncio.create_task(self._announce()), asyncio.create_task(self._resume_stopped(channels))]
        starting.add_done_callback(self._end_if_failed)
        for chore in chores:
            chore.add_done_callback(self._end_if_failed)
        await stop.wait()
        watchdog.stop()
        for lane in self.lanes:
            lane.leaving = True
            lane.positions.suspend()
        limit = threading.Timer(SHUTDOWN_LIMIT, self._end, (FAILED, f"the shutdown hangs since {SHUTDOWN_LIMIT:g} s"))
        limit.daemon = True
        limit.start()
        starting.cancel()
        for chore in chores:
            chore.cancel()
        await self._leave(channels)
        limit.cancel()
        _log.info("worker stopped", channels=names)

    def _end_if_failed(self, task: "asyncio.Future[Any]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not any(lane.leaving for lane in self.lanes):
            self._end(FAILED, f"a part of the worker failed: {error!r}", error)

    async def _announce(self) -> None:
        for lane in self.lanes:
            await lane.joined.wait()
        ready.announce()
        _log.info("worker ready", channels=[lane.channel for lane in self.lanes])

    async def _resume_stopped(self, channels: Sequence[Channel]) -> None:
        while True:
            await asyncio.sleep(self._look_at_stopped_every)
            for channel in channels:
                await channel.look_at_stopped()

    async def _leave(self, channels: Sequence[Channel]) -> None:
        """Let the batches in flight come to their end, then leave the groups."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BATCH_GRACE):
                for lane in self.lanes:
                    async with lane.settling:
                        pass
        try:
            async with asyncio.timeout(LEAVE_GRACE):
                await asyncio.gather(*(channel.app.stop() for channel in channels))
        except (TimeoutError, KafkaError) as error:
            # Nothing is in flight any more; the group misses us after the session timeout, as after a crash.
            self._end(0, "Kafka did not let us leave", error)
