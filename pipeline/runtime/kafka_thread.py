"""The thread in which aiokafka runs: what is asked of Kafka is asked from here."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import aiokafka
import stamina
import structlog
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError, NoOffsetForPartitionError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as faust_aiokafka

from pipeline.errors import Retry
from pipeline.log import client_settings
from pipeline.runtime.batch import MAX_RECORDS, fold
from pipeline.runtime.lane import Lane
from pipeline.wire import Bounds, Partition

SESSION_TIMEOUT = 10.0
HEARTBEAT_INTERVAL = 3.0
REBALANCE_TIMEOUT = 20.0
REQUEST_TIMEOUT = 20.0
"""Seconds until a request to Kafka is given up; JoinGroup waits REBALANCE_TIMEOUT and a little more."""
COMMIT_TIMEOUT = 5.0

_log = structlog.get_logger(__name__)


class KafkaThread(faust_aiokafka.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs; seeks and fetches happen here, so neither overtakes the other."""

    lane: Lane

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lane = self.consumer.lane  # type: ignore[attr-defined]  # ours, see `driver.Consumer`

    async def on_start(self) -> None:
        """Connect, and wait for a Kafka that is not there yet."""
        self._consumer = self._create_consumer(loop=self.thread_loop)
        self.time_started = self.thread_loop.time()
        async for attempt in stamina.retry_context(
            on=KafkaConnectionError, attempts=None, timeout=None, wait_initial=0.1, wait_max=1.0
        ):
            with attempt:
                if self.lane.leaving:
                    return
                await self._consumer.start()

    async def on_thread_stop(self) -> None:
        """Leave the group, or let it time out when Kafka is away; an error here would hang Faust's shutdown."""
        with suppress(KafkaError):
            await super().on_thread_stop()

    def _create_worker_consumer(self, transport: object) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002  # Faust's signature
        lane = self.lane
        return aiokafka.AIOKafkaConsumer(
            **client_settings(lane.kafka),
            client_id=lane.group if lane.instance is None else lane.instance,
            group_id=lane.group,
            group_instance_id=lane.instance,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            # A position that Kafka does not hold is looked at by the ledger, which stops at a loss; "earliest" would
            # read on as if nothing had happened.
            auto_offset_reset="none",
            max_poll_records=MAX_RECORDS,
            fetch_max_wait_ms=100,
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
            session_timeout_ms=int(SESSION_TIMEOUT * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_INTERVAL * 1000),
            rebalance_timeout_ms=int(REBALANCE_TIMEOUT * 1000),
            max_poll_interval_ms=24 * 3600 * 1000,  # waiting for PostgreSQL is no reason to leave the group
            metadata_max_age_ms=10_000,  # new partitions and topics that are created later are seen soon
        )

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # what Faust passes on
        try:
            fetched = await super()._fetch_records(*args, **kwargs)
        except NoOffsetForPartitionError:
            return []  # asked before the ledger said where to read
        return fold({Partition(*tp): records for tp, records in fetched.items()}, self.lane.positions.tickets)

    async def cluster_id(self) -> str:
        """The id of the cluster that answers now."""
        client = self._ensure_consumer()._client  # noqa: SLF001  # aiokafka's consumer does not tell the cluster's id
        node = client.get_random_node()
        if node is None:
            raise Retry("no broker is known")
        answer = await client.send(node, MetadataRequest([]))
        return str(answer.cluster_id)

    async def bounds(self, partitions: Iterable[Partition]) -> Mapping[Partition, Bounds]:
        """Log start and end."""
        consumer = self._ensure_consumer()
        asked = [TopicPartition(*partition) for partition in partitions]
        starts = await consumer.beginning_offsets(asked)
        ends = await consumer.end_offsets(asked)
        return {Partition(*tp): Bounds(starts[tp], ends[tp]) for tp in asked}

    async def place(self, offsets: Mapping[Partition, int]) -> None:
        """Seek, and issue the tickets; what is not assigned any more is left out."""
        consumer = self._ensure_consumer()
        assigned = {Partition(*tp) for tp in consumer.assignment()}
        for partition, offset in offsets.items():
            if partition in assigned:
                consumer.seek(TopicPartition(*partition), offset)
                self.lane.positions.place(partition, offset)

    async def report(self, offsets: Mapping[Partition, int]) -> bool:
        """Commit to Kafka for those who watch the lag; nothing depends on it."""
        consumer = self._ensure_consumer()
        assigned = {Partition(*tp) for tp in consumer.assignment()}
        ours = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "")
            for partition, offset in offsets.items()
            if partition in assigned
        }
        if not ours:
            return False
        try:
            await asyncio.wait_for(consumer.commit(ours), COMMIT_TIMEOUT)
        except (KafkaError, TimeoutError) as error:
            _log.info("Kafka did not take the positions", channel=self.lane.channel, error=repr(error))
            return False
        return True
