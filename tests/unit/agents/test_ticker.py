"""When the clock looks for timers, and what it waits for before it fires them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from test_timers import NOON, Desk, a_timer

from pipeline.agents.ticker import LOOK_EVERY_S, Ticker
from pipeline.domain.timers import Awaited, Timer
from pipeline.errors import Retry


class Settled:
    """Up to when everything is settled; counts how often it was asked."""

    def __init__(self, **until: datetime) -> None:
        self.until = until
        self.asked = 0
        self.away = False

    async def __call__(self) -> dict[Awaited, datetime]:
        self.asked += 1
        if self.away:
            raise Retry("Kafka is away")
        return dict(self.until)  # type: ignore[arg-type]  # the two words there are

    async def close(self) -> None:
        """Nothing is open."""


def test_it_sleeps_until_the_next_timer_and_asks_kafka_nothing_meanwhile() -> None:
    desk, settled = at_noon(Desk(a_timer("soon", NOON + timedelta(seconds=0.2)))), Settled()
    assert asyncio.run(Ticker(desk.timers, settled).round()) == pytest.approx(0.2)
    assert settled.asked == 0
    assert asyncio.run(Ticker(at_noon(Desk()).timers, settled).round()) == LOOK_EVERY_S


def test_it_fires_all_that_is_due() -> None:
    desk = at_noon(Desk(*(a_timer(f"{number:04}") for number in range(1200))))
    asyncio.run(Ticker(desk.timers, Settled()).round())
    assert len(desk.note.fired) == 1200


def test_what_waits_for_messages_fires_when_those_before_it_are_settled() -> None:
    waiting = Timer("note", "a", NOON - timedelta(minutes=1), waits_for="messages")
    desk, settled = at_noon(Desk(waiting)), Settled(messages=NOON - timedelta(minutes=2))
    asyncio.run(Ticker(desk.timers, settled).round())
    assert desk.note.fired == []
    settled.until = {}
    asyncio.run(Ticker(desk.timers, settled).round())
    assert [cause.late_s for _, cause in desk.note.fired] == [60.0]


def test_nothing_fires_while_nobody_knows_what_waits() -> None:
    desk, settled = at_noon(Desk(a_timer("a"))), Settled()
    settled.away = True
    with pytest.raises(Retry):
        asyncio.run(Ticker(desk.timers, settled).round())
    assert desk.note.fired == []


def test_any_other_error_leaves_and_ends_the_process() -> None:
    class Broken(Settled):
        async def __call__(self) -> dict[Awaited, datetime]:
            raise ZeroDivisionError

    desk = at_noon(Desk(a_timer("a")))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Ticker(desk.timers, Broken()).run())


def test_what_only_waits_is_not_asked_about_more_often_than_what_comes() -> None:
    waiting = Timer("note", "a", NOON - timedelta(minutes=1), waits_for="messages")
    desk, settled = at_noon(Desk(waiting)), Settled(messages=NOON - timedelta(minutes=2))
    assert asyncio.run(Ticker(desk.timers, settled).round()) == LOOK_EVERY_S


def at_noon(desk: Desk) -> Desk:
    """The store's clock stands at noon."""
    desk.memory.now = lambda: NOON.astimezone(UTC)
    return desk
