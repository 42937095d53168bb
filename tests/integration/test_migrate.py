"""Migrations forward and back, and the ledger brought in step with another log."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from desk import Desk, close

from pipeline.config.sections import Kafka
from pipeline.errors import Stop
from pipeline.kafka_admin import cluster_id
from pipeline.store.ledger import PostgresLedger
from pipeline.store.migrate import all_migrations, migrate
from pipeline.store.resync import resync
from pipeline.wire import Bounds, Partition

pytestmark = pytest.mark.integration

NEWEST = all_migrations()[-1].version
ALL_UP = [f"up {m.version} {m.name}" for m in all_migrations()]
ALL_DOWN = [f"down {m.version} {m.name}" for m in reversed(all_migrations())]


def relations(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'i')"
        )
        return {name for (name,) in rows}


def test_forward_back_and_forward_again_is_the_same_schema(postgres: str) -> None:
    assert asyncio.run(migrate(postgres)) == ALL_UP
    schema = relations(postgres)
    assert asyncio.run(migrate(postgres)) == []
    assert asyncio.run(migrate(postgres, 0)) == ALL_DOWN
    assert relations(postgres) == {"schema_migration", "schema_migration_pkey"}
    assert asyncio.run(migrate(postgres)) == ALL_UP
    assert relations(postgres) == schema


def test_every_single_step_goes_forward_and_back(postgres: str) -> None:
    for version in range(1, NEWEST + 1):
        asyncio.run(migrate(postgres, version))
        before = relations(postgres)
        asyncio.run(migrate(postgres, version - 1))
        asyncio.run(migrate(postgres, version))
        assert relations(postgres) == before


def test_of_two_at_once_one_does_the_work(postgres: str) -> None:
    async def both() -> list[list[str]]:
        return list(await asyncio.gather(migrate(postgres), migrate(postgres)))

    assert sorted(asyncio.run(both())) == [[], ALL_UP]


def test_a_newer_database_stops_an_older_program(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migration (version, name) VALUES (%s, 'later')", (NEWEST + 1,))
    with pytest.raises(Stop, match="use a newer one"):
        asyncio.run(migrate(migrated))


def test_the_verb_says_what_was_done(tmp_path: Path, postgres: str) -> None:
    desk = Desk(tmp_path, postgres)
    ledger = desk.casestream("partition", "list")
    assert (ledger.returncode, ledger.stderr.count("\n")) == (1, 1)
    assert "run `casestream migrate`" in ledger.stderr
    assert desk.casestream("migrate", "--to", "1").stdout.splitlines() == ALL_UP[:1]
    assert desk.casestream("migrate").stdout.splitlines() == ALL_UP[1:]
    assert desk.casestream("migrate").stdout == "the database is at that version already\n"


PARTITION = Partition("inbound.email", 0)


async def settled(desk: Desk, count: int, first: int = 0, cluster: str = "old") -> None:
    await PostgresLedger(desk.dsn).assign(cluster, {PARTITION: Bounds(first, 1_000)})
    settler = desk.settler()
    await settler([desk.mail(first + n, f"m{n}") for n in range(count)])
    await close(settler)


def run_resync(desk: Desk, cluster: str, bounds: Mapping[Partition, Bounds]) -> bool:
    return asyncio.run(resync(desk.dsn, cluster, bounds, anyway=False)).numbers_raised


@pytest.mark.parametrize(("cluster", "end"), [("new", 9), ("old", 3)], ids=["another cluster", "a shorter log"])
def test_another_or_shorter_log_is_settled_from_its_start_in_a_new_epoch(
    tmp_path: Path, migrated: str, cluster: str, end: int
) -> None:
    desk = Desk(tmp_path, migrated)
    asyncio.run(settled(desk, 5))
    bounds = {PARTITION: Bounds(0, end)}
    with pytest.raises(Stop, match="resync"):
        asyncio.run(PostgresLedger(migrated).assign(cluster, bounds))
    assert run_resync(desk, cluster, bounds)
    asyncio.run(PostgresLedger(migrated).assign(cluster, bounds))
    asyncio.run(settled(desk, 7, cluster=cluster))
    (row,) = asyncio.run(PostgresLedger(migrated).partitions())
    assert (row.epoch, row.first, row.next, row.settled, row.balanced) == (1, 0, 7, 7, True)
    (total,) = {t.source: t for t in asyncio.run(PostgresLedger(migrated).totals())}.values()
    assert (total.received, total.opened, total.duplicate, total.balanced) == (12, 7, 5, True)
    with psycopg.connect(migrated) as connection:
        numbers = [n for (n,) in connection.execute("SELECT number FROM cases ORDER BY number")]
        sequences = [s for (s,) in connection.execute("SELECT event_seq FROM cases ORDER BY number")]
    assert numbers == [*range(1001, 1006), 1_001_006, 1_001_007]
    assert sequences == [1_000_001] * 5 + [1, 1]
    in_step = {PARTITION: Bounds(0, 7)}
    assert not run_resync(desk, cluster, in_step), "it stays as it is"


def test_an_offset_may_be_dead_or_missing_in_each_epoch(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    ledger = PostgresLedger(migrated)

    async def one_log(cluster: str) -> None:
        await ledger.assign(cluster, {PARTITION: Bounds(0, 9)})
        settler = desk.settler()
        broken = desk.mail(0, "x")
        await settler([type(broken)(broken.topic, 0, 0, b"", b"no envelope", ())])
        await close(settler)
        assert await ledger.record_gap(PARTITION, 1, 4)

    asyncio.run(one_log("old"))
    run_resync(desk, "new", {PARTITION: Bounds(0, 9)})
    asyncio.run(one_log("new"))
    (row,) = asyncio.run(ledger.partitions())
    assert (row.next, row.settled, row.gaps, row.balanced) == (4, 1, 3, True)


def test_a_front_that_is_gone_is_noted_as_a_gap(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    asyncio.run(settled(desk, 5))
    assert run_resync(desk, "old", {PARTITION: Bounds(8, 20)})
    (row,) = asyncio.run(PostgresLedger(migrated).partitions())
    assert (row.epoch, row.next, row.settled, row.gaps, row.balanced) == (0, 8, 5, 3, True)


def test_a_partition_that_kafka_does_not_have_stops_resync(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    asyncio.run(settled(desk, 1))
    with pytest.raises(Stop, match="topics apply"):
        run_resync(desk, "new", {})


def test_the_verb_refuses_while_nothing_is_wrong(tmp_path: Path, migrated: str, topics: Kafka) -> None:
    desk = Desk(tmp_path, migrated, topics)
    where = Partition(desk.topic, 0)
    asyncio.run(PostgresLedger(migrated).assign("another", {where: Bounds(0, 0)}))
    first = desk.casestream("resync")
    assert (first.returncode, first.stdout.splitlines()[0]) == (0, f"{desk.topic}/0: a new log, settled from its start")
    again = desk.casestream("resync")
    assert (again.returncode, again.stdout) == (1, "")
    assert "in step" in again.stderr
    assert desk.casestream("resync", "--yes").stdout == "case numbers and event sequences rose by 1,000,000\n"
    real = asyncio.run(cluster_id(topics))
    asyncio.run(PostgresLedger(migrated).assign(real, {where: Bounds(0, 0)}))
