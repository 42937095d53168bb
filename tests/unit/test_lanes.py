"""Lanes: one batch on its way for each partition, nothing acknowledged that is not kept."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    ProducerClosed,
    TopicAuthorizationFailedError,
)
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lanes import BATCH_BYTES, Lanes

TOPIC = "inbound.email"
KEPT, REFUSED_LEADER, LOST_ANSWER, LOST_REQUEST = "kept", "not the leader", "answer lost", "request lost"
OUTCOMES = [KEPT, REFUSED_LEADER, LOST_ANSWER, LOST_REQUEST]


class Cluster:
    """What the client knows of the brokers; a leader is found only by asking again."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.leaders: dict[int, int | None] = {}
        self.unauthorized_topics: set[str] = set()

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.partitions)) if topic == TOPIC and self.partitions else None

    def leader_for_partition(self, place: TopicPartition) -> int | None:
        return self.leaders.get(place.partition, 1)


class Broker:
    """Stands for aiokafka's client with a broker behind it: keeps batches, or fails as it is told."""

    def __init__(self, outcomes: Iterable[str | int] = (), partitions: int = 4) -> None:
        self.cluster = Cluster(partitions)
        self.log: dict[int, list[tuple[bytes, bytes]]] = {}
        self.batches: list[int] = []
        self.asked: list[tuple[int, int]] = []
        self.under_way: Counter[int] = Counter()
        self.all_called = asyncio.Event()
        self.refreshed = 0
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self._outcomes = deque(outcomes)

    async def add_topic(self, topic: str) -> bool:
        return topic == TOPIC

    def force_metadata_update(self) -> asyncio.Future[bool]:
        self.refreshed += 1
        self.cluster.leaders.clear()
        self.cluster.partitions = self.cluster.partitions or 4
        done = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    async def close(self) -> None:
        self.gate.set()

    async def send(self, node: int, request: ProduceRequest, *, group: int) -> SimpleNamespace:
        ((topic, ((partition, raw),)),) = request.prepare({0: (3, 7)}).topics
        self.asked.append((node, group))
        self.called.set()
        self.under_way[partition] += 1
        assert self.under_way[partition] == 1, "a batch overtakes another"
        if self.under_way.total() == self.cluster.partitions:
            self.all_called.set()
        try:
            await self.gate.wait()
            code = self._append(partition, raw)
        finally:
            self.under_way[partition] -= 1
        return SimpleNamespace(topics=[(topic, [(partition, code, 7, -1, 0)])])

    def _append(self, partition: int, raw: bytes) -> int:
        outcome = self._outcomes.popleft() if self._outcomes else KEPT
        if outcome == LOST_REQUEST:
            raise KafkaConnectionError("cut before it was read")
        if isinstance(outcome, int):
            return outcome
        if outcome == REFUSED_LEADER:
            return int(NotLeaderForPartitionError.errno)
        batch = MemoryRecords(raw).next_batch()
        assert batch.validate_crc()
        records = [(record.key, record.value) for record in batch]
        self.log.setdefault(partition, []).extend(records)
        self.batches.append(len(records))
        if outcome == LOST_ANSWER:
            raise KafkaConnectionError("cut before it was answered")
        return 0

    def values(self) -> list[bytes]:
        return [value for records in self.log.values() for _, value in records]


def key_of(partition: int) -> bytes:
    """Some key that belongs to that partition of four."""
    return next(key for n in range(1000) if (murmur2(key := b"key-%d" % n) & 0x7FFFFFFF) % 4 == partition)


async def send_all(lanes: Lanes, records: Iterable[tuple[bytes, bytes]]) -> list[BaseException | None]:
    return await asyncio.gather(*(lanes.send(TOPIC, key, value, []) for key, value in records), return_exceptions=True)


def test_what_comes_while_a_batch_is_on_its_way_shares_the_next() -> None:
    async def scenario() -> None:
        broker = Broker()
        lanes = Lanes(broker, 10)
        await send_all(lanes, [(key_of(2), b"%d" % n) for n in range(9)])
        broker.gate.clear()
        first = asyncio.create_task(lanes.send(TOPIC, key_of(2), b"first", []))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rest = asyncio.create_task(send_all(lanes, [(key_of(2), b"a"), (key_of(2), b"b")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        broker.gate.set()
        await first
        await rest
        assert broker.batches == [9, 1, 2]
        assert broker.values() == [*(b"%d" % n for n in range(9)), b"first", b"a", b"b"]

    asyncio.run(scenario())


def test_partitions_are_written_side_by_side_over_connections_of_their_own() -> None:
    async def scenario() -> None:
        broker = Broker()
        broker.gate.clear()
        sending = asyncio.create_task(send_all(Lanes(broker, 10), [(key_of(partition), b"") for partition in range(4)]))
        async with asyncio.timeout(5):
            await broker.all_called.wait()
        broker.gate.set()
        await sending
        assert len({group for _, group in broker.asked}) == 4

    asyncio.run(scenario())


def test_a_new_leader_is_looked_up_and_takes_the_batch() -> None:
    async def scenario() -> None:
        broker = Broker([REFUSED_LEADER])
        broker.cluster.leaders = dict.fromkeys(range(4), 5)
        assert await send_all(Lanes(broker, 10, retry=0), [(b"k", b"v")]) == [None]
        assert [node for node, _ in broker.asked] == [5, 1]
        assert broker.values() == [b"v"]

    asyncio.run(scenario())


@pytest.mark.parametrize("nobody", [None, -1])
def test_a_partition_without_leader_is_waited_for(nobody: int | None) -> None:
    async def scenario() -> None:
        broker = Broker()
        broker.cluster.leaders = dict.fromkeys(range(4), nobody)
        assert await send_all(Lanes(broker, 10, retry=0), [(b"k", b"v")]) == [None]
        assert broker.refreshed == 1

    asyncio.run(scenario())


def test_a_refusal_reaches_those_in_the_batch_and_the_lane_goes_on() -> None:
    async def scenario() -> None:
        broker = Broker([MessageSizeTooLargeError.errno] * 3)
        lanes = Lanes(broker, 10)
        told = await send_all(lanes, [(b"k", b"a"), (b"k", b"b")])
        assert [type(error) for error in told] == [MessageSizeTooLargeError] * 2
        assert await send_all(lanes, [(b"k", b"c")]) == [None]
        assert broker.values() == [b"c"]

    asyncio.run(scenario())


def test_what_nobody_expected_is_heard_too() -> None:
    async def scenario() -> None:
        with pytest.raises(TypeError):
            await Lanes(Broker(), 10).send(TOPIC, b"k", "no bytes", [])  # type: ignore[arg-type]  # that is the point

    asyncio.run(scenario())


def test_a_batch_holds_what_a_broker_takes_at_once() -> None:
    async def scenario() -> None:
        broker = Broker()
        third = b"x" * (BATCH_BYTES // 3)
        assert await send_all(Lanes(broker, 10), [(b"k", third)] * 5) == [None] * 5
        assert broker.batches == [2, 2, 1]

    asyncio.run(scenario())


def test_who_gave_up_waiting_is_not_sent() -> None:
    async def scenario() -> None:
        broker = Broker()
        lanes = Lanes(broker, 10)
        broker.gate.clear()
        first, second, third = (asyncio.create_task(lanes.send(TOPIC, b"k", value, [])) for value in (b"1", b"2", b"3"))
        await broker.called.wait()
        late = asyncio.create_task(lanes.send(TOPIC, b"k", b"late", []))
        await asyncio.sleep(0)
        late.cancel()
        broker.gate.set()
        await asyncio.gather(first, second, third)
        await lanes.send(TOPIC, b"k", b"4", [])
        assert broker.values() == [b"1", b"2", b"3", b"4"]

    asyncio.run(scenario())


def test_a_batch_that_nobody_waits_for_is_not_tried_again() -> None:
    async def scenario() -> None:
        broker = Broker([LOST_REQUEST] * 3)
        lanes = Lanes(broker, 10, retry=0.01)
        sending = asyncio.create_task(lanes.send(TOPIC, b"k", b"v", []))
        await broker.called.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await lanes.send(TOPIC, b"k", b"w", [])  # after the batch before it was given up
        assert broker.values() == [b"w"]

    asyncio.run(scenario())


def test_a_topic_that_is_still_being_made_is_waited_for() -> None:
    async def scenario() -> None:
        assert await send_all(Lanes(Broker(partitions=0), 10, retry=0), [(b"k", b"v")]) == [None]

    asyncio.run(scenario())


def test_a_topic_we_may_not_write_to_is_an_error() -> None:
    async def scenario() -> None:
        broker = Broker(partitions=0)
        broker.cluster.unauthorized_topics = {TOPIC}
        with pytest.raises(TopicAuthorizationFailedError):
            await Lanes(broker, 10).send(TOPIC, b"k", b"v", [])

    asyncio.run(scenario())


@given(
    keys=st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), min_size=1, max_size=30),
    outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=20),
)
def test_whatever_fails_what_is_acknowledged_is_kept_in_the_order_of_its_key(
    keys: list[bytes], outcomes: list[str]
) -> None:
    async def scenario() -> None:
        broker = Broker(outcomes)
        told = await send_all(Lanes(broker, 10, retry=0), [(key, b"%d" % n) for n, key in enumerate(keys)])
        assert told == [None] * len(keys)
        for key in set(keys):
            kept = [int(value) for records in broker.log.values() for owner, value in records if owner == key]
            first_seen = list(dict.fromkeys(kept))
            assert first_seen == [n for n, owner in enumerate(keys) if owner == key]

    asyncio.run(scenario())


def test_one_that_the_broker_does_not_take_is_refused_alone() -> None:
    """A broker may take less than a batch of ours; who shared one with too large a message is not refused for it."""

    async def scenario() -> None:
        too_large = int(MessageSizeTooLargeError.errno)
        broker = Broker([KEPT, too_large, KEPT, too_large, KEPT])
        lanes = Lanes(broker, timeout=10, retry=0.0)
        broker.gate.clear()
        key = key_of(0)
        first = asyncio.create_task(lanes.send(TOPIC, key, b"first", []))
        await broker.called.wait()
        others = [asyncio.create_task(lanes.send(TOPIC, key, value, [])) for value in (b"a", b"large", b"b", b"c")]
        await asyncio.sleep(0)
        broker.gate.set()
        told = await asyncio.gather(first, *others, return_exceptions=True)
        assert [type(one) for one in told] == [type(None)] * 2 + [MessageSizeTooLargeError] + [type(None)] * 2
        assert broker.values() == [b"first", b"a", b"b", b"c"]

    asyncio.run(scenario())


def test_who_waits_when_it_stops_is_told() -> None:
    async def scenario() -> None:
        broker = Broker()
        broker.gate.clear()
        lanes = Lanes(broker, 10)
        sending = [asyncio.create_task(lanes.send(TOPIC, b"k", bytes([n]), [])) for n in range(2)]
        await broker.called.wait()
        sending.append(asyncio.create_task(lanes.send(TOPIC, b"k", b"next", [])))
        await asyncio.sleep(0)
        await lanes.stop()
        async with asyncio.timeout(5):
            found = await asyncio.gather(*sending, return_exceptions=True)
        assert [type(one) for one in found] == [ProducerClosed] * 3

    asyncio.run(scenario())
