"""Sends the commands that alarms have for devices, and keeps what became of each."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from pipeline.agents.deliveries import Became, Deliveries
from pipeline.config import Config
from pipeline.config.channels import DeviceFeed
from pipeline.connectors.contract import Health, utc_now
from pipeline.connectors.mqtt_commands import Command, CommandLink, Dialect, PlainCommands, Progress, ThinEdgeCommands
from pipeline.errors import Retry
from pipeline.store.commands import CommandQueue, WaitingCommand, note_command
from pipeline.store.postgres import PostgresStore, PostgresTransaction

MOST_AT_ONCE = 500

_log = structlog.get_logger()


Telling = Callable[[PostgresStore], Deliveries[PostgresTransaction]]
"""Makes what tells, on a connection of its own, what became of commands."""


@dataclass(frozen=True, slots=True)
class CommandPace:
    """How long to wait, in seconds: for the next look, for a device's answer, for a database that is away."""

    look: float = 0.2
    answer: float = 60.0
    away: float = 1.0


class CommandConnector:
    """The one active sender; others of its kind stand by. Each feed that takes commands has a session of its own."""

    def __init__(
        self,
        config: Config,
        telling: Telling,
        now: Callable[[], datetime] = utc_now,
        pace: CommandPace = CommandPace(),  # frozen
    ) -> None:
        self.health = Health(state="starts")
        self._telling = telling
        self._config = config
        self._dialects = {f"/mqtt/{feed.name}": found for feed in config.device_feed if (found := dialect_of(feed))}
        self._now = now
        self._pace = pace
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Begin to send, whether or not broker and database are there; returns the broker's address."""
        self._task = asyncio.create_task(self._run(), name="commands")
        return self._config.mqtt.url

    async def stop(self) -> None:
        """Leave; what has no answer yet is sent again by whoever comes next."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with CommandQueue.open(self._config.postgres.direct) as queue:
                    self.health.state = "stands by"
                    while not await queue.become_active():  # noqa: ASYNC110  # the lock is PostgreSQL's
                        await asyncio.sleep(self._pace.away)
                    self.health.state = "sends"
                    await self._send(queue)
            except Retry as error:
                self.health.state = f"waits: {error}"
                _log.warning("commands wait", reason=str(error))
            except Exception:  # noqa: BLE001  # the next life may well be better
                self.health.state = "waits after a mistake of ours"
                _log.exception("a mistake of ours keeps commands back")
            await asyncio.sleep(self._pace.away)

    async def _send(self, queue: CommandQueue) -> None:
        """Send what there is, each followed by itself."""
        under_way: dict[UUID, asyncio.Task[None]] = {}
        store = PostgresStore(self._config.postgres.dsn)
        news = _News(self._telling(store), self._now)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.close)
            links = _Links(self._config, self._dialects, news, stack)
            stack.push_async_callback(_cancelled, under_way)
            while True:
                for command in await queue.waiting(MOST_AT_ONCE):
                    if command.id not in under_way:
                        under_way[command.id] = asyncio.create_task(self._one(command, links, news))
                self.health.lag = len(under_way)
                for own in [own for own, task in under_way.items() if task.done()]:
                    under_way.pop(own).result()
                await asyncio.sleep(self._pace.look)

    async def _one(self, command: WaitingCommand, links: "_Links", news: "_News") -> None:
        self.health.received += 1
        news.about(command)
        left = (command.expires_at - self._now()).total_seconds()
        link = links.of(command.source)
        if link is None:
            end = Progress(str(command.id), "failed", "its feed takes no commands")
            await news.tell(end)
        elif left <= 0:
            end = Progress(str(command.id), "failed", "it could not be sent in time")
            await news.tell(end)
        else:
            wanted = Command(id=str(command.id), device=command.device, name=command.name, arguments=command.arguments)
            end = await link.send(wanted, self._pace.answer, taken_within=left)
        if end.state == "acknowledged":
            self.health.published += 1
            self.health.last_success = self._now()
        else:
            self.health.refused[end.reason or "failed"] += 1
        _log.info("command over", command=end.id, device=command.device, name=command.name, state=end.state,
                  reason=end.reason)  # fmt: skip


class _Links:
    """The sessions at the broker, made when they are needed."""

    def __init__(
        self,
        config: Config,
        dialects: Mapping[str, Dialect],
        news: "_News",
        stack: AsyncExitStack,
    ) -> None:
        self._mqtt = config.mqtt
        self._dialects = dialects
        self._news = news
        self._stack = stack
        self._links: dict[str, CommandLink] = {}

    def of(self, source: str) -> CommandLink | None:
        """The session for commands to the devices of a source; None where they take none."""
        if source not in self._links and source in self._dialects:
            own = self._mqtt.model_copy(update={"client_id": f"{self._mqtt.client_id}-{source.rpartition('/')[2]}"})
            link = self._links[source] = CommandLink(own, self._dialects[source], self._news.tell)
            self._stack.push_async_callback(link.close)
        return self._links.get(source)


class _News:
    """What became of commands, told one at a time."""

    def __init__(self, deliveries: Deliveries[PostgresTransaction], now: Callable[[], datetime]) -> None:
        self._deliveries = deliveries
        self._now = now
        self._known: dict[str, WaitingCommand] = {}
        self._one_at_a_time = asyncio.Lock()

    def about(self, command: WaitingCommand) -> None:
        """There will be news of it."""
        self._known[str(command.id)] = command

    async def tell(self, progress: Progress) -> None:
        """Keep how far it has come. Raises Retry when PostgreSQL is away."""
        if progress.state == "queued":
            return
        command, at = self._known[progress.id], self._now()
        became = Became(
            kind="command", state="delivered" if progress.state == "acknowledged" else progress.state,
            target=command.device, at=at, reason=progress.reason, activity=command.activity_id, case=command.case_id,
            key=f"/device/{command.device}",
        )  # fmt: skip
        async with self._one_at_a_time:
            await self._deliveries.tell(
                became, lambda tx: note_command(tx.connection, command.id, progress.state, progress.reason, at)
            )
        if progress.state != "sent":
            del self._known[progress.id]


def dialect_of(feed: DeviceFeed) -> Dialect | None:
    """How devices of a feed are told what to do; None where they cannot be."""
    if not feed.takes_commands:
        return None
    if feed.format == "thin-edge":
        return ThinEdgeCommands((feed.device or "").partition("te/")[0])
    return PlainCommands(feed.commands or "", feed.answers or "")


async def _cancelled(tasks: Mapping[UUID, asyncio.Task[None]]) -> None:
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
