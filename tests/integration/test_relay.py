"""The relay on real parts: order per key, one id for each event, dense numbers, through crashes and outages."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.core.formats.json import JSONFormat
from running import RunningKafka, RunningPostgres

from pipeline import topics as all_topics
from pipeline.agents.events import event_id
from pipeline.agents.relay import Relay
from pipeline.agents.state_feed import StateFeed
from pipeline.config.sections import Kafka
from pipeline.errors import Retry
from pipeline.events.examples import story
from pipeline.log import client_settings
from pipeline.publish.binding import BINDINGS
from pipeline.publish.events import KafkaPublisher
from pipeline.publish.states import KafkaStatePublisher
from pipeline.store.outbox import PublishedEvents
from pipeline.store.ports import Changes, NewEvent
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def events(key: str, first: int, count: int, kind: str = "case.appended") -> list[NewEvent]:
    return [
        NewEvent(event_id(key, seq), key, seq, f"dev.casestream.{kind}.v1", None, {"case": key, "n": seq}, AT)
        for seq in range(first, first + count)
    ]


async def write(dsn: str, *batches: list[NewEvent]) -> None:
    store = PostgresStore(dsn)
    for batch in batches:
        async with store.transaction() as tx:
            await tx.write(Changes(events=batch))
    await store.close()


@asynccontextmanager
async def relaying(dsn: str, kafka: Kafka, mode: str = "binary") -> AsyncIterator[asyncio.Event]:
    ready = asyncio.Event()
    states = StateFeed(dsn, lambda: KafkaStatePublisher(kafka, "/casestream/test"))

    def publisher() -> KafkaPublisher:
        return KafkaPublisher(kafka, "/casestream/test", BINDINGS[mode])

    task = asyncio.create_task(Relay(dsn, publisher, states, ready.set).run())
    try:
        yield ready
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Retry):
            await task


async def outbox_empties(dsn: str, within: float = 60.0) -> None:
    async with asyncio.timeout(within), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        rows = "SELECT EXISTS (SELECT FROM outbox)"
        while (await (await connection.execute(rows)).fetchone()) != (False,):  # noqa: ASYNC110  # another empties it
            await asyncio.sleep(0.05)  # another connection empties it


async def topic(kafka: Kafka, name: str) -> list[tuple[int, str, int, str, int | None]]:
    """All records as (partition, key, sequence, id, position), by partition and offset."""
    consumer = AIOKafkaConsumer(**client_settings(kafka), auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found = []
    try:
        count = 12 if name == all_topics.EVENTS else 1
        partitions = [TopicPartition(kafka.topic_prefix + name, number) for number in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = {tp for tp in partitions if ends[tp]}
        while left:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    headers = {key: value.decode() for key, value in record.headers}
                    position = headers.get("ce_position")
                    found.append(
                        (tp.partition, record.key.decode(), int(headers["ce_sequence"]), headers["ce_id"],
                         int(position) if position else None)
                    )  # fmt: skip
                    if record.offset + 1 >= ends[tp]:
                        left.discard(tp)
    finally:
        await consumer.stop()
    return sorted(found, key=lambda one: one[0])


def in_order(found: list[tuple[int, str, int, str, int | None]]) -> dict[str, list[int]]:
    """The sequences of each key in the order of their first appearance."""
    seen: set[str] = set()
    order: dict[str, list[int]] = defaultdict(list)
    for _, key, seq, identity, _ in found:
        if identity not in seen:
            seen.add(identity)
            order[key].append(seq)
    return order


def test_publishes_in_order_per_key_with_dense_positions(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        keys = [f"case-{n}" for n in range(30)]
        await write(migrated, *[[event for key in keys for event in events(key, seq, 5)] for seq in (1, 6, 11)])
        async with relaying(migrated, topics):
            await outbox_empties(migrated)
        found = await topic(topics, all_topics.EVENTS)
        assert in_order(found) == {key: list(range(1, 16)) for key in keys}
        assert sorted(position or 0 for *_, position in found) == list(range(1, 451))

    asyncio.run(scenario())


@pytest.mark.parametrize("mode", BINDINGS)
def test_the_library_of_cloudevents_reads_what_was_published(migrated: str, topics: Kafka, mode: str) -> None:
    async def scenario() -> None:
        told = [NewEvent(one.id, one.key, one.seq, one.type, one.subject, one.data, one.at) for one in story()]
        await write(migrated, told)
        async with relaying(migrated, topics, mode):
            await outbox_empties(migrated)
        read = {}
        async with (
            AIOKafkaConsumer(
                topics.topic_prefix + all_topics.EVENTS, **client_settings(topics), auto_offset_reset="earliest"
            ) as consumer,
            asyncio.timeout(30),
        ):
            while len(read) < len(told):
                record = await consumer.getone()
                event = from_kafka_event(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
                read[event.get_id()] = (event.get_type(), event.get_time(), event.get_data())
        assert read == {str(one.id): (one.type, one.at, one.data) for one in told}

    asyncio.run(scenario())


def test_dead_letters_go_to_their_own_topic_and_take_no_position(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        await write(migrated, events("/email/a@b", 1, 3, "inbound.dead") + events("case-1", 1, 2))
        async with relaying(migrated, topics):
            await outbox_empties(migrated)
        assert [position for *_, position in await topic(topics, all_topics.DEAD)] == [None, None, None]
        assert sorted(position or 0 for *_, position in await topic(topics, all_topics.EVENTS)) == [1, 2]

    asyncio.run(scenario())


def test_many_large_events_of_one_case_stay_in_order_though_a_batch_holds_few(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        data, kind = {"x": "x" * 90_000}, "dev.casestream.case.appended.v1"
        large = [NewEvent(event_id("case-1", n), "case-1", n, kind, None, data, AT) for n in range(1, 41)]
        await write(migrated, large)
        async with relaying(migrated, topics):
            await outbox_empties(migrated)
        assert in_order(await topic(topics, all_topics.EVENTS)) == {"case-1": list(range(1, 41))}

    asyncio.run(scenario())


def test_a_broker_outage_keeps_the_order(
    migrated: str, topics: Kafka, kafka_server: RunningKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outage is longer than the time a batch may wait, so batches expire while others of their key follow."""
    monkeypatch.setattr("pipeline.publish.events.CONFIRM_TIMEOUT", 2.0)

    async def scenario() -> None:
        async with relaying(migrated, topics) as ready:
            await asyncio.wait_for(ready.wait(), 30)
            await write(migrated, *[events(f"case-{n}", 1, 20) for n in range(10)])
            kafka_server.kill()
            await write(migrated, *[events(f"case-{n}", 21, 20) for n in range(10)])
            async with asyncio.timeout(30):
                while not await stalled(migrated, 3.0):
                    pass
            kafka_server.start()
            await write(migrated, *[events(f"case-{n}", 41, 20) for n in range(10)])
            await outbox_empties(migrated)
        found = in_order(await topic(topics, all_topics.EVENTS))
        assert found == {f"case-{n}": list(range(1, 61)) for n in range(10)}

    asyncio.run(scenario())


async def stalled(dsn: str, seconds: float) -> bool:
    """Whether the outbox holds as many rows after so many seconds as before, and some."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:

        async def waiting() -> int:
            row = await (await connection.execute("SELECT count(*) FROM outbox")).fetchone()
            return row[0] if row else 0

        before = await waiting()
        await asyncio.sleep(seconds)
        return before > 0 and await waiting() == before


def test_a_relay_waits_for_a_postgres_that_is_not_there_yet(
    migrated: str, topics: Kafka, postgres_server: RunningPostgres
) -> None:
    async def scenario() -> None:
        await write(migrated, events("case-1", 1, 3))
        postgres_server.kill()
        async with relaying(migrated, topics) as ready:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ready.wait(), 1)
            postgres_server.start()
            await asyncio.wait_for(ready.wait(), 30)
            await outbox_empties(migrated)
        assert in_order(await topic(topics, all_topics.EVENTS)) == {"case-1": [1, 2, 3]}

    asyncio.run(scenario())


def test_a_relay_that_loses_its_connection_ends_and_another_takes_over(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        async with relaying(migrated, topics) as first, relaying(migrated, topics) as second:
            await asyncio.wait_for(_either(first.wait, second.wait), 30)
            assert first.is_set() != second.is_set()
            async with await psycopg.AsyncConnection.connect(migrated, autocommit=True) as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 30)
            await write(migrated, events("case-1", 1, 5))
            await outbox_empties(migrated)
        assert in_order(await topic(topics, all_topics.EVENTS)) == {"case-1": [1, 2, 3, 4, 5]}

    asyncio.run(scenario())


async def _either(*waits: Callable[[], object]) -> None:
    tasks = [asyncio.ensure_future(wait()) for wait in waits]  # type: ignore[call-overload]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


def test_readers_see_only_what_kafka_has_confirmed(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        await write(migrated, events("case-1", 1, 3))
        reader = PublishedEvents(migrated).follow(0, poll_s=0.05)
        assert await anext(reader) == []
        async with relaying(migrated, topics):
            await outbox_empties(migrated)
            batch: list[object] = []
            async with asyncio.timeout(10):
                while not batch:
                    batch = list(await anext(reader))
        assert [event.pos for event in batch] == [1, 2, 3]  # type: ignore[attr-defined]
        await reader.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())
