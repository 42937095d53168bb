"""Brings the ledger back in step with a log that is not the one it knew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pipeline.errors import Stop
from pipeline.store.connection import connected
from pipeline.store.queries import load_queries
from pipeline.wire import Bounds, Partition

_SQL = load_queries("resync.sql")

RAISE_BY = 1_000_000
"""Case numbers and event sequences jump by this, past all that a lost part of the log or database may have used."""


@dataclass(slots=True)
class Resync:
    """What was out of step: partitions of another or a shorter log, partitions whose front is gone.

    `numbers_raised` says whether anything was changed.
    """

    replaced: list[Partition] = field(default_factory=list)
    lost: dict[Partition, int] = field(default_factory=dict)
    numbers_raised: bool = False


async def resync(dsn: str, cluster_id: str, bounds: Mapping[Partition, Bounds], *, anyway: bool) -> Resync:
    """Set every row that the log contradicts to the log's start, and raise all numbers; one transaction.

    A row of another cluster, or past its log's end, belongs to a log that is no more: it gets a new epoch, and the
    first sum (`next - first = settled + gaps`) begins at 0 for it. All records of the new log are settled; those that
    were settled from the old one are found as duplicates. A row before its log's start keeps its epoch, and what is
    gone becomes a gap, so that its sum holds as it is. With nothing out of step nothing is changed, unless `anyway`:
    then the numbers are raised, as is wise after the database was restored from a backup.

    Raises Stop when a partition of the ledger does not exist on Kafka, Retry when PostgreSQL is away.
    """
    async with connected(dsn) as connection:
        rows = await (await connection.execute(_SQL["ledger_rows"])).fetchall()
        found = Resync()
        for topic, number, known, following in rows:
            partition = Partition(topic, number)
            if partition not in bounds:
                raise Stop(f"Kafka has no {topic}/{number}; run `casestream topics apply` first")
            if known != cluster_id or following > bounds[partition].end:
                found.replaced.append(partition)
            elif following < bounds[partition].start:
                found.lost[partition] = bounds[partition].start - following
        if found.replaced:
            await connection.execute(_SQL["begin_epoch"], {"cluster_id": cluster_id, **_starts(found.replaced, bounds)})
        if found.lost:
            await connection.execute(_SQL["skip_lost"], _starts(found.lost, bounds))
        if found.replaced or found.lost or anyway:
            for name in ("raise_case_numbers", "raise_case_events", "raise_other_events"):
                await connection.execute(_SQL[name], {"by": RAISE_BY})
            await connection.execute(_SQL["publish_states"])
            found.numbers_raised = True
    return found


def _starts(partitions: Collection[Partition], bounds: Mapping[Partition, Bounds]) -> dict[str, list[str] | list[int]]:
    return {
        "topics": [partition.topic for partition in partitions],
        "partitions": [partition.partition for partition in partitions],
        "starts": [bounds[partition].start for partition in partitions],
    }
