"""What a worker owes in peace: it reads where the ledger says, folds, takes each record once, and leaves in order."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from fleet import Fleet, fleet_of, numbered
from running import eventually

from pipeline.config.sections import Kafka
from pipeline.log import client_settings

pytestmark = pytest.mark.integration


@pytest.fixture
def fleet(kafka: Kafka, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_of(kafka, tmp_path) as fleet:
        yield fleet


def test_a_missing_row_begins_at_the_start_of_the_log(fleet: Fleet) -> None:
    fleet.create()
    fleet.publish(numbered(30))
    fleet.start("a")
    fleet.settles(numbered(30))
    assert fleet.ledger.rows("SELECT partition, next FROM ledger ORDER BY 1") == [(0, 10), (1, 10), (2, 10)]


def test_a_topic_that_is_empty_is_joined_and_read_when_something_comes(fleet: Fleet) -> None:
    fleet.create()
    fleet.start("a")
    fleet.publish(numbered(3))
    fleet.settles(numbered(3), within=5)


def test_kafkas_committed_offset_is_no_position(fleet: Fleet) -> None:
    """Kafka is told the ledger's position, and the ledger is believed when the two differ."""
    fleet.create(1)
    fleet.publish(numbered(10))
    worker = fleet.start("a")
    fleet.settles(numbered(10))
    worker.send(signal.SIGTERM)
    assert worker.ends_with() == 0
    assert asyncio.run(committed(fleet)) == {0: 10}
    fleet.ledger.run("UPDATE ledger SET next = 4")
    fleet.ledger.run("DELETE FROM effect")
    fleet.start("b")
    fleet.settles(numbered(10)[4:])


def test_what_was_settled_before_is_stale(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.publish(numbered(10))
    fleet.ledger.run("INSERT INTO control VALUES ('hold a')")
    fleet.start("a")
    eventually(lambda: fleet.count("holding") == 1)
    fleet.ledger.run("UPDATE ledger SET next = 7")  # as if another had settled these meanwhile
    fleet.ledger.run("DELETE FROM control")
    fleet.settles(numbered(10)[7:])


def test_a_log_that_is_shorter_than_the_ledger_stops_the_worker(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.publish(numbered(3))
    row = (asyncio.run(cluster_id(fleet.kafka)), fleet.topic())
    fleet.ledger.run("INSERT INTO ledger VALUES (?, ?, 0, 99, NULL)", *row)
    worker = fleet.start("a", ready=False)
    assert worker.ends_with() == 78
    assert "the log is shorter than the ledger; run casestream resync" in worker.text()
    assert fleet.effects() == []


def test_another_cluster_stops_the_worker(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.publish(numbered(3))
    fleet.ledger.run("INSERT INTO ledger VALUES ('of another cluster', ?, 0, 0, NULL)", fleet.topic())
    worker = fleet.start("a", ready=False)
    assert worker.ends_with() == 78
    assert "another cluster" in worker.text()
    assert fleet.effects() == []


def test_a_fetch_that_skipped_records_is_no_gap(fleet: Fleet) -> None:
    """The row lies behind what was read: the records between are read again, and no gap is recorded."""
    fleet.create(1)
    fleet.publish(numbered(10))
    fleet.start("a")
    fleet.settles(numbered(10))
    for start in (2, 5):  # the first time it seeks, the second time it looks with a consumer of its own
        fleet.ledger.run("UPDATE ledger SET next = ?", start)
        fleet.ledger.run("DELETE FROM effect")
        fleet.publish(["late"])
        late = 1 if start == 2 else 2
        fleet.settles([*numbered(10)[start:], *["late"] * late])
    assert fleet.count("gap") == 0


def test_the_marker_of_a_transaction_is_a_gap_that_is_real(fleet: Fleet) -> None:
    fleet.create(1)
    asyncio.run(publish_in_transactions(fleet.kafka, fleet.topic(), [["a", "b"], ["c"], ["d"]]))
    fleet.publish(["e"])
    fleet.start("a")
    fleet.settles(["a", "b", "c", "d", "e"])
    assert fleet.ledger.rows("SELECT expected, found FROM gap") == [(2, 3), (4, 5), (6, 7)]
    assert fleet.effects() == ["a", "b", "c", "d", "e"]


def test_all_partitions_of_a_fetch_are_settled_together_and_in_bounds(fleet: Fleet) -> None:
    fleet.create(6)
    fleet.publish(numbered(6000))
    fleet.start("a")
    fleet.settles(numbered(6000))
    assert fleet.ledger.rows("SELECT max(records) FROM batch") == [(500,)]
    before = fleet.count("batch")
    fleet.publish(numbered(60, "later"))
    eventually(lambda: fleet.count("effect") == 6060)
    assert fleet.count("batch") - before < 20  # not 60, and not one for each partition and record


def test_large_records_make_batches_of_at_most_16_mib(fleet: Fleet) -> None:
    fleet.create(3)
    large = [f"{number:04}".ljust(900_000, "x") for number in range(60)]
    fleet.publish(large)
    fleet.start("a")
    fleet.settles([value[:80] for value in large])
    ((largest,),) = fleet.ledger.rows("SELECT max(bytes) FROM batch")
    assert int(str(largest)) <= 16 * 1024 * 1024


def test_what_waits_to_be_settled_is_bounded(fleet: Fleet) -> None:
    """A held batch stops the reading: the worker does not grow by the 150 MB that wait on Kafka."""
    fleet.create(3)
    fleet.start("a")
    fleet.ledger.run("INSERT INTO control VALUES ('hold a')")
    values = [f"{number:04}".ljust(500_000, "x") for number in range(300)]
    fleet.publish(values)
    eventually(lambda: fleet.count("holding") == 1)
    pid = fleet.processes[0].popen.pid
    grown: list[int] = []

    def at_rest() -> bool:
        grown.append(resident_mib(pid))
        return len(grown) > 100 and max(grown[-100:]) - min(grown[-100:]) <= 1

    eventually(at_rest)
    assert grown[-1] < 260
    fleet.ledger.run("DELETE FROM control")
    fleet.settles([value[:80] for value in values])


def test_a_blocked_channel_does_not_stop_another(fleet: Fleet) -> None:
    fleet.create(3, "email", "web")
    fleet.ledger.run("INSERT INTO control VALUES (?)", f"hold {fleet.topic('web')}")
    fleet.start("a", "email", "web")
    fleet.publish(numbered(10, "web"), "web")
    eventually(lambda: fleet.count("holding") == 1)
    fleet.publish(numbered(1000))
    fleet.settles(numbered(1000))
    fleet.ledger.run("DELETE FROM control")
    fleet.settles([*numbered(1000), *numbered(10, "web")])


def test_a_stopped_partition_rests_until_it_is_resumed_while_the_others_go_on(fleet: Fleet) -> None:
    fleet.create(2)
    worker = fleet.start("a")
    fleet.publish(["before", "breaker", "after"], partition=0)
    eventually(lambda: fleet.ledger.rows("SELECT 1 FROM ledger WHERE stopped IS NOT NULL") == [(1,)])
    fleet.publish(numbered(50), partition=1)
    fleet.settles(["before", *numbered(50)])
    assert worker.text().count("the breaker tripped") == 1
    fleet.ledger.run("INSERT INTO control VALUES ('repaired')")
    fleet.ledger.run("UPDATE ledger SET stopped = NULL")
    fleet.settles(["before", "breaker", "after", *numbered(50)])


def test_a_partition_that_was_stopped_is_not_taken_by_the_next_process(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.publish(["breaker"])
    first = fleet.start("a")
    eventually(lambda: fleet.ledger.rows("SELECT 1 FROM ledger WHERE stopped IS NOT NULL") == [(1,)])
    first.send(signal.SIGKILL)
    first.ends_with()
    second = fleet.start("b", slot="a")
    eventually(lambda: "the breaker tripped" in second.text())
    fleet.ledger.run("INSERT INTO control VALUES ('repaired')")
    fleet.ledger.run("UPDATE ledger SET stopped = NULL")
    fleet.settles(["breaker"])


def test_a_worker_without_partitions_is_ready_too(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.start("a")
    fleet.start("b")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_in_order_when_told_to_stop(fleet: Fleet, number: signal.Signals) -> None:
    fleet.create()
    worker = fleet.start("a")
    fleet.publish(numbered(300))
    began = time.monotonic()
    worker.send(number)
    assert worker.ends_with() == 0
    assert time.monotonic() - began < 10
    fleet.start("b")
    fleet.settles(numbered(300))


def test_topics_that_are_created_later_are_found(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.create()
    fleet.publish(numbered(3))
    fleet.settles(numbered(3))


async def cluster_id(kafka: Kafka) -> str:
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def committed(fleet: Fleet) -> dict[int, int]:
    admin = AIOKafkaAdminClient(**client_settings(fleet.kafka))
    await admin.start()
    try:
        group = f"{fleet.kafka.topic_prefix}casestream-email"
        offsets = await admin.list_consumer_group_offsets(group)
        return {tp.partition: found.offset for tp, found in offsets.items()}
    finally:
        await admin.close()


async def publish_in_transactions(kafka: Kafka, topic: str, transactions: list[list[str]]) -> None:
    producer = AIOKafkaProducer(**client_settings(kafka), transactional_id=f"{topic}-tx")
    await producer.start()
    try:
        for values in transactions:
            async with producer.transaction():
                for value in values:
                    await producer.send_and_wait(topic, value.encode(), partition=TopicPartition(topic, 0).partition)
    finally:
        await producer.stop()


def resident_mib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise AssertionError("the process is gone")
