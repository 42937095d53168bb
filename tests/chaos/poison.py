"""Plants records on the log that are no envelopes, as a stranger with a producer would."""

import asyncio
from contextlib import suppress
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline import topics
from pipeline.config import Kafka
from pipeline.log import client_settings

from .evidence import poison_id
from .oracle import Acked, Oracle


def plant(servers: str, count: int, oracle: Oracle) -> set[str]:
    """Publish so many; the names of all that were tried, while the oracle knows those that Kafka confirmed."""
    return asyncio.run(_plant(servers, count, oracle))


async def _plant(servers: str, count: int, oracle: Oracle) -> set[str]:
    tried: set[str] = set()
    producer = AIOKafkaProducer(**client_settings(Kafka(servers=servers)), acks="all", request_timeout_ms=5000)
    with suppress(KafkaError):
        try:
            await producer.start()
            for number in range(count):
                raw = f"no envelope, {number} of {count}, {uuid4()}".encode()
                tried.add(poison_id(raw))
                await producer.send_and_wait(topics.inbound("email"), raw, key=uuid4().bytes)
                oracle.note(Acked("poison", poison_id(raw)))
        finally:
            await producer.stop()
    return tried
