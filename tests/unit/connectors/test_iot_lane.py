"""A lane of readings goes on, whatever happens to one message."""

import asyncio
from datetime import UTC, datetime

from pipeline.config.channels import DeviceFeed
from pipeline.connectors.contract import Health, Publisher, Receipt
from pipeline.connectors.iot_lane import Lane, Waiting
from pipeline.parse.iot import Message, read_messages
from pipeline.wire import Envelope

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FEED = DeviceFeed(name="plant", topics=("plant/#",), format="json")


class Taken(Publisher):
    """Stands for the log, which takes everything."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    async def publish(self, envelope: Envelope, health: Health) -> Receipt:  # noqa: ARG002  # the port
        self.topics += [message.topic for message in read_messages(envelope.raw)]
        return Receipt(envelope.id)


def waiting(topic: str, settled: list[str], *, fails: bool = False) -> Waiting:
    def settle() -> None:
        if fails:
            raise OSError("the session is gone")
        settled.append(topic)

    return Waiting(Message(topic, b"1"), NOW, settle)


async def drained(*rounds: list[Waiting]) -> tuple[list[str], Health, int]:
    """What the log has after each round was drained, and how many messages are done with."""
    log, health, done = Taken(), Health(), list[int]()
    lane = Lane(FEED, "devices-0", log, health, done.append)
    for messages in rounds:
        for message in messages:
            lane.add(message)
        await lane.finish()
    return log.topics, health, sum(done)


def test_what_cannot_be_written_is_not_acknowledged_and_keeps_nothing_back() -> None:
    settled: list[str] = []
    unspeakable = waiting("plant/\ud800", settled)
    topics, health, done = asyncio.run(drained([unspeakable], [waiting("plant/b", settled)]))
    assert topics == settled == ["plant/b"]
    assert (health.refused["not written"], done) == (1, 2)


def test_one_that_cannot_be_acknowledged_leaves_the_others_alone() -> None:
    settled: list[str] = []
    round_ = [waiting("plant/a", settled, fails=True), waiting("plant/b", settled)]
    topics, _, done = asyncio.run(drained(round_, [waiting("plant/c", settled)]))
    assert topics == ["plant/a", "plant/b", "plant/c"]
    assert settled == ["plant/b", "plant/c"]
    assert done == 3
