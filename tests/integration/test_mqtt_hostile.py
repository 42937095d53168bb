"""What devices, brokers and strangers may send over MQTT, each with the outcome that is promised for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from mqtt_standin import Broker

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.iot import IotConnector, Pace
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog
from pipeline.parse.iot import Delivery, read_readings
from pipeline.wire import Envelope

QUICK = Pace(first=0.01, longest=0.05, taken_over=0.2, retained=60.0, finish=1.0)
RECEIVED = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class StumblingLog(MemoryLog):
    """A log with a mistake in it that shows so many times."""

    mistakes: int = 0

    async def publish(self, envelope: Envelope) -> None:
        if self.mistakes:
            self.mistakes -= 1
            raise RuntimeError("a mistake")
        await super().publish(envelope)


@dataclass
class Scene:
    """A connector on a broker that the test scripts."""

    broker: Broker
    connector: IotConnector
    config: Config
    log: StumblingLog = field(default_factory=StumblingLog)

    def deliveries(self) -> list[Delivery]:
        """What was published, as intake will read it."""
        feeds = {feed.name: feed for feed in self.config.device_feed}
        return [
            delivery
            for envelope in self.log.published
            for delivery in read_readings(envelope.raw, feeds[envelope.facts["feed"]], RECEIVED)
        ]


@asynccontextmanager
async def scene(folder: Path, version: int = 5, pace: Pace = QUICK, **mqtt: object) -> AsyncIterator[Scene]:
    broker, log = Broker(version), StumblingLog()
    port = await broker.start()
    settings = {"url": f"mqtt://127.0.0.1:{port}", "version": "5" if version == 5 else "3.1.1", **mqtt}
    feeds = [
        {"name": "edge", "topics": ["te/#"], "format": "thin-edge"},
        {"name": "plant", "topics": ["plant/#"], "format": "json"},
        {"name": "many", "topics": ["many/+"], "format": "json", "shared": "desks"},
    ]
    config = Config.model_validate({"mqtt": settings, "device_feed": feeds})
    publisher = Publisher(log, BlobStore(folder), FreeSpace(folder, 0.15, share=lambda _: 1.0))
    connector = IotConnector(config, publisher, pace=pace)
    await connector.start()
    await broker.subscribed()
    try:
        yield Scene(broker, connector, config, log)
    finally:
        await connector.stop()
        await broker.stop()


Test = Callable[[Scene], Awaitable[None]]


def run(test: Test, folder: Path, version: int = 5, pace: Pace = QUICK, **mqtt: object) -> None:
    async def whole() -> None:
        async with scene(folder, version, pace, **mqtt) as opened:
            await test(opened)

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_a_device_cannot_speak_for_another(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        await s.broker.settles(s.broker.publish("te/device/pump-7///a/leak", b'{"device":"pump-8","customer":"acme"}'))
        (alarm,) = s.deliveries()[0].told.readings
        assert alarm.device == "pump-7"
        assert len(alarm.defects) == 2

    run(test, tmp_path)


def test_replays_and_redeliveries_are_told_from_the_first(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        await s.broker.settles(s.broker.publish("plant/a", b"1", retained=True))
        await s.broker.settles(s.broker.publish("plant/a", b"1", dup=True))
        await s.broker.settles(s.broker.publish("plant/a", b"1"))
        found = [(one.message.retained, one.message.dup) for one in s.deliveries()]
        assert found == [(True, False), (False, True), (False, False)]

    run(test, tmp_path)


def test_a_message_without_acknowledgement_is_taken_too(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.broker.publish("plant/a", b"1", qos=0)
        await s.broker.settles(s.broker.publish("plant/a", b"2"))
        assert [one.message.payload for one in s.deliveries()] == [b"1", b"2"]
        assert len(s.broker.acknowledged) == 1

    run(test, tmp_path)


def test_another_client_with_our_id_is_an_alarm_and_a_longer_wait(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.broker.take_over()
        await s.broker.until(lambda: len(s.broker.connects) == 2)
        assert s.connector.health.refused["session taken over"] == 1
        await s.broker.subscribed(2)
        await s.broker.settles(s.broker.publish("plant/a", b"1"))

    run(test, tmp_path)


@pytest.mark.parametrize("version", [4, 5])
def test_a_message_of_256_mb_is_a_dead_letter_and_never_in_memory(version: int, tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        before = psutil.Process().memory_info().rss
        size = 256 * 1024 * 1024 - 1
        head = b"\0\7plant/b\0\1" + (b"\0" if version == 5 else b"")
        s.broker.write(b"\x32\xff\xff\xff\x7f" + head)
        piece = b"x" * 1_048_576
        left = size - len(head)
        while left > 0:
            s.broker.write(piece[:left])
            left -= len(piece)
            await s.broker.drain()
        await s.broker.settles(1)
        await s.broker.settles(s.broker.publish("plant/b", b"2", packet_id=2))
        large, fine = s.deliveries()
        assert f"{size} bytes" in str(large.told.unreadable)
        assert fine.told.readings[0].value == 2
        assert psutil.Process().memory_info().rss - before < 100_000_000

    run(test, tmp_path, version)


@pytest.mark.parametrize("topic", [b"plant/\xff\xfe", b"plant/+", b"plant/#", b"plant/a\0b"])
def test_a_topic_that_nobody_may_publish_to_is_a_dead_letter(topic: bytes, tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        await s.broker.settles(s.broker.publish(topic, b"1"))
        await s.broker.settles(s.broker.publish("plant/a", b"2"))
        bad, fine = s.deliveries()
        assert bad.told.unreadable
        assert fine.told.readings

    run(test, tmp_path)


def test_a_topic_of_no_feed_is_counted(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        await s.broker.settles(s.broker.publish("elsewhere/a", b"1"))
        assert s.connector.health.refused["no feed has the topic"] == 1
        assert not s.log.published

    run(test, tmp_path)


@pytest.mark.parametrize("payload", [b"\xff\x00" * 100, b"{" + b'"k":1,' * 10_000 + b"}", b"[" * 50_000])
def test_a_payload_that_cannot_be_read_is_kept_and_spoils_no_other(payload: bytes, tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        first, second = s.broker.publish("plant/a", payload), s.broker.publish("plant/a", b"2")
        await s.broker.settles(first)
        await s.broker.settles(second)
        bad, fine = s.deliveries()
        assert bad.message.payload == payload
        assert bad.told.unreadable
        assert fine.told.readings

    run(test, tmp_path)


def test_an_empty_payload_clears_or_is_no_reading(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        await s.broker.settles(s.broker.publish("te/device/main///a/leak", b""))
        await s.broker.settles(s.broker.publish("plant/a", b""))
        assert s.deliveries()[0].told.readings[0].type == "alarm_clear"
        assert s.deliveries()[1].told.no_reading

    run(test, tmp_path)


def test_a_mistake_of_ours_loses_nothing_and_stops_nobody(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.log.mistakes = 1
        packet_id = s.broker.publish("plant/a", b"1")
        await s.broker.settles(packet_id)
        assert len(s.log.published) == 1
        assert len(s.broker.connects) == 1

    run(test, tmp_path)


def test_acknowledgements_keep_the_order_of_arrival(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        sent = [s.broker.publish(f"plant/{number}", b"1") for number in range(200)]
        await s.broker.settles(sent[-1])
        assert s.broker.acknowledged == sent
        assert sum(envelope.count for envelope in s.log.published) == 200
        assert len(s.log.published) <= 24

    run(test, tmp_path)


def test_a_broker_that_restarts_in_mid_batch_sends_again_what_was_not_acknowledged(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.log.away = True
        s.broker.publish("plant/a", b"1", packet_id=1)
        s.broker.session_present = True
        await s.broker.drop()
        await s.broker.until(lambda: len(s.broker.connects) == 2)
        s.broker.publish("plant/a", b"1", packet_id=1, dup=True)
        s.log.away = False
        await s.broker.settles(1)
        assert s.broker.acknowledged == [1]
        assert {one.message.payload for one in s.deliveries()} == {b"1"}

    run(test, tmp_path)


def test_an_acknowledgement_never_goes_to_another_session(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.log.away = True
        s.broker.publish("plant/a", b"1", packet_id=1)
        await s.broker.until(lambda: s.connector.health.lag == 1)
        await s.broker.drop()
        await s.broker.subscribed(2)
        s.log.away = False
        last = s.broker.publish("plant/b", b"2", packet_id=9)
        await s.broker.settles(last)
        assert s.broker.acknowledged == [9]

    run(test, tmp_path)


def test_the_limits_are_announced(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        (connect,) = s.broker.connects
        assert b"\x21\x00\x07" in connect  # receive maximum
        assert b"\x27\x00\x00\x08\x00" in connect  # maximum packet size
        assert b"\x11\x00\x09\x3a\x80" in connect  # the session outlives the connection
        assert not connect[7] & 2  # clean start

    run(test, tmp_path, receive_maximum=7, max_packet=2048)


@pytest.mark.parametrize("version", [4, 5])
def test_more_than_is_allowed_on_the_way_waits_at_the_broker(version: int, tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.log.away = True
        for number in range(2000):
            s.broker.publish("plant/a", b"%01000d" % number, qos=0)
        s.broker.publish("plant/a", b"x" * 100_000, qos=0)
        await s.broker.until(lambda: s.connector.health.lag >= 14)
        assert s.connector.health.lag < 1000
        s.log.away = False
        await s.broker.settles(s.broker.publish("plant/a", b"1"))
        assert len(s.deliveries()) == 2002

    run(test, tmp_path, version, receive_maximum=7)


def test_a_retained_alarm_is_fetched_once_where_topics_are_shared(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        assert {"$share/desks/many/+", "many/+", "te/#", "plant/#"} <= set(s.broker.filters)
        await s.broker.settles(s.broker.publish("many/a", b"1", retained=True, subscription=1))
        await s.broker.settles(s.broker.publish("many/a", b"2", subscription=1))
        await s.broker.settles(s.broker.publish("many/a", b"2"))
        assert [one.message.payload for one in s.deliveries()] == [b"1", b"2"]
        await s.broker.until(lambda: "many/+" not in s.broker.filters)
        assert "$share/desks/many/+" in s.broker.filters

    run(test, tmp_path, pace=replace(QUICK, retained=0.2))


def test_a_broker_that_refuses_us_is_asked_again(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.broker.refusal = 0x87
        await s.broker.drop()
        await s.broker.until(lambda: len(s.broker.connects) >= 4)
        assert "Not authorized" in s.connector.health.state
        s.broker.refusal = 0
        await s.broker.subscribed(5)
        await s.broker.settles(s.broker.publish("plant/a", b"1"))

    run(test, tmp_path)


@pytest.mark.parametrize("version", [4, 5])
def test_a_topic_that_we_may_not_read_is_said(version: int, tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.broker.refused_filter = "plant/#"
        await s.broker.drop()
        await s.broker.until(lambda: s.connector.health.state == "connected, but the broker refuses plant/#")
        await s.broker.settles(s.broker.publish("te/device/a///a/x", b"{}"))

    run(test, tmp_path, version)


def test_what_is_no_mqtt_ends_the_connection_alone(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        s.broker.write(b"\x30\xff\xff\xff\xff\xff\xff")
        await s.broker.subscribed(2)
        await s.broker.settles(s.broker.publish("plant/a", b"1"))

    run(test, tmp_path)


def test_a_backlog_of_a_day_with_broken_clocks_is_taken_whole(tmp_path: Path) -> None:
    async def test(s: Scene) -> None:
        for number in range(20_000):
            clock = 0 if number % 2 else 4102444800
            last = s.broker.publish("plant/a", b'{"ts":%d,"v":%d}' % (clock, number))
            if number % 500 == 0:
                await s.broker.drain()
        await s.broker.until(lambda: s.broker.acknowledged[-1:] == [last])
        assert [one.told.readings[0].value for one in s.deliveries()] == list(range(20_000))
        assert any("ahead" in defect for defect in s.deliveries()[0].told.readings[0].defects)

    run(test, tmp_path)
