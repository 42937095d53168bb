"""The offset ledger on PostgreSQL: assignments, gaps, and what is still to be settled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.errors import Stop
from pipeline.store.connection import connected
from pipeline.store.ports import Position
from pipeline.store.queries import load_queries
from pipeline.wire import Bounds, Partition

_SQL = load_queries("ledger.sql")


@dataclass(frozen=True, slots=True)
class Total:
    """The second sum of accounted intake for a source and an hour."""

    source: str
    hour: datetime
    received: int
    opened: int
    appended: int
    recorded: int
    duplicate: int
    suppressed: int
    quarantined: int
    dead: int

    @property
    def balanced(self) -> bool:
        """Whether every message received has exactly one outcome."""
        joined = self.opened + self.appended + self.recorded
        return self.received == joined + self.duplicate + self.suppressed + self.quarantined + self.dead


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """A row of the ledger as `casestream ledger` and `casestream partition list` show it."""

    topic: str
    partition: int
    first: int
    next: int
    settled: int
    gaps: int
    attempts: int
    stopped_reason: str | None
    cluster_id: str
    epoch: int

    @property
    def balanced(self) -> bool:
        """Whether every offset taken was settled or is a noted gap."""
        return self.next - self.first == self.settled + self.gaps


class PostgresLedger:
    """The ledger outside intake's transactions; each call is a connection of its own, since calls are rare."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        """Insert missing rows at the log's start, and return the rows of these partitions.

        Raises Stop when going on would lose or double something, Retry when PostgreSQL is away.
        """
        if not bounds:
            return {}
        values = {
            "topics": [partition.topic for partition in bounds],
            "partitions": [partition.partition for partition in bounds],
            "starts": [bound.start for bound in bounds.values()],
            "cluster_id": cluster_id,
        }
        async with connected(self._dsn) as connection:
            await connection.execute(_SQL["add_missing"], values)
            rows = await (await connection.execute(_SQL["rows"], values)).fetchall()
        found: dict[Partition, Position] = {}
        for topic, number, cluster, *rest in rows:
            partition, position = Partition(topic, number), Position(*rest)
            check_position(partition, position, bounds[partition], known=cluster, asked=cluster_id)
            found[partition] = position
        return found

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        """Note that offsets from `expected` to before `found` do not exist, and go on at `found`."""
        values = {"topic": partition.topic, "partition": partition.partition, "expected": expected, "found": found}
        async with connected(self._dsn) as connection:
            return (await (await connection.execute(_SQL["skip_gap"], values)).fetchone()) is not None

    async def positions(self, topics: Iterable[str]) -> Mapping[Partition, Position]:
        """The rows of all partitions of these topics."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["of_topics"], {"topics": list(topics)})).fetchall()
        return {Partition(topic, number): Position(*rest) for topic, number, *rest in rows}

    async def resume(self, partition: Partition) -> bool:
        """Let a stopped partition go on; its strikes count from here. False when it is not stopped."""
        values = {"topic": partition.topic, "partition": partition.partition}
        async with connected(self._dsn) as connection:
            return (await (await connection.execute(_SQL["resume"], values)).fetchone()) is not None

    async def totals(self) -> list[Total]:
        """Messages by outcome, for each source and hour."""
        async with connected(self._dsn) as connection:
            return [Total(*row) for row in await (await connection.execute(_SQL["totals"])).fetchall()]

    async def partitions(self) -> list[PartitionRow]:
        """Every row of the ledger."""
        async with connected(self._dsn) as connection:
            return [PartitionRow(*row) for row in await (await connection.execute(_SQL["partitions"])).fetchall()]


def check_position(partition: Partition, position: Position, bounds: Bounds, *, known: str, asked: str) -> None:
    """Raise Stop when going on at this position would lose or double something."""
    where = f"{partition.topic}/{partition.partition}"
    if known != asked:
        raise Stop(f"the ledger of {where} belongs to Kafka cluster {known}, this is {asked}; run casestream resync")
    if position.next > bounds.end:
        raise Stop(
            f"the log is shorter than the ledger: {where} ends at {bounds.end}, {position.next} is to be settled next;"
            " run casestream resync"
        )
    if position.next < bounds.start:
        raise Stop(
            f"messages are lost: {where} begins at {bounds.start}, but {position.next} was to be settled next;"
            " run casestream resync to go on without them"
        )
