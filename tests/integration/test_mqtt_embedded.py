"""The broker that `casestream up` starts serves our connector and devices."""

import asyncio
from pathlib import Path

from mqtt_devices import Devices

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.iot import IotConnector
from pipeline.connectors.space import FreeSpace
from pipeline.embedded import ports
from pipeline.embedded.mqtt import MqttBroker
from pipeline.log import MemoryLog
from pipeline.parse.iot import read_messages


def send(port: int) -> None:
    """Publish what a device has to say."""
    devices = Devices(port, "device")
    devices.publish([("plant/pump-7", b"1", "")], lambda _: None)
    devices.close()


def test_a_reading_comes_through(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = ports.free()
        broker = MqttBroker(port, log=tmp_path / "mqtt.log")
        await broker.start()
        log = MemoryLog()
        publisher = Publisher(log, BlobStore(tmp_path), FreeSpace(tmp_path, 0.15, share=lambda _: 1.0))
        mqtt = {"url": f"mqtt://127.0.0.1:{port}", "version": "3.1.1"}
        feed = {"name": "plant", "topics": ["plant/+"], "format": "json"}
        connector = IotConnector(Config.model_validate({"mqtt": mqtt, "device_feed": [feed]}), publisher)
        await connector.start()
        async with asyncio.timeout(20):
            while connector.health.state != "connected":  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
            await asyncio.to_thread(send, port)
            while not log.published:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
        await connector.stop()
        await broker.stop()
        (message,) = read_messages(log.published[0].raw)
        assert (message.topic, message.payload) == ("plant/pump-7", b"1")

    asyncio.run(scenario())


def test_what_comes_while_the_connector_is_away_waits_for_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = ports.free()
        broker = MqttBroker(port, log=tmp_path / "mqtt.log")
        await broker.start()
        log = MemoryLog()
        publisher = Publisher(log, BlobStore(tmp_path), FreeSpace(tmp_path, 0.15, share=lambda _: 1.0))
        mqtt = {"url": f"mqtt://127.0.0.1:{port}", "version": "3.1.1"}
        feed = {"name": "plant", "topics": ["plant/+"], "format": "json"}
        config = Config.model_validate({"mqtt": mqtt, "device_feed": [feed]})
        async with asyncio.timeout(20):
            first = IotConnector(config, publisher)
            await first.start()
            while first.health.state != "connected":  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
            await first.stop()
            await asyncio.to_thread(send, port)
            second = IotConnector(config, publisher)
            await second.start()
            while not log.published:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
            await second.stop()
        await broker.stop()
        assert [message.payload for message in read_messages(log.published[0].raw)] == [b"1"]

    asyncio.run(scenario())
