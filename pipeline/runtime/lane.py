"""What belongs to one channel: its topic, its consumer group, its positions, its way to settle."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from pipeline.config.sections import Kafka
from pipeline.runtime.ending import End
from pipeline.runtime.positions import Positions
from pipeline.store.ports import OffsetLedger, Settle
from pipeline.topics import inbound
from pipeline.wire import Partition


@dataclass(slots=True)
class Lane:
    """One channel of a worker, shared by the parts that run it.

    `joining_since` is when the rebalance that goes on now began (of the monotonic clock), None between rebalances;
    `leaving` is true from the moment the worker was told to stop.
    """

    channel: str
    kafka: Kafka
    slot: str | None
    settle: Settle
    ledger: OffsetLedger
    end: End
    positions: Positions = field(default_factory=Positions)
    settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    joining_since: float | None = field(default_factory=monotonic)
    leaving: bool = False

    @property
    def topic(self) -> str:
        """The topic's name on this Kafka."""
        return self.kafka.topic_prefix + inbound(self.channel)

    @property
    def group(self) -> str:
        """The consumer group of all workers of this channel."""
        return f"{self.kafka.topic_prefix}casestream-{self.channel}"

    @property
    def instance(self) -> str | None:
        """The name under which a slot's next process takes over from its last one at once; None leaves it to Kafka."""
        return f"{self.group}-{self.slot}" if self.slot else None

    def stop_partition(self, partition: Partition, reason: str) -> bool:
        """Take nothing more from a partition. False when it was stopped for that already."""
        known = self.positions.stopped.get(partition)
        self.positions.stopped[partition] = reason
        return known != reason
