"""The offset ledger in memory, on the tables that the store in memory has."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline.store.ledger import check_position
from pipeline.store.memory import LedgerRow, Memory
from pipeline.store.ports import Position
from pipeline.wire import Bounds, Partition


class MemoryLedger:
    """Answers as the ledger on PostgreSQL does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        """Insert missing rows at the log's start, and return the rows of these partitions. Raises Stop."""
        async with self._memory.whole() as tables:
            for partition, bound in bounds.items():
                tables.ledger.setdefault(partition, LedgerRow(cluster_id, bound.start))
            rows = {partition: tables.ledger[partition] for partition in bounds}
        for partition, row in rows.items():
            check_position(partition, row.position, bounds[partition], known=row.cluster_id, asked=cluster_id)
        return {partition: row.position for partition, row in rows.items()}

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        """Note that offsets from `expected` to before `found` do not exist, and go on at `found`."""
        async with self._memory.whole() as tables:
            row = tables.ledger.get(partition)
            if row is None or row.next != expected:
                return False
            tables.ledger[partition] = replace(row, next=found)
            tables.gaps[partition, expected] = found
            return True

    async def positions(self, topics: Iterable[str]) -> Mapping[Partition, Position]:
        """The rows of all partitions of these topics."""
        wanted = set(topics)
        return {p: row.position for p, row in sorted(self._memory.tables.ledger.items()) if p.topic in wanted}
