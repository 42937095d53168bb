"""Knows up to when what came in is settled: where the ledger stands, against what waits on Kafka."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.domain.timers import Awaited
from pipeline.errors import Retry
from pipeline.log import bounds_seen_by, client_settings
from pipeline.wire import Bounds, Partition

WITHIN_S = 5.0
"""Seconds in which Kafka must hand out the first records that wait."""


class _Position(Protocol):
    """A row of the offset ledger."""

    @property
    def next(self) -> int: ...

    @property
    def stopped_reason(self) -> str | None: ...


class _Ledger(Protocol):
    """Which offset of each partition is to be settled next."""

    async def positions(self, topics: list[str]) -> Mapping[Partition, _Position]: ...


class KafkaWatermarks:
    """When the oldest message (or reading of devices) came that is not settled.

    What waits in a partition that the breaker stopped is not counted: nobody knows when it goes on, and promises are
    broken meanwhile all the same. Asks on one connection for as long as that is good.
    """

    def __init__(self, kafka: Kafka, ledger: _Ledger) -> None:
        self._kafka = kafka
        self._ledger = ledger
        self._channels = {kafka.topic_prefix + topics.inbound(channel): channel for channel in topics.CHANNELS}
        self._consumer: AIOKafkaConsumer | None = None

    async def __call__(self) -> Mapping[Awaited, datetime]:
        """Ask the ledger, then Kafka. Raises Retry when either is away."""
        positions = await self._ledger.positions(list(self._channels))
        try:
            async with asyncio.timeout(WITHIN_S):
                first = await self._first(positions)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise Retry(f"Kafka does not tell what waits: {error!r}") from error
        oldest: dict[Awaited, datetime] = {}
        for partition, at in first.items():
            awaited: Awaited = "devices" if self._channels[partition.topic] == "iot" else "messages"
            oldest[awaited] = min(at, oldest.get(awaited, at))
        return oldest

    async def close(self) -> None:
        """Let go of Kafka."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _first(self, positions: Mapping[Partition, _Position]) -> Mapping[Partition, datetime]:
        """When the first record came that waits in each partition, where one does."""
        if self._consumer is None:
            # a batch of records is the least that Kafka hands out, and enough
            self._consumer = AIOKafkaConsumer(
                **client_settings(self._kafka), enable_auto_commit=False, max_partition_fetch_bytes=1
            )
            await self._consumer.start()
        consumer = self._consumer
        waiting = _waiting(positions, await bounds_seen_by(consumer, self._channels))
        found: dict[Partition, datetime] = {}
        if waiting:
            consumer.assign([TopicPartition(*partition) for partition in waiting])
            for partition, offset in waiting.items():
                consumer.seek(TopicPartition(*partition), offset)
            while missing := [TopicPartition(*partition) for partition in waiting.keys() - found.keys()]:
                record = await consumer.getone(*missing)
                found.setdefault(Partition(record.topic, record.partition), _came(record))
            consumer.unsubscribe()
        return found


def _waiting(positions: Mapping[Partition, _Position], bounds: Mapping[Partition, Bounds]) -> dict[Partition, int]:
    stopped = {partition for partition, position in positions.items() if position.stopped_reason}
    following: dict[Partition, int] = defaultdict(int, {p: position.next for p, position in positions.items()})
    return {
        partition: max(bound.start, following[partition])
        for partition, bound in bounds.items()
        if partition not in stopped and max(bound.start, following[partition]) < bound.end
    }


def _came(record: ConsumerRecord) -> datetime:
    """When its connector received it; what bears no time came when Kafka took it."""
    said = dict(record.headers).get("ce_time", b"")
    try:
        moment = datetime.fromisoformat(said.decode("ascii"))
    except ValueError:
        return datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
