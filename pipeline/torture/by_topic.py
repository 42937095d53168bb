"""Writes events to a topic of Kafka, as the relay does when it has to begin anew now and then."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pipeline.errors import Retry
from pipeline.events.examples import SOURCE
from pipeline.torture.plan import PAUSE_S, Cut, Pause, Step, Tell, Telling

PARTITIONS = 3


class ByTopic:
    """A topic of the trial's own, created if it is not there."""

    def __init__(self, settings: Mapping[str, Any], topic: str) -> None:
        self._settings = settings
        self._topic = topic

    async def deliver(self, steps: list[Step]) -> None:
        """All of them, in this order. Raises Retry when Kafka is away."""
        try:
            await self._create()
            async with AIOKafkaProducer(**self._settings, acks="all") as producer:
                for step in steps:
                    match step:
                        case Tell():
                            await self._send(producer, step.telling)
                        case Pause():
                            await asyncio.sleep(PAUSE_S)
                        case Cut():
                            pass  # a client of Kafka connects anew by itself
        except (KafkaError, OSError) as error:
            raise Retry(f"Kafka is away: {error!r}") from error

    async def _create(self) -> None:
        admin = AIOKafkaAdminClient(**self._settings)
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(self._topic, PARTITIONS, 1)])
        finally:
            await admin.close()
        for _, code, *_ in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise for_code(code)

    async def _send(self, producer: AIOKafkaProducer, told: Telling) -> None:
        """In the binary mode of CloudEvents, like `case.events`."""
        event = {"id": str(told.id), "source": SOURCE, "type": told.type, "time": told.at.isoformat()}
        event |= {"sequence": f"{told.seq:012d}", "position": str(told.position), "specversion": "1.0"}
        event |= {"subject": told.subject} if told.subject is not None else {}
        event |= {"weather": "fair"} if told.strange else {}
        headers = [(f"ce_{name}", text.encode()) for name, text in event.items()]
        headers.append(("content-type", b"application/json"))
        await producer.send_and_wait(self._topic, told.data_json(), told.key.encode(), headers=headers)
