"""Moves events from the outbox to Kafka, in order per key, each with the same id however often it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NoReturn, Protocol

import stamina
import structlog

from pipeline.agents.state_feed import StateFeed
from pipeline.crash import crash_point
from pipeline.errors import Retry
from pipeline.store.connection import retryable
from pipeline.store.outbox import Outbox, Outgoing
from pipeline.wire import DEAD_TYPE

BATCH = 2000
MANY = 200
"""So many new events at one look are a rush, in which the states of cases wait."""

_log = structlog.get_logger()


class Publisher(Protocol):
    """Sends events and knows which of them are confirmed."""

    async def start(self) -> None:
        """Connect. Raises Retry when Kafka is away."""

    async def send(self, events: Iterable[Outgoing]) -> list[int]:
        """Publish, at most one unconfirmed batch a partition; the `ord` of all that were confirmed.

        What did not fit comes with the next call. Raises Retry when any of it failed, Stop at an event that can never
        be sent.
        """

    async def drop(self) -> None:
        """Forget the producer without flushing it."""


class Relay:
    """The one active relay; a standby waits for the lock."""

    def __init__(
        self, dsn: str, publisher: Callable[[], Publisher], states: StateFeed, ready: Callable[[], None]
    ) -> None:
        self._dsn = dsn
        self._states = states
        self._publisher = publisher
        self._ready = ready

    async def run(self) -> None:
        """Relay for ever, once PostgreSQL is there.

        Raises Retry when PostgreSQL went away: the lock is lost, so the process must end.
        """
        async with AsyncExitStack() as stack, retryable():
            outbox = await self._opened(stack)
            while not await outbox.become_active():  # noqa: ASYNC110  # the lock is PostgreSQL's, no event tells of it
                await asyncio.sleep(0.5)
            await _until_one_fails(self._publish(outbox), self._states.run())

    async def _publish(self, outbox: Outbox) -> NoReturn:
        pause = 0.1
        while True:
            publisher = self._publisher()
            try:
                await publisher.start()
                self._ready()
                pause = 0.1
                failure = await self._relay(outbox, publisher)
            except Retry as error:
                failure = error
            finally:
                await publisher.drop()
            _log.warning("relay starts anew from the table", error=str(failure), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _opened(self, stack: AsyncExitStack) -> Outbox:
        """The outbox; nothing is held yet, so a PostgreSQL that is away is waited for."""
        async for attempt in stamina.retry_context(
            on=Retry, attempts=None, timeout=None, wait_initial=0.1, wait_max=1.0
        ):
            with attempt:
                return await stack.enter_async_context(Outbox.open(self._dsn))
        raise AssertionError("the loop above returns or raises")

    async def _relay(self, outbox: Outbox, publisher: Publisher) -> Retry:
        """Relay until Kafka fails, and return how it did; what follows is fetched while Kafka confirms.

        What did not fit is sent before what was fetched meanwhile, so the order of a key stays.
        """
        held: Sequence[Outgoing] = ()
        confirmed: Collection[int] = ()
        while True:
            async with _sending(publisher, held) as sent:
                ords = [event.ord for event in held]
                fresh = await outbox.next(list(confirmed), ords, max(0, 2 * BATCH - len(held)), DEAD_TYPE)
                if fresh:
                    self._states.tell(many=len(fresh) >= MANY)
                try:
                    confirmed = await sent
                except Retry as error:
                    return error
            if confirmed:
                crash_point("after_relay_publish")
            held = [*(event for event in held if event.ord not in confirmed), *fresh]
            if not held and not confirmed:
                self._states.calm()
                await outbox.wait(1.0)


@asynccontextmanager
async def _sending(publisher: Publisher, events: Sequence[Outgoing]) -> AsyncIterator["asyncio.Task[Collection[int]]"]:
    """The events on their way; nothing of it is left behind when the block ends."""
    task = asyncio.ensure_future(_sent(publisher, events))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sent(publisher: Publisher, events: Sequence[Outgoing]) -> Collection[int]:
    return frozenset(await publisher.send(events)) if events else ()


async def _until_one_fails(*parts: Coroutine[Any, Any, None]) -> None:
    """Run parts that never end until one raises; that is raised, and the others are cancelled."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
