"""Commands to devices: queued, sent, then acknowledged or failed by their own device's word."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from mosquitto import Mosquitto, binary
from mqtt_devices import Devices

from pipeline.config.sections import Mqtt
from pipeline.connectors.backoff import Backoff
from pipeline.connectors.mqtt_commands import (
    Command,
    CommandLink,
    Dialect,
    PlainCommands,
    Progress,
    ThinEdgeCommands,
)
from pipeline.connectors.mqtt_session import Arrived, Session, Subscriptions

RESET = Command(id="c1", device="pump-7", name="reset", arguments={"delay": 5})
EDGE = ThinEdgeCommands()
PLAIN = PlainCommands("plant/{device}/commands", "plant/{device}/answers")


@pytest.mark.parametrize(
    ("dialect", "topic", "payload", "state"),
    [
        (EDGE, "te/device/pump-7///cmd/reset/c1", b'{"status":"successful"}', "acknowledged"),
        (EDGE, "te/device/pump-7///cmd/reset/c1", b'{"status":"failed","reason":"stuck"}', "failed"),
        (EDGE, "te/device/pump-7///cmd/reset/c1", b'{"status":"executing"}', None),
        (EDGE, "te/device/pump-7///cmd/reset/c1", b"", None),
        (EDGE, "te/device/pump-8///cmd/reset/c1", b'{"status":"successful"}', None),
        (EDGE, "te/device/pump-7///cmd/reset/c2", b'{"status":"successful"}', None),
        (PLAIN, "plant/pump-7/answers", b'{"id":"c1","status":"ok"}', "acknowledged"),
        (PLAIN, "plant/pump-7/answers", b'{"id":"c1","status":"rejected"}', "failed"),
        (PLAIN, "plant/pump-8/answers", b'{"id":"c1","status":"ok"}', None),
        (PLAIN, "plant/pump-7/answers", b'{"id":"c2","status":"ok"}', None),
        (PLAIN, "plant/pump-7/answers", b"[", None),
    ],
)
def test_only_the_devices_own_word_counts(dialect: Dialect, topic: str, payload: bytes, state: str | None) -> None:
    progress = dialect.progress(RESET, topic, payload)
    assert (progress.state if progress else None) == state


@dataclass
class Told:
    """What a command's sender was told, in its order."""

    states: list[Progress] = field(default_factory=list)

    async def __call__(self, progress: Progress) -> None:
        self.states.append(progress)


@asynccontextmanager
async def device(broker: Mosquitto, topic: str, answer: tuple[str, bytes]) -> AsyncIterator[list[bytes]]:
    """A device that listens on a topic and answers what it hears for the first time."""
    heard: list[bytes] = []
    waiting: set[asyncio.Task[None]] = set()

    def arrived(session: Session, message: Arrived) -> None:
        heard.append(message.payload)
        session.settle(message)
        if len(heard) == 1:
            waiting.add(asyncio.create_task(session.publish(*answer)))

    session = Session(Mqtt(url=broker.url, client_id="pump-7"), Subscriptions((topic,), ()), arrived)
    await session.open()
    await session.subscribe(everything=True)
    yield heard
    await asyncio.gather(*waiting)
    await session.close_gently()


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
@pytest.mark.parametrize(
    ("dialect", "topic", "answer"),
    [
        (EDGE, "te/device/pump-7///cmd/+/+", ("te/device/pump-7///cmd/reset/c1", b'{"status":"successful"}')),
        (PLAIN, "plant/pump-7/commands", ("plant/pump-7/answers", b'{"id":"c1","status":"done"}')),
    ],
)
def test_a_command_is_followed_to_its_answer(
    broker: Mosquitto, dialect: Dialect, topic: str, answer: tuple[str, bytes]
) -> None:
    async def scenario() -> None:
        told = Told()
        link = CommandLink(Mqtt(url=broker.url), dialect, told)
        async with device(broker, topic, answer) as heard:
            end = await link.send(RESET, within=10)
        assert end == Progress("c1", "acknowledged")
        assert [progress.state for progress in told.states] == ["queued", "sent", "acknowledged"]
        assert json.loads(heard[0])["delay"] == 5
        await link.close()

    asyncio.run(scenario())


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_a_device_that_is_silent_fails_the_command(broker: Mosquitto) -> None:
    async def scenario() -> None:
        told = Told()
        link = CommandLink(Mqtt(url=broker.url), EDGE, told)
        end = await link.send(RESET, within=0.5)
        assert end.reason == "no answer of the device within 0.5 s"
        assert [progress.state for progress in told.states] == ["queued", "sent", "failed"]
        await link.close()
        kept: list[Arrived] = []
        late = Session(
            Mqtt(url=broker.url, client_id="late"), Subscriptions(("te/#",), ()), lambda _, a: kept.append(a)
        )
        await late.open()
        await late.subscribe(everything=False)
        await late.close_gently()
        assert not kept  # no retained command is left for a device that wakes up later

    asyncio.run(scenario())


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_a_command_waits_for_a_broker_that_is_away(broker: Mosquitto) -> None:
    broker.stop()

    async def scenario() -> None:
        told = Told()
        link = CommandLink(Mqtt(url=broker.url), PLAIN, told, Backoff(0.05, 0.1))
        sending = asyncio.create_task(link.send(RESET, within=10))
        await asyncio.to_thread(broker.start)
        async with asyncio.timeout(10):
            while len(told.states) < 2:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
        devices = Devices(broker.port, "pump-7")
        await asyncio.to_thread(
            devices.publish, [("plant/pump-7/answers", b'{"id":"c1","status":"failed","reason":"stuck"}', "")], print
        )
        devices.close()
        assert await sending == Progress("c1", "failed", "stuck")
        await link.close()

    asyncio.run(scenario())


def test_a_broker_that_never_comes_fails_the_command() -> None:
    async def scenario() -> None:
        told = Told()
        link = CommandLink(Mqtt(url="mqtt://127.0.0.1:1"), PLAIN, told, Backoff(0.05, 0.1))
        end = await link.send(RESET, within=0.3)
        assert end.reason == "the broker did not take it within 0.3 s"
        assert [progress.state for progress in told.states] == ["queued", "failed"]
        await link.close()

    asyncio.run(scenario())
