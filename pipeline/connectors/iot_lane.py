"""Gathers messages of devices into records, publishes them one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from uuid_utils import uuid7

from pipeline.config.channels import DeviceFeed
from pipeline.connectors.backoff import Backoff
from pipeline.connectors.contract import Health, Publisher
from pipeline.errors import Reject, Retry
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.wire import Envelope

GATHER = 0.003
"""Seconds that the first message of a record waits for others."""

MAX_MESSAGES = 1000
"""Messages in one record."""

MAX_BYTES = 131_072
"""Bytes of payload in one record, unless a single message has more."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is to be published; `settle` is called when the log holds it."""

    message: Message
    at: datetime
    settle: Callable[[], None]


class Lane:
    """The messages of one feed that go to one partition: in order, one record under way at a time.

    What arrives while a record is under way makes up the next one, so that records grow with the load.
    """

    def __init__(
        self, feed: DeviceFeed, key: str, publisher: Publisher, health: Health, done: Callable[[int], None]
    ) -> None:
        self._feed = feed
        self._key = key
        self._publisher = publisher
        self._health = health
        self._done = done
        self._waiting: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, waiting: Waiting) -> None:
        """Take a message in."""
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name=f"iot {self._feed.name} {self._key}")

    async def finish(self) -> None:
        """Return when all that was taken in is published."""
        if self._task:
            await self._task

    def abandon(self) -> None:
        """Publish nothing more; what was not acknowledged, the broker sends again."""
        if self._task:
            self._task.cancel()

    async def _drain(self) -> None:
        await asyncio.sleep(GATHER)
        while self._waiting:
            taken = self._take()
            if await self._published(taken):
                self._settle(taken)
            self._done(len(taken))
        self._task = None

    async def _published(self, taken: list[Waiting]) -> bool:
        """Whether they are off our hands; what cannot even be written is not acknowledged, and the others go on."""
        try:
            await self._publish(taken)
        except Exception:  # the broker has these still; a silent lane would keep back all that follow
            log = structlog.get_logger()
            log.exception("a mistake of ours keeps readings at the broker", feed=self._feed.name, count=len(taken))
            self._health.refused["not written"] += len(taken)
            return False
        return True

    def _settle(self, taken: list[Waiting]) -> None:
        for one in taken:
            try:
                one.settle()
            except Exception:  # noqa: BLE001  # the broker sends it again; the others are acknowledged all the same
                structlog.get_logger().exception("a mistake of ours kept a reading unacknowledged", lane=self._key)

    def _take(self) -> list[Waiting]:
        taken = [self._waiting.popleft()]
        size = len(taken[0].message.payload)
        while self._waiting and len(taken) < MAX_MESSAGES:
            size += len(self._waiting[0].message.payload)
            if size > MAX_BYTES:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _publish(self, taken: list[Waiting]) -> None:
        """Return when the log holds them, however long that takes: until then nothing is acknowledged."""
        envelope = Envelope(
            id=str(uuid7()),
            channel="iot",
            source=f"/mqtt/{self._feed.name}",
            key=self._key,
            time=taken[0].at,
            content_type=READINGS,
            raw=write_readings([one.message for one in taken]),
            count=len(taken),
            facts={"feed": self._feed.name, "format": self._feed.format},
        )
        backoff = Backoff(0.2, 10.0)
        while True:
            try:
                await self._publisher.publish(envelope, self._health)
            except Retry as error:
                if not self._health.state.startswith("waits"):
                    structlog.get_logger().warning("readings wait", feed=self._feed.name, reason=str(error))
                self._health.state = f"waits: {error}"
            except Reject as error:
                log = structlog.get_logger()
                log.critical(
                    "readings that the log never takes", feed=self._feed.name, count=len(taken), reason=str(error)
                )
                return
            except Exception:  # noqa: BLE001  # it must neither lose a reading nor stop the others
                structlog.get_logger().exception("a mistake of ours keeps readings back", feed=self._feed.name)
            else:
                return
            await asyncio.sleep(backoff.failed())
