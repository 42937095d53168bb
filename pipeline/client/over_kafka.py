"""Events from a topic of Kafka: `case.events`, or `case.state` for cases as they are now."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from pipeline.client.errors import Away, Gone, Refused
from pipeline.client.event import Event
from pipeline.client.sources import Heard

_BATCH = 500


class EventsFromKafka:
    """All partitions of one topic; the places are kept by the checkpoint, not by Kafka."""

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        types: Sequence[str],
        case: str | None,
        at_end: bool,
        settings: Mapping[str, Any],
    ) -> None:
        self._servers = servers
        self._topic = topic
        self._types = frozenset(types)
        self._case = case
        self._at_end = at_end
        self._settings = settings

    async def batches(self, places: Mapping[str, str]) -> AsyncGenerator[Sequence[Heard], None]:
        """What comes from these places on. Raises Away, Refused, Gone."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers.split(","),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            **self._settings,
        )
        try:
            await consumer.start()
            await self._seek(consumer, places)
            while True:
                found = await consumer.getmany(timeout_ms=500, max_records=_BATCH)
                heard = [self._heard(record) for records in found.values() for record in records]
                if heard:
                    yield heard
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            raise Gone(f"what comes after the checkpoint is not on {self._topic} any more") from error
        except (KafkaError, OSError) as error:
            raise Away(f"Kafka: {error!r}") from error
        finally:
            await consumer.stop()

    async def _seek(self, consumer: AIOKafkaConsumer, places: Mapping[str, str]) -> None:
        numbers = await self._numbers()
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        consumer.assign(partitions)
        firsts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            kept = places.get(_part(partition.topic, partition.partition))
            if kept is not None and not firsts[partition] <= int(kept) <= ends[partition]:
                raise Gone(f"{self._topic}/{partition.partition} does not hold what comes after the checkpoint")
            fresh = ends if self._at_end else firsts
            consumer.seek(partition, int(kept) if kept is not None else fresh[partition])

    async def _numbers(self) -> list[int]:
        """The topic's partitions. A consumer learns them only for a topic that it subscribes to, in a group."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers.split(","), **self._settings)
        await admin.start()
        try:
            (found,) = await admin.describe_topics([self._topic])
        finally:
            await admin.close()
        if found["error_code"] or not found["partitions"]:
            raise Refused(f"there is no topic {self._topic}")
        return sorted(one["partition"] for one in found["partitions"])

    def _heard(self, record: Any) -> Heard:  # noqa: ANN401  # aiokafka ships no types
        place = {_part(record.topic, record.partition): str(record.offset + 1)}
        try:
            event = Event.of_record(record.key, record.value, record.headers)
        except ValueError:
            return Heard(None, place)  # none of ours
        return Heard(event if self._wants(event) else None, place)

    def _wants(self, event: Event) -> bool:
        if self._types and not {event.type, event.name} & self._types:
            return False
        return self._case is None or self._case in {event.key, event.subject}


def _part(topic: str, partition: int) -> str:
    return f"{topic}/{partition}"
