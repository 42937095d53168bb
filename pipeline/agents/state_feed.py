"""Keeps `case.state` at what the database holds, behind the events and never ahead of their order."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

import structlog

from pipeline.crash import crash_point
from pipeline.errors import Fenced, Retry
from pipeline.store.case_states import CaseState, CaseStates
from pipeline.store.connection import retryable

EVENTS_AT_ONCE = 20_000
CASES_AT_ONCE = 2000
EVERY_S = 0.2
"""A case to which more than one thing happens within so long is published once."""
LOOK_S = 1.0
BUSY_S = 2.0
"""Events go first: while a great many are sent, states may follow so much later, in larger pieces."""

_log = structlog.get_logger()


class StatePublisher(Protocol):
    """Sends states and shuts out whoever sent them before."""

    async def start(self) -> None:
        """Connect. Raises Retry when Kafka is away."""

    async def send(self, states: Iterable[CaseState]) -> None:
        """Publish all of them, or none. Raises Retry, Fenced when another one publishes now."""

    async def drop(self) -> None:
        """Forget the producer without flushing it."""


class StateFeed:
    """Reads the cases of new events as they are now, and publishes each once.

    A case is always read after it was numbered, so what is published is at least as new as the event that asked for
    it; and states are only ever sent one look after the other, so none follows a newer one of its case.
    """

    def __init__(self, dsn: str, publisher: Callable[[], StatePublisher]) -> None:
        self._dsn = dsn
        self._publisher = publisher
        self._news = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()

    def tell(self, *, many: bool) -> None:
        """There are new events; `many`, when they come faster than states can follow them one look after the other."""
        if many:
            self._calm.clear()
        self._news.set()

    def calm(self) -> None:
        """All events are sent."""
        self._calm.set()

    async def run(self) -> None:
        """Publish for ever. Raises Retry when PostgreSQL went away, Fenced when another relay does this."""
        async with retryable(), CaseStates.open(self._dsn) as states:
            pause = 0.1
            while True:
                publisher = self._publisher()
                try:
                    await publisher.start()
                    pause = 0.1
                    failure = await self._feed(states, publisher)
                except Fenced:
                    raise
                except Retry as error:
                    failure = error
                finally:
                    await publisher.drop()
                _log.warning("states of cases start anew from the table", error=str(failure), pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _feed(self, states: CaseStates, publisher: StatePublisher) -> Retry:
        """Publish until Kafka fails, and return how it did. Raises Fenced."""
        while True:
            self._news.clear()
            turn = await states.next(EVENTS_AT_ONCE)
            if not turn:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), LOOK_S)
                continue
            cases = sorted(turn.cases)
            for first in range(0, len(cases), CASES_AT_ONCE):
                found = await states.read(cases[first : first + CASES_AT_ONCE])
                try:
                    await publisher.send(found)
                except Fenced:
                    raise
                except Retry as error:
                    return error
            crash_point("after_state_publish")
            await states.published(turn)
            await self._rest()

    async def _rest(self) -> None:
        """A while, longer while a great many events are sent."""
        await asyncio.sleep(EVERY_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), BUSY_S)
