"""Sends records to Kafka over lanes side by side, each with one batch on its way.

It stands on aiokafka's client, which knows the leaders of partitions, connects to them again when it must, and ends
what is not answered in time. The producer above that client costs as much again for a single record.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from pipeline.wire import Headers

CONNECTIONS = 12
"""Connections to a broker, one for each partition of an inbound topic."""

BATCH_BYTES = 1_048_576
"""One fsync for all records that wait, as long as a broker with its defaults takes them at once."""

RETRY_SECONDS = 0.1
"""Between two tries of the same batch."""

_ALL_IN_SYNC = -1
_FIRST_GROUP = 10  # of connections; the client keeps the small numbers for itself
_MAGIC, _NO_COMPRESSION, _NOT_TRANSACTIONAL, _NOBODY = 2, 0, 0, -1


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A record that its sender waits for."""

    key: bytes
    value: bytes
    headers: Headers
    acknowledged: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class _Lane:
    """One partition: what waits for the batch that is on its way; the next `apart` records share none."""

    place: TopicPartition
    waiting: deque[_Waiting] = field(default_factory=deque)
    driver: asyncio.Task[None] | None = None
    apart: int = 0


class Lanes:
    """Appends records to partitions, those of one key in their order.

    A broker appends the batches of one connection one after the other, each with its own fsync. With a connection for
    each lane, partitions are appended at the same time, and fsyncs at the same time share one commit of the file
    system's journal. A lane has one batch on its way, so nothing overtakes; what comes meanwhile shares the next.
    """

    def __init__(self, client: AIOKafkaClient, timeout: float, retry: float = RETRY_SECONDS) -> None:
        self._client = client
        self._timeout_ms = int(timeout * 1000)
        self._retry = retry
        self._lanes: dict[tuple[str, int], _Lane] = {}

    async def start(self) -> None:
        """Find the brokers. Raises KafkaError when none answers."""
        await self._client.bootstrap()

    async def stop(self) -> None:
        """Cut the connections; what was not acknowledged was never promised, and who waits is told so."""
        drivers = [lane.driver for lane in self._lanes.values() if lane.driver is not None]
        for driver in drivers:
            driver.cancel()
        await asyncio.gather(*drivers, return_exceptions=True)
        for lane in self._lanes.values():
            _settle(lane.waiting, _refuse_stopped)
            lane.waiting.clear()
        await self._client.close()

    async def send(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        """Return once all in-sync replicas have the record; it is tried again until its sender is cancelled.

        Raises KafkaError when trying again would not help.
        """
        partitions = self._client.cluster.partitions_for_topic(topic) or await self._partitions(topic)
        number = (murmur2(key) & 0x7FFFFFFF) % len(partitions)  # as every Kafka client places keys
        lane = self._lanes.get((topic, number))
        if lane is None:
            lane = self._lanes[topic, number] = _Lane(TopicPartition(topic, number))
        acknowledged = asyncio.get_running_loop().create_future()
        lane.waiting.append(_Waiting(key, value, headers, acknowledged))
        if lane.driver is None:
            lane.driver = asyncio.create_task(self._drive(lane))
        await acknowledged

    async def _partitions(self, topic: str) -> set[int]:
        await self._client.add_topic(topic)
        while True:
            found: set[int] | None = self._client.cluster.partitions_for_topic(topic)
            if found:
                return found
            if topic in self._client.cluster.unauthorized_topics:
                raise TopicAuthorizationFailedError(topic)
            await asyncio.sleep(self._retry)
            await self._client.force_metadata_update()

    async def _drive(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                await self._deliver(lane)
        finally:
            lane.driver = None

    async def _deliver(self, lane: _Lane) -> None:
        """Send what waits until Kafka has it, refuses it, or nobody waits any more."""
        batch: list[_Waiting] = []
        try:
            records = _take(lane, batch)
            while not all(waiting.acknowledged.done() for waiting in batch):
                try:
                    await self._produce(lane.place, records)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    if error.invalid_metadata:
                        self._client.force_metadata_update()
                    await asyncio.sleep(self._retry)
                else:
                    _settle(batch, lambda future: future.set_result(None))
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            too_large = error  # outlives the clause
            if len(batch) == 1:
                _settle(batch, lambda future: future.set_exception(too_large))
            else:  # each may well be small enough for a broker that takes less than BATCH_BYTES
                lane.waiting.extendleft(reversed(batch))
                lane.apart = len(batch)
        except asyncio.CancelledError:
            _settle(batch, _refuse_stopped)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            reason = error  # outlives the clause
            _settle(batch, lambda future: future.set_exception(reason))

    async def _produce(self, place: TopicPartition, records: bytes) -> None:
        leader = self._client.cluster.leader_for_partition(place)
        if leader in {None, -1}:
            raise LeaderNotAvailableError(place)
        answer = await self._client.send(
            leader,
            ProduceRequest(None, _ALL_IN_SYNC, self._timeout_ms, [(place.topic, [(place.partition, records)])]),
            group=_FIRST_GROUP + place.partition % CONNECTIONS,
        )
        ((_, ((_, code, *_),)),) = answer.topics
        if code:
            raise for_code(code)(place)


def _take(lane: _Lane, batch: list[_Waiting]) -> bytes:
    """The records of those who share the next batch, first come, first sent; without whom gave up."""
    builder = DefaultRecordBatchBuilder(_MAGIC, _NO_COMPRESSION, _NOT_TRANSACTIONAL, _NOBODY, _NOBODY, 0, BATCH_BYTES)
    while lane.waiting:
        waiting = lane.waiting.popleft()
        if waiting.acknowledged.done():
            continue
        batch.append(waiting)
        if builder.append(len(batch) - 1, None, waiting.key, waiting.value, waiting.headers) is None:  # full
            lane.waiting.appendleft(batch.pop())
            break
        if lane.apart:
            lane.apart -= 1
            break
    return bytes(builder.build())


def _refuse_stopped(future: asyncio.Future[None]) -> None:
    future.set_exception(ProducerClosed("the connection was closed before the record was acknowledged"))


def _settle(batch: Iterable[_Waiting], how: Callable[[asyncio.Future[None]], None]) -> None:
    for waiting in batch:
        if not waiting.acknowledged.done():
            how(waiting.acknowledged)
