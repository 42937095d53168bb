"""Faust's Kafka driver, told by the ledger where to read and folded into batches.

Faust's own offset bookkeeping loses records: it commits past what is unfinished and trusts Kafka's committed offset.
Here it is switched off. The ledger says where to read at every assignment, tickets tell what was read since, and
what is committed to Kafka is the ledger's `next`, for lag tools alone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

import aiokafka
import stamina
import structlog
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP, ConsumerMessage

from pipeline.errors import Retry, Stop
from pipeline.log import client_settings
from pipeline.process import STOPPED
from pipeline.runtime.batch import MAX_RECORDS, Batch, fold
from pipeline.runtime.lane import Lane
from pipeline.store.ports import Position
from pipeline.wire import Bounds, Partition

SESSION_TIMEOUT = 10.0
HEARTBEAT_INTERVAL = 3.0
REBALANCE_TIMEOUT = 20.0
REQUEST_TIMEOUT = 20.0
"""Seconds until a request to Kafka is given up; JoinGroup waits REBALANCE_TIMEOUT and a little more."""
COMMIT_TIMEOUT = 5.0

_log = structlog.get_logger(__name__)


class _Thread(faust_aiokafka.AIOKafkaConsumerThread):
    """The thread in which aiokafka runs; seeks and fetches happen here, so neither overtakes the other."""

    lane: Lane

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lane = self.consumer.lane  # type: ignore[attr-defined]  # ours, see Consumer

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


class _Forgetful(dict[Any, Any]):
    """Faust's last seen offsets, never known: it would drop what is read again after a seek."""

    def __getitem__(self, key: object) -> None:
        """Unknown."""

    def __setitem__(self, key: object, value: object) -> None:
        """Nothing is kept."""

    def update(self, *_: object, **__: object) -> None:
        """Nothing is kept."""


class Consumer(faust_aiokafka.Consumer):
    """Reads where the ledger says, a batch an event."""

    _thread: _Thread

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # what Faust passes on
        self.lane: Lane = transport.app.lane
        self._reported: dict[Partition, int] = {}
        super().__init__(transport, *args, **kwargs)
        self._read_offset = _Forgetful()

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    # Where to read

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drop what was read: it belongs to whoever is assigned next."""
        self.lane.positions.suspend()
        await super().on_partitions_revoked(revoked)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Ask the ledger for the position of every partition assigned to us, and read on from there.

        While PostgreSQL or Kafka is away it asks again; when a person must look, the process ends.
        """
        assigned = {Partition(*tp) for tp in self.assignment()}
        try:
            rows = await self._ask_ledger(assigned)
        except Stop as error:
            self.lane.end(STOPPED, str(error))
            raise
        self.lane.positions.keep_only(assigned)
        await self._thread.call_thread(self._thread.place, {partition: row.next for partition, row in rows.items()})
        self.lane.positions.stopped.clear()
        for partition, row in rows.items():
            if row.stopped_reason is not None:
                self.halt(partition, row.stopped_reason)
        return {TP(*partition): row.next for partition, row in rows.items()}

    async def _ask_ledger(self, assigned: set[Partition]) -> Mapping[Partition, Position]:
        async for attempt in stamina.retry_context(
            on=(Retry, KafkaError), attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
        ):
            with attempt:
                if assigned != {Partition(*tp) for tp in self.assignment()}:
                    break
                if not assigned:
                    return {}
                try:
                    return await self._compare(assigned)
                except Stop as error:
                    # Who had the partitions before may settle what came after we saw the log's end: look again.
                    _log.warning("the ledger does not fit the log", channel=self.lane.channel, reason=str(error))
                    return await self._compare(assigned)
        raise IllegalStateError("the partitions were assigned anew in the meantime")

    async def _compare(self, assigned: set[Partition]) -> Mapping[Partition, Position]:
        cluster = await self._thread.call_thread(self._thread.cluster_id)
        bounds = await self._thread.call_thread(self._thread.bounds, assigned)
        return await self.lane.ledger.assign(cluster, bounds)

    async def place(self, partition: Partition, offset: int) -> None:
        """Read a partition on from `offset`, and drop whatever of it was read before."""
        await self._thread.call_thread(self._thread.place, {partition: offset})

    def halt(self, partition: Partition, reason: str) -> None:
        """Read nothing more of a partition until `proceed`."""
        self.pause_partitions({TP(*partition)})
        if self.lane.stop_partition(partition, reason):
            _log.error("partition stopped", topic=partition.topic, partition=partition.partition, reason=reason)

    async def proceed(self, partition: Partition, offset: int) -> None:
        """Read a stopped partition again, from `offset`."""
        self.lane.positions.stopped.pop(partition, None)
        if TP(*partition) in self.assignment():
            await self.place(partition, offset)
            self.resume_partitions({TP(*partition)})
            _log.info("partition resumed", topic=partition.topic, partition=partition.partition, offset=offset)

    # Batches

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's
        """The batches of one fetch, none while a rebalance goes on.

        An event that is dropped on its way never leaves a hole: every drop is followed by a seek, hence a new ticket.
        """
        try:
            fetched, _ = await self._wait_next_records(timeout)
        except OffsetOutOfRangeError as error:
            _log.warning("Kafka does not hold a position", channel=self.lane.channel, error=repr(error))
            await self.seek_to_committed()
            return
        batches = cast("list[Batch]", fetched or [])  # see _Thread._fetch_records
        for batch in batches:
            if not self.flow_active:
                await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # Faust names the other kind of event
            if self.should_stop:
                return
            self.lane.settle.expect(batch.records)
            message = self._message(batch)
            yield message.tp, message

    def _message(self, batch: Batch) -> ConsumerMessage:
        first = batch.records[0]
        return ConsumerMessage(
            first.topic,
            first.partition,
            first.offset,
            0.0,
            0,
            None,
            None,
            cast("Any", batch),  # Faust hands any value on to the agent, though it declares bytes
            None,
            tp=TP(first.topic, first.partition),
            generation_id=self.app.consumer_generation_id,
        )

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue makes the fetcher wait for all partitions, so none is set aside."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See on_buffer_full."""

    # What Faust would keep about offsets

    async def commit(self, topics: object = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  # Faust's signature
        """Tell Kafka how far the ledger is, where that changed."""
        changed = {
            partition: offset
            for partition, offset in self.lane.positions.next.items()
            if self._reported.get(partition) != offset
        }
        if not changed or not await self._thread.call_thread(self._thread.report, changed):
            return False
        self._reported.update(changed)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps are the ledger's."""

    def highwater(self, tp: TP) -> int:  # noqa: ARG002  # Faust's signature
        """Nothing; Faust asks for its metrics, and aiokafka raises for what is not assigned any more."""
        return 0

    async def verify_all_partitions_active(self) -> None:
        """The watchdog does, and acts on it."""


class Transport(faust_aiokafka.Transport):
    """The transport of `Consumer`."""

    Consumer: ClassVar[type[Consumer]] = Consumer
