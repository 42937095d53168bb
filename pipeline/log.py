"""The log: where connectors publish, and what others ask of Kafka.

`Log` is the port; `KafkaLog` is the real one, `MemoryLog` the honest fake of tests and rehearsals.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.config.values import read_secret
from pipeline.errors import Reject, Retry
from pipeline.lanes import Lanes
from pipeline.wire import Bounds, Envelope, Partition

PUBLISH_TIMEOUT = 10.0
"""Seconds until a source is told to come back later."""


class Log(Protocol):
    """Takes envelopes and keeps them."""

    async def publish(self, envelope: Envelope) -> None:
        """Return once the envelope is durable. Raises Retry when the log is away, Reject(413) when it is too large."""


@dataclass(slots=True)
class MemoryLog:
    """A log in memory; `away` makes it refuse as Kafka does when it is gone."""

    published: list[Envelope] = field(default_factory=list)
    away: bool = False

    async def publish(self, envelope: Envelope) -> None:
        """Keep the envelope, or raise Retry while `away`."""
        if self.away:
            raise Retry("Kafka is away")
        self.published.append(envelope)


class KafkaLog:
    """Publishes to Kafka with acks=all; `async with` it."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._topics = {channel: kafka.topic_prefix + topics.inbound(channel) for channel in topics.CHANNELS}
        self._lanes: Lanes | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect if Kafka is there; if not, the first `publish` tries again."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await self._started()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of Kafka; what was not acknowledged was never promised."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await lanes.stop()

    async def publish(self, envelope: Envelope) -> None:
        """Return once all in-sync replicas have the envelope.

        Raises Retry when Kafka does not confirm within PUBLISH_TIMEOUT seconds (it may still have it: the source
        sends again and intake finds the duplicate), Reject(413) when the record is larger than Kafka takes.
        """
        key = envelope.key.encode("utf-8", "replace")
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                lanes = self._lanes or await self._started()
                await lanes.send(self._topics[envelope.channel], key, envelope.raw, envelope.headers())
        except MessageSizeTooLargeError as error:
            raise Reject(413, "the message is larger than the log takes") from error
        except (KafkaError, TimeoutError) as error:
            raise Retry(f"Kafka did not confirm: {error!r}") from error

    async def _started(self) -> Lanes:
        async with self._starting:
            if self._lanes is None:
                lanes = Lanes(self._client(), PUBLISH_TIMEOUT)
                try:
                    await lanes.start()
                except BaseException:
                    await lanes.stop()
                    raise  # Kafka is away, or who publishes has no more time; the next one starts again
                self._lanes = lanes
        return self._lanes

    def _client(self) -> AIOKafkaClient:
        return AIOKafkaClient(**client_settings(self._kafka), request_timeout_ms=int(PUBLISH_TIMEOUT * 1000))


def client_settings(kafka: Kafka) -> dict[str, Any]:
    """What every Kafka client of ours is made with."""
    settings: dict[str, Any] = {"bootstrap_servers": kafka.servers, "security_protocol": kafka.security_protocol}
    if kafka.security_protocol in {"SSL", "SASL_SSL"}:
        settings["ssl_context"] = ssl.create_default_context(cafile=kafka.ca)
    if kafka.sasl_mechanism:
        settings |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": read_secret(kafka.password or ""),
        }
    return settings


async def partition_bounds(kafka: Kafka, names: Iterable[str]) -> Mapping[Partition, Bounds]:
    """Log start and end of every partition of the named topics. Raises Retry when Kafka is away."""
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    try:
        await asyncio.wait_for(consumer.start(), PUBLISH_TIMEOUT)
        return await bounds_seen_by(consumer, [kafka.topic_prefix + name for name in names])
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await consumer.stop()


async def bounds_seen_by(consumer: AIOKafkaConsumer, names: Iterable[str]) -> Mapping[Partition, Bounds]:
    """Log start and end of every partition of these topics, asked by a consumer that is there. Raises KafkaError."""
    found: list[TopicPartition] = []
    for topic in names:
        partitions = consumer.partitions_for_topic(topic) or await _partitions(consumer, topic)
        found += [TopicPartition(topic, partition) for partition in sorted(partitions)]
    starts = await consumer.beginning_offsets(found) if found else {}
    ends = await consumer.end_offsets(found) if found else {}
    return {Partition(*tp): Bounds(starts[tp], ends[tp]) for tp in found}


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)  # noqa: SLF001  # the public call only knows topics that are subscribed
    return consumer.partitions_for_topic(topic) or set()
