"""A broker whose disk is full: what we acknowledged is in Kafka, and we come back until it listens again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from listening import connected, payloads, publish, until
from mosquitto import Mosquitto, SmallDisk, binary

from pipeline.log import MemoryLog

pytestmark = pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")

DISK = 256 * 1024
MESSAGE = b"%04d " + b"." * 2000


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    found = SmallDisk(DISK)
    yield found
    found.remove()


@pytest.fixture
def cramped(disk: SmallDisk) -> Iterator[Mosquitto]:
    """A broker on a small disk."""
    found = Mosquitto(disk=disk)
    found.start()
    yield found
    found.remove()


def readings(first: int, last: int) -> set[bytes]:
    return {MESSAGE % number for number in range(first, last)}


async def published(broker: Mosquitto, wanted: set[bytes]) -> None:
    await asyncio.to_thread(publish, broker, *((f"plant/{n}", payload) for n, payload in enumerate(sorted(wanted))))


async def complains(broker: Mosquitto) -> None:
    """Wait until the broker finds no room for what it holds."""
    await until(lambda: "No space left" in broker.log.read_text())


def test_what_the_broker_cannot_write_down_comes_to_us_all_the_same(
    cramped: Mosquitto, disk: SmallDisk, tmp_path: Path
) -> None:
    async def scenario() -> None:
        log = MemoryLog(away=True)
        async with connected(cramped, tmp_path, log):
            await published(cramped, readings(0, 300))  # more than twice the disk
            await complains(cramped)
            log.away = False
            await until(lambda: payloads(log) == readings(0, 300))
        assert sum(file.stat().st_size for file in disk.seen.iterdir()) <= DISK

    asyncio.run(scenario())


def test_a_broker_that_dies_with_a_full_disk_costs_no_acknowledgement(
    cramped: Mosquitto, disk: SmallDisk, tmp_path: Path
) -> None:
    def on_disk(payload: bytes) -> bool:
        return any(payload in file.read_bytes() for file in disk.seen.glob("mosquitto.db"))

    async def scenario() -> None:
        log = MemoryLog()
        async with connected(cramped, tmp_path, log) as connector:
            await published(cramped, readings(0, 10))
            await until(lambda: payloads(log) == readings(0, 10))
            log.away = True
            await published(cramped, readings(10, 30))
            await until(lambda: all(map(on_disk, readings(10, 30))))
            disk.fill()
            await published(cramped, readings(30, 40))
            await complains(cramped)
            await asyncio.to_thread(cramped.stop, SIGKILL)
            await until(lambda: connector.health.state.startswith("not connected"))
            await asyncio.to_thread(cramped.start)
            await until(lambda: connector.health.state.startswith("connected"))
            log.away = False
            await until(lambda: payloads(log) >= readings(0, 40))
            disk.free()
            await published(cramped, readings(40, 50))
            await until(lambda: payloads(log) >= readings(0, 50))
        assert payloads(log) == readings(0, 50)

    asyncio.run(scenario())


def test_what_waits_at_a_broker_with_a_full_disk_waits_for_our_next_life(
    cramped: Mosquitto, disk: SmallDisk, tmp_path: Path
) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with connected(cramped, tmp_path, log):
            pass
        disk.fill()
        await published(cramped, readings(0, 20))
        await complains(cramped)
        async with connected(cramped, tmp_path, log):
            await until(lambda: payloads(log) == readings(0, 20))

    asyncio.run(scenario())
