"""Where this worker stands in each partition that it was assigned."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import count

from pipeline.runtime.batch import Batch
from pipeline.wire import Partition, Record


@dataclass(slots=True)
class Positions:
    """The offset to settle next, the ticket to read under, and what is stopped, by partition.

    Every seek issues a new ticket, and every fetched record carries the ticket it was read under. A record with an
    older one is a leftover of before the seek and is dropped; so no record is settled that was read from a position
    which is no longer ours, and none that follows one which was dropped.
    """

    next: dict[Partition, int] = field(default_factory=dict)
    tickets: dict[Partition, int] = field(default_factory=dict)
    stopped: dict[Partition, str] = field(default_factory=dict)
    sought: set[Partition] = field(default_factory=set)
    stale: int = 0
    _numbers: "count[int]" = field(default_factory=count)

    def place(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`, under a new ticket."""
        self.next[partition] = offset
        self.tickets[partition] = next(self._numbers)

    def keep_only(self, partitions: AbstractSet[Partition]) -> None:
        """Forget every partition that is not among these, and that any was sought: a new assignment begins."""
        for partition in self.next.keys() - partitions:
            del self.next[partition]
        for partition in self.tickets.keys() - partitions:
            del self.tickets[partition]
        for partition in self.stopped.keys() - partitions:
            del self.stopped[partition]
        self.sought.clear()

    def suspend(self) -> None:
        """Drop all that was read so far; the positions stay known until the next assignment."""
        self.tickets.clear()

    def fresh(self, batch: Batch) -> tuple[Record, ...]:
        """The records of a batch that were read under the tickets that count now, of partitions that go on."""
        valid = {
            partition
            for partition, ticket in batch.tickets.items()
            if self.tickets.get(partition) == ticket and partition not in self.stopped
        }
        if len(valid) == len(batch.tickets):
            return batch.records
        kept = tuple(record for record in batch.records if Partition(record.topic, record.partition) in valid)
        self.stale += len(batch.records) - len(kept)
        return kept

    def advance(self, settled: Mapping[Partition, int]) -> None:
        """Take over the positions after a commit."""
        for partition, offset in settled.items():
            if offset > self.next.get(partition, offset):
                self.next[partition] = offset
