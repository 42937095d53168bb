"""Publishes events to Kafka as CloudEvents, one unconfirmed batch a partition at most."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.errors import Retry, Stop
from pipeline.log import client_settings
from pipeline.publish.binding import Binding, binary
from pipeline.publish.producer import drop
from pipeline.store.outbox import Outgoing
from pipeline.wire import DEAD_TYPE

CONFIRM_TIMEOUT = 30.0
_MAX_BATCH = 900_000
_PLACES_KNOWN = 100_000
_PARTITIONER = DefaultPartitioner()


CONNECTIONS = 4
"""Kafka serves one request of a connection after the other, and each waits until what it wrote is on the disk."""


class KafkaPublisher:
    """Builds a batch for each partition itself, since aiokafka may invert the order of two after one expired."""

    def __init__(self, kafka: Kafka, source: str, bound: Binding = binary) -> None:
        self._kafka = kafka
        self._bound = bound
        self._source = source.encode()
        self._producers: list[AIOKafkaProducer] = []
        self._events, self._dead = (kafka.topic_prefix + name for name in (topics.EVENTS, topics.DEAD))
        self._partitions: dict[str, list[int]] = {}
        self._place = lru_cache(maxsize=_PLACES_KNOWN)(self._placed)

    async def start(self) -> None:
        """Connect. Raises Retry when Kafka is away."""
        try:
            for _ in range(CONNECTIONS):
                producer = self._producer()
                self._producers.append(producer)
                await asyncio.wait_for(producer.start(), CONFIRM_TIMEOUT)
                for topic in (self._events, self._dead):
                    found = await asyncio.wait_for(producer.partitions_for(topic), CONFIRM_TIMEOUT)
                    self._partitions[topic] = sorted(found)
        except (KafkaError, TimeoutError, OSError) as error:
            raise Retry(f"Kafka is away: {error!r}") from error

    async def send(self, events: Iterable[Outgoing]) -> list[int]:
        """Publish what fits into one batch a partition and wait for all; the `ord` of what was confirmed.

        Raises Retry when any of it failed, Stop at an event that can never be sent.
        """
        if not self._producers:
            raise Retry("the publisher was not started")
        builders: dict[tuple[str, int], BatchBuilder] = {}
        sent = self._build(events, builders)
        try:
            waiting = [
                await self._producers[partition % CONNECTIONS].send_batch(builder, topic, partition=partition)
                for (topic, partition), builder in builders.items()
            ]
            await asyncio.wait_for(asyncio.gather(*waiting), CONFIRM_TIMEOUT * 2)
        except (KafkaError, TimeoutError, OSError) as error:
            raise Retry(f"Kafka did not confirm: {error!r}") from error
        return sent

    async def drop(self) -> None:
        """Cut the connections; nothing that waits in the producers is sent any more."""
        producers, self._producers = self._producers, []
        for producer in producers:
            await drop(producer)

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **client_settings(self._kafka),
            acks="all",
            max_batch_size=_MAX_BATCH,
            max_request_size=_MAX_BATCH * 4,
            request_timeout_ms=int(CONFIRM_TIMEOUT * 1000),
        )

    def _build(self, events: Iterable[Outgoing], builders: dict[tuple[str, int], BatchBuilder]) -> list[int]:
        """Put the events into the batch of their partition; the `ord` of those that fit."""
        full: set[tuple[str, int]] = set()
        sent: list[int] = []
        for event in events:
            where = self._place(self._dead if event.type == DEAD_TYPE else self._events, event.key)
            if where in full:
                continue
            if (builder := builders.get(where)) is None:
                builder = builders[where] = self._producers[0].create_batch()
            value, headers = self._bound(event, self._source)
            appended = builder.append(
                timestamp=int(event.at.timestamp() * 1000),
                key=event.key.encode(),
                value=value,
                headers=headers,
            )
            if appended is not None:
                sent.append(event.ord)
            elif builder.record_count() == 0:
                raise Stop(f"event {event.id} is larger than a batch may be; all that follow wait for it")
            else:
                full.add(where)
        return sent

    def _placed(self, topic: str, key: str) -> tuple[str, int]:
        partitions = self._partitions[topic]
        return topic, _PARTITIONER(key.encode(), partitions, partitions)
