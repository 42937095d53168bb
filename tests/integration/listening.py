"""A connector that listens to a real broker, and devices that publish there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from mosquitto import Mosquitto
from mqtt_devices import Devices

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.iot import IotConnector, Pace
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog
from pipeline.parse.iot import Message, read_messages

PACE = Pace(first=0.05, longest=0.2, retained=0.3, finish=2.0)


def publish(broker: Mosquitto, *messages: tuple[str, bytes], retain: bool = False) -> None:
    """Publish as a device, until the broker has them."""
    devices = Devices(broker.port, "device")
    devices.publish(((topic, payload, "") for topic, payload in messages), lambda _: None, retain=retain)
    devices.close()


@asynccontextmanager
async def connected(
    broker: Mosquitto, folder: Path, log: MemoryLog, *, feed: dict[str, object] | None = None, **mqtt: object
) -> AsyncIterator[IotConnector]:
    """A connector that listens."""
    feeds = [{"name": "plant", "topics": ["plant/#"], "format": "json", **(feed or {})}]
    config = Config.model_validate({"mqtt": {"url": broker.url, **mqtt}, "device_feed": feeds})
    publisher = Publisher(log, BlobStore(folder), FreeSpace(folder, 0.15, share=lambda _: 1.0))
    connector = IotConnector(config, publisher, pace=PACE)
    await connector.start()
    await until(lambda: connector.health.state == "connected")
    try:
        yield connector
    finally:
        await connector.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.01)


def messages(log: MemoryLog) -> list[Message]:
    return [message for envelope in log.published for message in read_messages(envelope.raw)]


def payloads(log: MemoryLog) -> set[bytes]:
    return {message.payload for message in messages(log)}
