"""A worker tells Faust what it needs of Kafka."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from pipeline.config.sections import Kafka
from pipeline.runtime.channel import Channel
from pipeline.runtime.driver import Consumer
from pipeline.runtime.lane import Lane
from pipeline.store.ports import OffsetLedger, Position, Settled
from pipeline.wire import Bounds, Partition, Record


class NoLedger(OffsetLedger):
    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        raise NotImplementedError

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        raise NotImplementedError

    async def positions(self, topics: object) -> Mapping[Partition, Position]:
        raise NotImplementedError


class NoSettle:
    def expect(self, records: Sequence[Record]) -> None:
        raise NotImplementedError

    async def __call__(self, records: Sequence[Record]) -> Settled:
        raise NotImplementedError


def no_end(code: int, reason: str, error: BaseException | None = None) -> None:
    raise AssertionError(code, reason, error)


def channel(slot: str | None) -> Channel:
    async def build() -> Channel:
        kafka = Kafka(servers="a.example:9092, b.example:9093", topic_prefix="prod.")
        return Channel(Lane("web", kafka, slot, NoSettle(), NoLedger(), no_end))

    return asyncio.run(build())


def test_each_channel_is_a_consumer_group_of_its_own() -> None:
    lane = channel("worker-1").lane
    assert (lane.topic, lane.group) == ("prod.inbound.web", "prod.casestream-web")
    assert lane.instance == "prod.casestream-web-worker-1"
    assert channel(None).lane.instance is None


def test_faust_uses_our_driver_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAUST_PROCESSING_GUARANTEE", "exactly_once")
    monkeypatch.setenv("BROKER_SESSION_TIMEOUT", "99")
    app = channel(None).app
    assert app.transport.Consumer is Consumer
    assert str(app.conf.processing_guarantee) == "ProcessingGuarantee.AT_LEAST_ONCE"
    assert app.conf.broker_session_timeout == 10
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare


def test_faust_keeps_no_record_of_offsets() -> None:
    """Its list of acknowledged offsets would only ever grow, for nobody commits by it."""
    (agent,) = channel(None).app.agents.values()
    assert agent.channel.acks is False
    assert agent.concurrency == 1
