"""Creates the topics on Kafka."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pipeline import topics
from pipeline.config import Kafka
from pipeline.errors import Retry
from pipeline.log import client_settings

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
