"""A worker process over an honest ledger in SQLite, for tests of the runtime alone.

Run as a program it is such a worker; what records say steers it: `boom` raises, `person` raises Stop, `breaker` stops
its partition, anything else is an effect. Rows in `control` steer it from outside.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.config.sections import Kafka
from pipeline.errors import Retry, Stop
from pipeline.process import run
from pipeline.runtime.worker import Worker
from pipeline.store.ports import Position, Settled
from pipeline.wire import Bounds, Partition, Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    cluster TEXT, topic TEXT, partition INTEGER, next INTEGER, stopped TEXT, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS effect (topic TEXT, partition INTEGER, "offset" INTEGER, value TEXT, worker TEXT);
CREATE TABLE IF NOT EXISTS gap (topic TEXT, partition INTEGER, expected INTEGER, found INTEGER);
CREATE TABLE IF NOT EXISTS batch (worker TEXT, records INTEGER, bytes INTEGER, partitions INTEGER, taken INTEGER);
CREATE TABLE IF NOT EXISTS assigned (worker TEXT, partitions INTEGER);
CREATE TABLE IF NOT EXISTS control (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS holding (worker TEXT, topic TEXT);
"""


@dataclass(frozen=True)
class Program:
    """What a worker process is told on its command line."""

    database: str
    kafka: dict[str, str]
    channels: tuple[str, ...]
    name: str
    slot: str | None = None
    stall_limit: float = 60.0
    look_at_stopped_every: float = 0.3

    def arguments(self) -> list[str]:
        return [sys.executable, __file__, json.dumps(asdict(self))]


class SqliteLedger:
    """The offset ledger, and the settling of batches, as PostgreSQL does it."""

    def __init__(self, database: str | Path, worker: str = "test") -> None:
        self._database = str(database)
        self._worker = worker
        with self.transaction() as db:
            db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._database, timeout=20, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")
            db.execute("BEGIN IMMEDIATE")
            yield db
            if db.in_transaction:
                db.execute("COMMIT")
        finally:
            db.close()

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        db = sqlite3.connect(self._database, timeout=20)
        try:
            return db.execute(statement, values).fetchall()
        finally:
            db.close()

    def run(self, statement: str, *values: object) -> None:
        with self.transaction() as db:
            db.execute(statement, values)

    def is_set(self, name: str) -> bool:
        return bool(self.rows("SELECT 1 FROM control WHERE name = ?", name))

    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        if self.is_set("away"):
            raise Retry("the database is away")
        if self.is_set("overtaken"):
            self.run("DELETE FROM control WHERE name = 'overtaken'")
            raise Stop("another worker settled records that came after these bounds were asked for")
        found: dict[Partition, Position] = {}
        with self.transaction() as db:
            for partition, bound in bounds.items():
                db.execute(
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
                    (cluster_id, *partition, bound.start),
                )
                cluster, position, stopped = db.execute(
                    "SELECT cluster, next, stopped FROM ledger WHERE topic = ? AND partition = ?", partition
                ).fetchone()
                if cluster != cluster_id:
                    raise Stop("another cluster")
                if not bound.start <= position <= bound.end:
                    raise Stop("the log is shorter than the ledger; run casestream resync")
                found[partition] = Position(position, 0, stopped)
            db.execute("INSERT INTO assigned VALUES (?, ?)", (self._worker, len(bounds)))
        return found

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        with self.transaction() as db:
            moved = db.execute(
                "UPDATE ledger SET next = ? WHERE topic = ? AND partition = ? AND next = ?",
                (found, *partition, expected),
            )
            if moved.rowcount:
                db.execute("INSERT INTO gap VALUES (?, ?, ?, ?)", (*partition, expected, found))
            return bool(moved.rowcount)

    async def positions(self, topics: Iterable[str]) -> Mapping[Partition, Position]:
        if self.is_set("away"):
            raise Retry("the database is away")
        return {
            Partition(str(topic), int(str(partition))): Position(int(str(offset)), 0, str(stopped) if stopped else None)
            for topic, partition, offset, stopped in self.rows("SELECT topic, partition, next, stopped FROM ledger")
            if topic in set(topics)
        }

    def expect(self, records: Sequence[Record]) -> None:
        """Nothing is done ahead."""

    async def __call__(self, records: Sequence[Record]) -> Settled:
        await self._hold(records[0].topic)
        if self.is_set("hang"):
            time.sleep(3600)  # noqa: ASYNC251  # the loop shall hang, as a bug would make it
        with self.transaction() as db:
            return self._take(db, records)

    async def _hold(self, topic: str) -> None:
        """Wait while `hold TOPIC` or `hold WORKER` is set, and say so."""
        names = {f"hold {topic}", f"hold {self._worker}"}
        if any(self.is_set(name) for name in names):
            self.run("INSERT INTO holding VALUES (?, ?)", self._worker, topic)
        while any(self.is_set(name) for name in names):  # noqa: ASYNC110  # set by another process
            await asyncio.sleep(0.05)

    def _take(self, db: sqlite3.Connection, records: Sequence[Record]) -> Settled:
        positions: dict[Partition, int] = {}
        ahead: dict[Partition, int] = {}
        stopped: dict[Partition, str] = {}
        taken = []
        for record in records:
            partition = Partition(record.topic, record.partition)
            if partition not in positions:
                positions[partition], reason = db.execute(
                    "SELECT next, stopped FROM ledger WHERE topic = ? AND partition = ?", partition
                ).fetchone()
                if reason:
                    stopped[partition] = reason
            if partition in stopped or record.offset < positions[partition]:
                continue
            if record.offset > positions[partition]:
                ahead.setdefault(partition, record.offset)
                continue
            value = (record.value or b"").decode()
            if value == "boom":
                raise RuntimeError("boom")
            if value == "person":
                raise Stop("a person must look")
            if value == "breaker" and not self.is_set("repaired"):
                stopped[partition] = "the breaker tripped"
                db.execute(
                    "UPDATE ledger SET stopped = ? WHERE topic = ? AND partition = ?", (stopped[partition], *partition)
                )
                continue
            taken.append((*partition, record.offset, value[:80], self._worker))
            positions[partition] = record.offset + 1
        db.executemany("INSERT INTO effect VALUES (?, ?, ?, ?, ?)", taken)
        db.executemany(
            "UPDATE ledger SET next = ? WHERE topic = ? AND partition = ?",
            [(offset, *partition) for partition, offset in positions.items()],
        )
        size = sum(len(record.value or b"") for record in records)
        db.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?)",
            (self._worker, len(records), size, len(positions), len(taken)),
        )
        return Settled(positions, ahead, stopped)


def main() -> None:
    """Work as the command line says, until SIGTERM."""
    program = Program(**json.loads(sys.argv[1]))
    ledger = SqliteLedger(program.database, program.name)
    worker = Worker(
        Kafka.model_validate(program.kafka),
        program.channels,
        dict.fromkeys(program.channels, ledger),
        ledger,
        program.slot,
        stall_limit=program.stall_limit,
        look_at_stopped_every=program.look_at_stopped_every,
    )
    run(worker.run)


if __name__ == "__main__":
    main()
