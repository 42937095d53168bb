"""Plants records on the log that are no envelopes, as a stranger with a producer would."""

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.log import client_settings

from .desk import until
from .evidence import poison_id
from .oracle import Acked, Oracle

PLANTED_WITHIN = 60.0


def plant(servers: str, count: int, oracle: Oracle) -> set[str]:
    """Publish so many; the names of all that were tried, while the oracle knows those that Kafka confirmed."""
    tried: set[str] = set()
    for number in range(count):
        raw = f"no envelope, {number} of {count}, {uuid4()}".encode()
        tried.add(poison_id(raw))
        until(lambda raw=raw: asyncio.run(_publish(servers, raw)), PLANTED_WITHIN, lambda: "Kafka takes no poison")
        oracle.note(Acked("poison", poison_id(raw)))
    return tried


async def _publish(servers: str, raw: bytes) -> bool:
    producer = AIOKafkaProducer(**client_settings(Kafka(servers=servers)), acks="all", request_timeout_ms=5000)
    try:
        await producer.start()
        await producer.send_and_wait(topics.inbound("email"), raw, key=uuid4().bytes)
    except KafkaError:
        return False
    finally:
        await producer.stop()
    return True
