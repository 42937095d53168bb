"""Looks at the desk from outside, once a second, for the view."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pipeline.config import Config
from pipeline.errors import Retry
from pipeline.log import partition_bounds
from pipeline.store.ledger import PostgresLedger
from pipeline.store.outbox import PublishedEvents
from pipeline.store.settled import NewestCase, Settled
from pipeline.topics import CHANNELS, inbound

OUTCOMES = ("opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead")
NEWEST = 8
_EVERY = 1.0
_PREFIX = {"iot": "mqtt"}  # other sources begin with the name of their channel


@dataclass(slots=True)
class Seen:
    """What was seen last; while a part is away, what was seen before it left stays."""

    sources: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    unpublished: int = 0
    events: int = 0
    newest: list[NewestCase] = field(default_factory=list)

    @property
    def received(self) -> int:
        """Messages with an outcome."""
        return self.sources.total()

    def of_channel(self, channel: str) -> int:
        """Messages of a channel with an outcome."""
        return sum(
            count for source, count in self.sources.items() if source.startswith(f"/{_PREFIX.get(channel, channel)}/")
        )


class Observer:
    """Asks PostgreSQL and Kafka."""

    def __init__(self, config: Config) -> None:
        self._kafka = config.kafka
        self._ledger = PostgresLedger(config.postgres.dsn)
        self._settled = Settled(config.postgres.dsn)
        self._published = PublishedEvents(config.postgres.dsn)
        self.seen = Seen()

    async def look(self) -> None:
        """Renew `seen`. Raises Retry when a part is away."""
        seen = self.seen
        totals = await self._ledger.totals()
        seen.sources = Counter()
        for total in totals:
            seen.sources[total.source] += total.received
        seen.outcomes = Counter({name: sum(getattr(total, name) for total in totals) for name in OUTCOMES})
        seen.newest = await self._settled.newest_cases(NEWEST)
        seen.unpublished = await self._settled.unpublished()
        seen.events = await self._published.last()
        seen.pending = await self._pending()

    async def _pending(self) -> int:
        following = {(row.topic, row.partition): row.next for row in await self._ledger.partitions()}
        bounds = await partition_bounds(self._kafka, map(inbound, CHANNELS))
        return sum(max(0, bound.end - following.get(where, bound.start)) for where, bound in bounds.items())

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look for ever; parts that are away are seen again when they are back."""
        while True:
            await _or_later(self.look)
            changed()
            await asyncio.sleep(_EVERY)

    async def until_quiet(self, seconds: float, promised: Mapping[str, int]) -> bool:
        """Wait until the desk has what was `promised` on each channel, nothing is pending, every event is published.

        False when that does not come in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            if await _or_later(self.look) and self._is_quiet(promised):
                return True
            await asyncio.sleep(_EVERY / 4)
        return False

    def _is_quiet(self, promised: Mapping[str, int]) -> bool:
        seen = self.seen
        is_here = all(seen.of_channel(channel) >= count for channel, count in promised.items())
        return is_here and seen.pending == 0 and seen.unpublished == 0


async def _or_later(look: Callable[[], Awaitable[None]]) -> bool:
    try:
        await look()
    except Retry:
        return False
    return True
