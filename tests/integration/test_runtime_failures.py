"""What a worker owes when something dies: nothing lost, nothing doubled, and no process that only looks alive."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from fleet import Fleet, fleet_of, numbered
from running import RunningKafka, eventually

from pipeline.config.sections import Kafka
from pipeline.log import client_settings

pytestmark = pytest.mark.integration


@pytest.fixture
def fleet(kafka: Kafka, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_of(kafka, tmp_path) as fleet:
        yield fleet


def test_an_exception_in_the_agent_ends_the_process(fleet: Fleet) -> None:
    fleet.create()
    worker = fleet.start("a")
    fleet.publish(["boom"])
    assert worker.ends_with() == 70
    assert "RuntimeError: boom" in worker.text()
    assert fleet.effects() == []


def test_a_stop_ends_the_process_with_its_own_code(fleet: Fleet) -> None:
    fleet.create()
    worker = fleet.start("a")
    fleet.publish(["person"])
    assert worker.ends_with() == 78
    assert worker.text().count("a person must look") == 1


def test_one_of_two_workers_killed_loses_and_doubles_nothing(fleet: Fleet) -> None:
    fleet.create(6)
    fleet.start("a")
    victim = fleet.start("b")
    values: list[str] = []
    for kill in range(3):
        more = numbered(2000, f"{kill}-")
        values += more
        fleet.publish(more[:1000])
        victim.send(signal.SIGKILL)
        victim.ends_with()
        fleet.publish(more[1000:])
        victim = fleet.start("b")
    fleet.settles(values)
    assert {name for (name,) in fleet.ledger.rows("SELECT DISTINCT worker FROM assigned")} == {"a", "b"}


def test_the_late_batch_of_a_zombie_settles_nothing(fleet: Fleet) -> None:
    fleet.create(2)
    fleet.ledger.run("INSERT INTO control VALUES ('hold a')")
    zombie = fleet.start("a")
    fleet.publish(numbered(100))
    eventually(lambda: fleet.count("holding") >= 1)
    zombie.send(signal.SIGSTOP)
    fleet.start("b")  # ready once the group has given up the first one
    fleet.settles(numbered(100), within=40)
    batches = fleet.count("batch")
    fleet.ledger.run("DELETE FROM control")
    zombie.send(signal.SIGCONT)
    eventually(lambda: fleet.count("batch") > batches)
    assert fleet.ledger.rows("SELECT sum(taken) FROM batch WHERE worker = 'a'") == [(0,)]
    fleet.publish(numbered(100, "later"))
    fleet.settles([*numbered(100), *numbered(100, "later")])


@pytest.mark.parametrize("reason", ["hold a", "hang"])
def test_no_progress_ends_the_process(fleet: Fleet, reason: str) -> None:
    """Be it that settling never comes back, or that the worker's loop does not turn at all."""
    fleet.create()
    worker = fleet.start("a", stall_limit=3)
    fleet.ledger.run("INSERT INTO control VALUES (?)", reason)
    fleet.publish(numbered(3))
    assert worker.ends_with() == 71
    assert "stands still" in worker.text()


def test_nothing_to_settle_is_no_reason_to_end(fleet: Fleet) -> None:
    """Neither an empty topic, nor a stopped partition, nor a database that is away."""
    fleet.create(2)
    worker = fleet.start("a", stall_limit=2)
    fleet.publish(["breaker", "after"], partition=0)
    eventually(lambda: "the breaker tripped" in worker.text())
    looked = worker.popen.poll
    with pytest.raises(AssertionError, match="in time"):
        eventually(lambda: looked() is not None, within=6)
    fleet.ledger.run("INSERT INTO control VALUES ('away')")
    fleet.ledger.run("INSERT INTO control VALUES ('hold a')")
    fleet.publish(["waits"], partition=1)
    with pytest.raises(AssertionError, match="in time"):
        eventually(lambda: looked() is not None, within=6)
    fleet.ledger.run("DELETE FROM control")
    fleet.settles(["waits"])


def test_a_database_that_is_away_at_an_assignment_is_waited_for(fleet: Fleet) -> None:
    fleet.create()
    fleet.publish(numbered(10))
    fleet.ledger.run("INSERT INTO control VALUES ('away')")
    worker = fleet.start("a", ready=False, stall_limit=2)
    with pytest.raises(AssertionError, match="in time"):
        eventually(lambda: worker.popen.poll() is not None, within=5)
    fleet.ledger.run("DELETE FROM control")
    fleet.settles(numbered(10), within=10)


def test_a_worker_that_was_overtaken_while_it_asked_looks_again_before_it_calls_a_person(fleet: Fleet) -> None:
    fleet.create()
    fleet.publish(numbered(10))
    fleet.ledger.run("INSERT INTO control VALUES ('overtaken')")
    worker = fleet.start("a")
    fleet.settles(numbered(10))
    assert worker.text().count("the ledger does not fit the log") == 1


def test_a_broker_that_dies_is_survived(fleet: Fleet, kafka_server: RunningKafka) -> None:
    fleet.create(3)
    fleet.start("a")
    fleet.start("b")
    values: list[str] = []
    for restart in range(3):
        more = numbered(200, f"{restart}-")
        values += more
        fleet.publish(more)
        kafka_server.kill()
        kafka_server.start()
        fleet.settles(values, within=20)
    last = numbered(20, "last")
    fleet.publish(last)
    fleet.settles([*values, *last], within=10)


def test_a_broker_that_is_not_there_yet_is_waited_for(fleet: Fleet, kafka_server: RunningKafka) -> None:
    fleet.create()
    fleet.publish(numbered(10))
    kafka_server.kill()
    worker = fleet.start("a", ready=False)
    eventually(lambda: "Unable connect" in worker.text())
    kafka_server.start()
    fleet.settles(numbered(10))


def test_it_leaves_in_time_although_the_broker_is_away(fleet: Fleet, kafka_server: RunningKafka) -> None:
    fleet.create()
    worker = fleet.start("a")
    kafka_server.kill()
    worker.send(signal.SIGTERM)
    assert worker.ends_with(15) == 0


def test_it_leaves_in_time_although_the_broker_was_never_there(fleet: Fleet, kafka_server: RunningKafka) -> None:
    kafka_server.kill()
    worker = fleet.start("a", ready=False)
    eventually(lambda: "Unable connect" in worker.text())
    worker.send(signal.SIGTERM)
    assert worker.ends_with(15) == 0


def test_a_log_that_loses_its_start_before_it_is_settled_stops_the_worker(fleet: Fleet) -> None:
    fleet.create(1)
    fleet.publish(numbered(10))
    worker = fleet.start("a")
    fleet.settles(numbered(10))
    asyncio.run(delete_before(fleet, 5))
    fleet.ledger.run("UPDATE ledger SET next = 2")
    fleet.publish(["late"])
    assert worker.ends_with() == 78
    assert fleet.effects() == numbered(10)


async def delete_before(fleet: Fleet, offset: int) -> None:
    admin = AIOKafkaAdminClient(**client_settings(fleet.kafka))
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(fleet.topic(), 0): RecordsToDelete(offset)})
    finally:
        await admin.close()
