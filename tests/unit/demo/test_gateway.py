"""The demonstration's gateway of devices: a message is delivered at the broker's PUBACK, not before."""

import asyncio
from pathlib import Path

import pytest

from pipeline.demo.gateway import Gateway
from pipeline.embedded import ports
from pipeline.embedded.mqtt import MqttBroker
from pipeline.errors import Retry


def test_the_broker_has_what_was_published(tmp_path: Path) -> None:
    async def run() -> None:
        port = ports.free()
        broker = MqttBroker(port, log=tmp_path / "mqtt.log")
        await broker.start()
        gateway = Gateway(f"127.0.0.1:{port}")
        async with asyncio.timeout(20):
            await asyncio.gather(*(gateway.publish("te/device/a///m/x", b"{}") for _ in range(20)))
        await gateway.close()
        await broker.stop()

    asyncio.run(run())


def test_no_broker_is_a_reason_to_come_again() -> None:
    async def run() -> None:
        gateway = Gateway(f"127.0.0.1:{ports.free()}", patience=0.1)
        with pytest.raises(Retry, match="broker"):
            await gateway.publish("te/device/a///m/x", b"{}")
        await gateway.close()

    asyncio.run(run())
