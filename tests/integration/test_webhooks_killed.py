"""Dispatch is killed while events flow: each arrives at least once, with the one id that it has."""

import asyncio
import random
import signal
from asyncio.subprocess import Process
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from desk import Desk
from sinks import Received, Sink, listening
from webhook_desk import publish_many

from pipeline.agents.subscriptions import Asked, Subscriptions
from pipeline.store.subscriptions import PostgresSubscriptions

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

EVENTS = 2000
KILLS = 3


class Counting(Sink):
    """A sink that says when it has got so many different events."""

    def __init__(self) -> None:
        super().__init__(self._count)
        self.ids: set[str] = set()
        self._awaited: list[tuple[int, asyncio.Event]] = []

    def _count(self, request: Received) -> int:
        self.ids.add(request.id)
        for number, event in self._awaited:
            if len(self.ids) >= number:
                event.set()
        return 200

    async def got(self, number: int) -> None:
        """Return when there are so many."""
        event = asyncio.Event()
        self._awaited.append((number, event))
        if len(self.ids) < number:
            await event.wait()


async def start(desk: Desk) -> Process:
    return await asyncio.create_subprocess_exec(*desk.command("dispatch"))


def test_every_event_arrives_though_dispatch_is_killed_again_and_again(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated, more='[webhooks]\nallow = ["127.0.0.0/8"]\n')
    chance = random.Random(2000)  # noqa: S311  # when to kill
    moments = sorted(chance.sample(range(50, EVENTS - 100), KILLS))

    async def story() -> None:
        async with listening(Counting()) as sink, asyncio.timeout(150):
            assert isinstance(sink, Counting)
            subscriptions = Subscriptions(PostgresSubscriptions(migrated), (), ("127.0.0.0/8",))
            await subscriptions.add(Asked(url=sink.url), datetime.now(UTC))
            dispatch = await start(desk)
            published = 0
            for moment in moments:
                more = min(moment + 200, EVENTS)
                publish_many(migrated, published + 1, more, at=datetime.now(UTC))
                published = more
                await sink.got(moment)
                dispatch.send_signal(signal.SIGKILL)
                await dispatch.wait()
                dispatch = await start(desk)
            publish_many(migrated, published + 1, EVENTS, at=datetime.now(UTC))
            await sink.got(EVENTS)
            dispatch.terminate()
            await dispatch.wait()
            check(sink)

    def check(sink: Counting) -> None:
        with psycopg.connect(migrated) as connection:
            ids = {str(name) for (name,) in connection.execute("SELECT id FROM event")}
        assert sink.ids == ids
        positions = Counter(one.event["position"] for one in sink.received)
        assert len(positions) == EVENTS, "each event has one id, and comes under it"
        assert len(sink.received) < EVENTS + KILLS * 640, "only what was under way came twice"

    asyncio.run(story())
