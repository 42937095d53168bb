"""Faust's Kafka driver, told by the ledger where to read and folded into batches.

Faust's own offset bookkeeping loses records: it commits past what is unfinished and trusts Kafka's committed offset.
Here it is switched off. The ledger says where to read at every assignment, tickets tell what was read since, and
what is committed to Kafka is the ledger's `next`, for lag tools alone.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, cast

import stamina
import structlog
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    OffsetOutOfRangeError,
)
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP, ConsumerMessage

from pipeline.errors import Retry, Stop
from pipeline.process import STOPPED
from pipeline.runtime.batch import Batch
from pipeline.runtime.kafka_thread import KafkaThread
from pipeline.runtime.lane import Lane
from pipeline.store.ports import Position
from pipeline.wire import Partition

_log = structlog.get_logger(__name__)


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

    _thread: KafkaThread

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # what Faust passes on
        self.lane: Lane = transport.app.lane
        self._reported: dict[Partition, int] = {}
        super().__init__(transport, *args, **kwargs)
        self._read_offset = _Forgetful()

    def _new_consumer_thread(self) -> KafkaThread:
        return KafkaThread(self, loop=self.loop, beacon=self.beacon)

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
        batches = cast("list[Batch]", fetched or [])  # see KafkaThread._fetch_records
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
