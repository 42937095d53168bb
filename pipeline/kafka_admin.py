"""Administers Kafka: creates the topics, deletes what is old."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.errors import Retry
from pipeline.log import client_settings, partition_bounds
from pipeline.wire import Bounds, Partition

_TIMEOUT = 30.0


async def apply_topics(kafka: Kafka) -> list[str]:
    """Create those topics that are not there yet; their names, with the desk's prefix.

    Topics that exist are left as they are. Raises Retry when Kafka is away or has too few brokers.
    """
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    try:
        await asyncio.wait_for(admin.start(), _TIMEOUT)
        there = set(await asyncio.wait_for(admin.list_topics(), _TIMEOUT))
        new = [topic for topic in _new_topics(kafka) if topic.name not in there]
        if not new:
            return []
        answer = await asyncio.wait_for(admin.create_topics(new), _TIMEOUT)
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await admin.close()
    created = []
    for name, code, *message in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != TopicAlreadyExistsError.errno:
            raise Retry(f"Kafka does not create {name}: {(message and message[0]) or for_code(code).__name__}")
    return created


def _new_topics(kafka: Kafka) -> list[NewTopic]:
    return [
        NewTopic(kafka.topic_prefix + topic.name, topic.partitions, kafka.replication, topic_configs=topic.config)
        for topic in topics.all_topics(kafka.replication)
    ]


async def cluster_id(kafka: Kafka) -> str:
    """The id of the cluster that answers now. Raises Retry when Kafka is away."""
    async with _admin(kafka) as admin:
        return str((await asyncio.wait_for(admin.describe_cluster(), _TIMEOUT))["cluster_id"])


class KafkaJanitor:
    """Deletes records from the log's front; it is told up to where."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    async def look(self) -> tuple[str, Mapping[Partition, Bounds]]:
        """Which cluster this is, and the bounds of its inbound partitions. Raises Retry when Kafka is away."""
        return await cluster_id(self._kafka), await partition_bounds(self._kafka, map(topics.inbound, topics.CHANNELS))

    async def delete_before(self, offsets: Mapping[Partition, int]) -> None:
        """Delete every record before these offsets. Raises Retry when Kafka is away."""
        if not offsets:
            return
        wanted = {TopicPartition(*where): RecordsToDelete(offset) for where, offset in offsets.items()}
        async with _admin(self._kafka) as admin:
            await asyncio.wait_for(admin.delete_records(wanted), _TIMEOUT)


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    try:
        await asyncio.wait_for(admin.start(), _TIMEOUT)
        yield admin
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await admin.close()
