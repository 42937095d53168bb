"""What the pipeline asks of its store; PostgreSQL and the fake in memory answer alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.wire import Bounds, Partition, Record


@dataclass(frozen=True, slots=True)
class Position:
    """A row of the offset ledger: the offset to settle next, and how often that was begun in vain.

    A partition with a `stopped_reason` takes nothing until a person resumes it.
    """

    next: int
    attempts: int = 0
    stopped_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch: positions after its commit, by partition.

    `ahead` names partitions whose records came past `next` (the rule of gaps decides on them), with the first offset
    seen there; `stopped` those that the breaker holds, with the reason.
    """

    positions: Mapping[Partition, int]
    ahead: Mapping[Partition, int] = field(default_factory=dict)
    stopped: Mapping[Partition, str] = field(default_factory=dict)


class Settle(Protocol):
    """Settles a batch of records in one transaction; retries by itself while PostgreSQL is away."""

    async def __call__(self, records: Sequence[Record]) -> Settled:
        """Return after the commit. Raises Stop when a person must look."""


class OffsetLedger(Protocol):
    """Which offset of each partition is to be settled next; the only position there is."""

    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        """Insert missing rows at the log's start, and return the rows of these partitions.

        Raises Stop when a row's `next` lies beyond the log's end or below its start, or belongs to another cluster;
        Retry when PostgreSQL is away.
        """

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        """Note that offsets from `expected` to before `found` do not exist, and go on at `found`.

        False, with nothing written, when `next` is not `expected` any more: someone else settled there.
        """

    async def positions(self, topics: Iterable[str]) -> Mapping[Partition, Position]:
        """The rows of all partitions of these topics."""
