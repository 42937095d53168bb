"""Asks the pages of a platform one beside the other, each in a task with a state of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from pipeline.connectors.backoff import Backoff
from pipeline.connectors.contract import Health
from pipeline.connectors.platform_api import Denied, NotNow
from pipeline.errors import Retry


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a platform is asked: every `round` seconds, sooner or later only after a failure."""

    round: float = 30.0
    first_retry: float = 1.0
    longest_retry: float = 300.0


class AskedPage(Protocol):
    """One page or account that is asked; `health.state` says what is in the way."""

    @property
    def health(self) -> Health:
        """What it did since it started."""

    async def ask(self) -> None:
        """One round, as long as it goes well.

        Raises Retry (NotNow with the seconds, when the platform told them) and Denied.
        """


class AskedPages:
    """Runs rounds for ever; whatever goes wrong with one page, the others go on."""

    def __init__(
        self,
        pages: Mapping[str, AskedPage],
        pace: Pace,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pages = pages
        self._pace = pace
        self._pause = pause
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def health(self) -> Health:
        """What they all did together, each on its own in `parts`."""
        return Health.of_parts({name: page.health for name, page in self._pages.items()})

    async def start(self) -> str:
        """Begin to ask; returns the names of the pages, whether or not their servers answer."""
        self._tasks = [asyncio.create_task(self._run(name, page), name=name) for name, page in self._pages.items()]
        return " ".join(self._pages)

    async def stop(self) -> None:
        """End all rounds; what was not kept as read is read again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, name: str, page: AskedPage) -> None:
        backoff = Backoff(self._pace.first_retry, self._pace.longest_retry)
        log = structlog.get_logger()
        while True:
            try:
                await page.ask()
            except Denied as error:
                page.health.refused["denied"] += 1
                log.warning("social.denied", page=name, reason=str(error))
                page.health.state, wait = str(error), self._pace.longest_retry
            except NotNow as error:
                page.health.refused["not now"] += 1
                log.warning("social.not_now", page=name, reason=str(error))
                page.health.state, wait = str(error), error.seconds or min(backoff.failed(), self._pace.longest_retry)
            except Retry as error:
                log.warning("social.retry", page=name, reason=str(error))
                page.health.state, wait = str(error), backoff.failed()
            except Exception:  # a surprise of one page must not stop the others
                log.exception("social.unexpected", page=name)
                page.health.state, wait = "stopped by a mistake of ours, tried again", self._pace.longest_retry
            else:
                backoff.succeeded()
                wait = self._pace.round
            await self._pause(wait)
