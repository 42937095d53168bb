"""`casestream ledger` and `casestream partition`, as their users call them."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from desk import Desk, close, lines

from pipeline.config.sections import Kafka
from pipeline.log import KafkaLog, partition_bounds
from pipeline.store.ledger import PostgresLedger
from pipeline.wire import Bounds, Envelope, Partition

pytestmark = pytest.mark.integration


async def publish(desk: Desk, *names: str) -> None:
    async with KafkaLog(desk.kafka) as log:
        for name in names:
            record = desk.mail(0, name)
            await log.publish(Envelope.of_record(record.key, record.value, record.headers))


async def settle(desk: Desk, *names: str, partition: int = 0) -> None:
    where = Partition(desk.topic, partition)
    ledger = PostgresLedger(desk.dsn)
    position = (await ledger.assign("test", {where: Bounds(0, 1_000)}))[where]
    settler = desk.settler()
    await settler([desk.mail(position.next + n, name, partition=partition) for n, name in enumerate(names)])
    await close(settler)


def test_what_waits_is_pending_and_what_was_settled_is_summed_by_source_and_hour(
    tmp_path: Path, migrated: str, topics: Kafka
) -> None:
    desk = Desk(tmp_path, migrated, topics)
    asyncio.run(publish(desk, *["same-conversation"] * 3))  # one key, so one partition holds all three
    before = desk.casestream("ledger", "--json")
    assert before.returncode == 0, before.stderr
    nothing = dict.fromkeys(
        ("received", "opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead"), 0
    )
    assert lines(before) == [{"total": nothing, "pending": 3, "balanced": True}]

    partition = _partition_with_records(desk)
    asyncio.run(settle(desk, "same-conversation", "same-conversation", "same-conversation", partition=partition))
    after = desk.casestream("ledger", "--json")
    assert after.returncode == 0, after.stderr
    hour, last = lines(after)
    assert hour["source"] == "/email/support@desk.example"
    assert (hour["received"], hour["opened"], hour["duplicate"]) == (3, 1, 2)
    assert last == {"total": {**nothing, "received": 3, "opened": 1, "duplicate": 2}, "pending": 0, "balanced": True}
    assert "0 pending, balanced" in desk.casestream("ledger").stdout


def _partition_with_records(desk: Desk) -> int:
    bounds = asyncio.run(partition_bounds(desk.kafka, ["inbound.email"]))
    return next(where.partition for where, bound in bounds.items() if bound.end)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE intake_count SET received = received + 1", "/email/support@desk.example at"),
        ("UPDATE offset_ledger SET settled = settled - 1", "inbound.email/0: 1 offsets taken, but 0 settled"),
    ],
)
def test_a_sum_that_fails_is_named(tmp_path: Path, migrated: str, topics: Kafka, damage: str, says: str) -> None:
    desk = Desk(tmp_path, migrated, topics)
    asyncio.run(settle(desk, "one"))
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(damage.encode())
    result = desk.casestream("ledger", "--json")
    assert result.returncode == 1
    assert lines(result)[-1]["balanced"] is False
    assert says in result.stderr


def test_a_log_that_is_shorter_than_the_ledger_is_no_balance(tmp_path: Path, migrated: str, topics: Kafka) -> None:
    desk = Desk(tmp_path, migrated, topics)
    asyncio.run(settle(desk, "one"))
    result = desk.casestream("ledger", "--json")
    assert result.returncode == 1
    assert "inbound.email/0: the log is shorter than the ledger" in result.stderr


def test_a_kafka_that_is_away_is_one_line(tmp_path: Path, migrated: str) -> None:
    result = Desk(tmp_path, migrated).casestream("ledger", "--json")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("casestream: Kafka is away")
    assert result.stderr.count("\n") == 1


def test_a_postgres_that_is_away_is_one_line(tmp_path: Path) -> None:
    result = Desk(tmp_path, "postgresql://nobody@127.0.0.1:1/none").casestream("ledger")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("casestream: PostgreSQL")
    assert result.stderr.count("\n") == 1


def test_a_stopped_partition_is_listed_and_goes_on_once(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    asyncio.run(settle(desk, "one"))
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("UPDATE offset_ledger SET stopped_reason = 'a bug', attempts = 5")
    assert "STOPPED: a bug" in desk.casestream("partition", "list").stdout
    assert desk.casestream("partition", "resume", "inbound.email/0").returncode == 0
    again = desk.casestream("partition", "resume", "inbound.email/0")
    assert (again.returncode, again.stderr) == (1, "casestream: inbound.email/0 is not stopped\n")
    (row,) = lines(desk.casestream("partition", "list", "--json"))
    assert (row["stopped_reason"], row["attempts"], row["next"]) == (None, 0, 1)
    assert desk.casestream("partition", "resume", "inbound.email").returncode == 2
