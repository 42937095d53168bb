"""The log on a real broker: lanes side by side keep a conversation together and in order."""

import asyncio
import contextlib
from collections import defaultdict
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from running import RunningKafka

from pipeline.config.sections import Kafka
from pipeline.errors import Reject, Retry
from pipeline.log import KafkaLog, client_settings, partition_bounds
from pipeline.topics import inbound
from pipeline.wire import Envelope

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = [f"<{name}@mail.example>" for name in ("ana", "rui", "zoë", "x" * 90)] + [str(n) for n in range(40)]


def envelope(key: str, number: int, raw: bytes = b"") -> Envelope:
    return Envelope(
        id=f"{key}-{number}",
        channel="email",
        source="/email/a",
        key=key,
        time=AT,
        content_type="message/rfc822",
        raw=raw or str(number).encode(),
    )


async def converse(log: KafkaLog, key: str) -> None:
    for number in range(5):
        await log.publish(envelope(key, number))


async def insist(log: KafkaLog, key: str) -> None:
    """Publish as a source does: again, for as long as it hears Retry."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Retry):
                return await log.publish(envelope(key, 3))


def test_a_conversation_has_one_partition_and_keeps_its_order(topics: Kafka) -> None:
    async def scenario() -> None:
        async with KafkaLog(topics) as log:
            await asyncio.gather(*(converse(log, key) for key in KEYS))
        bounds = await partition_bounds(topics, [inbound("email")])
        found: dict[str, list[tuple[int, bytes | None]]] = defaultdict(list)
        consumer = AIOKafkaConsumer(**client_settings(topics))
        await consumer.start()
        try:
            for place, span in bounds.items():
                where = TopicPartition(*place)
                consumer.assign([where])
                consumer.seek(where, span.start)
                for _ in range(span.end - span.start):
                    record = await asyncio.wait_for(consumer.getone(), 10)
                    found[record.key.decode()].append((record.partition, record.value))
        finally:
            await consumer.stop()
        everywhere = list(range(len(bounds)))
        place_of = DefaultPartitioner()
        assert found == {
            key: [(place_of(key.encode(), everywhere, everywhere), str(number).encode()) for number in range(5)]
            for key in KEYS
        }

    asyncio.run(scenario())


def test_a_record_too_large_is_refused_and_the_lane_goes_on(topics: Kafka) -> None:
    async def scenario() -> None:
        async with KafkaLog(topics) as log:
            with pytest.raises(Reject):
                await log.publish(envelope("a", 1, b"x" * 3_000_000))
            await log.publish(envelope("a", 2))

    asyncio.run(scenario())


def test_a_log_whose_kafka_was_killed_goes_on_when_it_is_back(topics: Kafka, kafka_server: RunningKafka) -> None:
    async def scenario() -> None:
        async with KafkaLog(topics) as log:
            await asyncio.gather(*(log.publish(envelope(key, 1)) for key in KEYS))
            kafka_server.kill()
            waiting = asyncio.gather(*(log.publish(envelope(key, 2)) for key in KEYS), return_exceptions=True)
            await asyncio.sleep(0)
            kafka_server.start()
            assert {type(answer) for answer in await waiting} <= {type(None), Retry}  # a slow start outlasts them
            await asyncio.gather(*(insist(log, key) for key in KEYS))

    asyncio.run(scenario())


def test_a_log_that_is_away_says_retry() -> None:
    async def scenario() -> None:
        async with KafkaLog(Kafka(servers="127.0.0.1:1")) as log:
            with pytest.raises(Retry):
                await log.publish(envelope("a", 1))

    asyncio.run(scenario())
