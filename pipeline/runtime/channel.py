"""Settles the batches of one channel, and acts on what the ledger says of each partition."""

import asyncio
from collections.abc import AsyncIterable
from typing import cast

import stamina
import structlog

from pipeline.errors import Retry, Stop
from pipeline.process import FAILED, STOPPED
from pipeline.runtime.application import ChannelApp
from pipeline.runtime.batch import Batch
from pipeline.runtime.driver import Consumer
from pipeline.runtime.gaps import position_after_gap
from pipeline.runtime.lane import Lane
from pipeline.store.ports import Settled

_log = structlog.get_logger(__name__)


class Channel:
    """One channel: a Faust app with one agent that settles a batch at a time."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.app = ChannelApp(lane)
        self.gaps = 0
        topic = self.app.topic(lane.topic, acks=False)  # Faust would remember every offset for ever
        self.app.agent(topic, name=f"settle-{lane.channel}", concurrency=1)(self._settle_all)

    @property
    def consumer(self) -> Consumer:
        """The driver's consumer of this channel's app."""
        return cast("Consumer", self.app.consumer)

    async def _settle_all(self, batches: AsyncIterable[Batch]) -> None:
        """The agent; no exception leaves it, the process ends instead."""
        try:
            async for batch in batches:
                async with self.lane.settling:
                    await self._settle(batch)
        except Stop as error:
            self.lane.end(STOPPED, str(error))
            raise
        except Exception as error:
            self.lane.end(FAILED, f"settling {self.lane.channel} raised {error!r}", error)
            raise
        except asyncio.CancelledError:
            if not self.lane.leaving:
                self.lane.end(FAILED, f"the agent of {self.lane.channel} was cancelled")
            raise

    async def _settle(self, batch: Batch) -> None:
        records = self.lane.positions.fresh(batch)
        if not records:
            return
        settled = await self.lane.settle(records)
        self.lane.positions.advance(settled.positions)
        for partition, reason in settled.stopped.items():
            self.consumer.halt(partition, reason)
        await self._look_behind(settled)

    async def _look_behind(self, settled: Settled) -> None:
        """Read partitions again whose records came past `next`."""
        for partition in settled.ahead:
            positions = self.lane.positions
            if partition in settled.stopped or partition not in positions.tickets:
                continue
            expected = settled.positions.get(partition, positions.next[partition])
            if partition not in positions.sought:
                positions.sought.add(partition)
                _log.warning("records came too early", topic=partition.topic, partition=partition.partition)
                await self.consumer.place(partition, expected)
                continue
            async for attempt in stamina.retry_context(
                on=Retry, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    offset = await position_after_gap(self.lane.kafka, self.lane.ledger, partition, expected)
            self.gaps += offset > expected
            if partition in positions.tickets:
                await self.consumer.place(partition, offset)

    async def look_at_stopped(self) -> None:
        """Go on with stopped partitions that a person has resumed."""
        if not self.lane.positions.stopped:
            return
        try:
            rows = await self.lane.ledger.positions([self.lane.topic])
        except Retry:
            return
        for partition in list(self.lane.positions.stopped):
            row = rows.get(partition)
            if row is not None and row.stopped_reason is None:
                await self.consumer.proceed(partition, row.next)
