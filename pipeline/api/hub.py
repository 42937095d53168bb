"""What is published, read once for all who listen in this process."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass

import structlog

from pipeline.api.ring import Frame, Piece, Ring
from pipeline.errors import Retry
from pipeline.store.feed import FeedReader, Kept, Wanted
from pipeline.store.outbox import Published

_BEFORE = 500
"""So many events of before it takes in when it begins."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the hub allows itself, and those who listen.

    Of the `listeners`, `of_one` may have one token. `piece` is how many bytes are written at once, so about twice as
    many wait at most for one who does not read. Who listens to what is long past gets `page` events read at a time, and
    `pages` such listeners at once. After `heartbeat_s` without an event there is a comment. It reads on for `linger_s`
    when nobody listens. Who takes nothing for `slow_s` is cut off.
    """

    listeners: int = 2000
    of_one: int = 1000
    frames: int = 20_000
    size: int = 16 * 1024 * 1024
    piece: int = 64 * 1024
    page: int = 64
    pages: int = 4
    look_s: float = 0.1
    beat_s: float = 5.0
    heartbeat_s: float = 15.0
    linger_s: float = 60.0
    slow_s: float = 30.0


class Full(Retry):
    """As many listen as may."""


class Crowded(Exception):  # noqa: N818  # named like Full, and only one's own
    """As many listen with this token as may with one."""


class Gone(Exception):  # noqa: N818  # it becomes the status of that name
    """What is asked for is not kept any more, or was never told; `kept` says what there is."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(f"there are events from {kept.oldest} to {kept.head}")
        self.kept = kept


class Listener:
    """One who listens: since when what was written to them waits to be taken, and how to cut them off."""

    def __init__(self, cut: Callable[[], None], who: str) -> None:
        self.waits_since: float | None = None
        self.cut = cut
        self.who = who


class Hub:
    """Begins to read when someone comes; ends a while after the last one went."""

    def __init__(
        self, reader: FeedReader, source: str, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits or Limits()
        self.clock = clock
        self.closed = False
        self._reader = reader
        self._source = source
        self._listeners: set[Listener] = set()
        self._wanted_at = clock()
        self._ring: Ring | None = None
        self._oldest = 0
        self._oldest_at = clock()
        self._starting = asyncio.Lock()
        self._feeding: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._paging = asyncio.Semaphore(self.limits.pages)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @property
    def held(self) -> int:
        """The bytes of the events that it holds for all of them."""
        return self._ring.size if self._ring is not None else 0

    async def place(self, after: int | None) -> int:
        """The number after which to go on, without one the newest. Raises Gone, Full, and Retry."""
        self._refuse_when_full()
        ring = await self._running()
        if after is None:
            return ring.head
        if not self._oldest - 1 <= after <= ring.head:
            kept = await self._reader.kept()
            if not kept.oldest - 1 <= after <= kept.head:
                raise Gone(kept)
        return after

    async def start(self) -> int:
        """The number before the first event that is kept. Raises Retry while PostgreSQL is away."""
        return (await self._reader.kept()).oldest - 1

    def admit(self, who: str) -> None:
        """Let one more listen with a token. Raises Full, and Crowded when that token has its share."""
        self._refuse_when_full()
        count = sum(listener.who == who for listener in self._listeners)
        if count >= self.limits.of_one:
            raise Crowded(f"{count} listen with this token already; end some, or use another token")

    def _refuse_when_full(self) -> None:
        if len(self._listeners) >= self.limits.listeners:
            raise Full(f"{len(self._listeners)} listen already")

    @contextmanager
    def listening(self, cut: Callable[[], None], who: str) -> Iterator[Listener]:
        """Count as one who listens with a token; `cut` is called when they take nothing any more."""
        listener = Listener(cut, who)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._wanted_at = self.clock()

    async def next(self, cursor: int, wanted: Wanted) -> Piece:
        """What there is for one who has all up to the cursor: of the newest, or from the table what lies behind them.

        Raises Gone when what comes next is not kept any more, Retry while PostgreSQL is away.
        """
        ring = await self._running()
        if (piece := ring.after(cursor, wanted, self.limits.piece)) is not None:
            return piece
        async with self._paging:
            if cursor < self._oldest - 1:
                raise Gone(await self._reader.kept())
            page = await self._reader.page(cursor, ring.head, wanted, self.limits.page)
        return Piece.of(map(self._frame, page.events), page.upto, self.limits.piece)

    def signal(self) -> asyncio.Event:
        """It is set when there is something new, and after a while in any case."""
        return self._moved

    async def aclose(self) -> None:
        """Let everybody go, and give all back."""
        self.close()
        if self._feeding is not None:
            with suppress(asyncio.CancelledError):
                await self._feeding
        await self._reader.close()

    def close(self) -> None:
        """Let everybody go."""
        self.closed = True
        if self._feeding is not None:
            self._feeding.cancel()
        for listener in [*self._listeners]:
            if listener.waits_since is not None:
                listener.cut()
        self._wake()

    async def _running(self) -> Ring:
        if self._ring is not None and self._feeding is not None and not self._feeding.done():
            return self._ring
        async with self._starting:
            if self._ring is None or self._feeding is None or self._feeding.done():
                self._ring = await self._begun()
                self._wanted_at = self.clock()
                self._feeding = asyncio.create_task(self._feed(self._ring))
            return self._ring

    async def _begun(self) -> Ring:
        """With some events of before: who comes back after our restart was never far behind."""
        kept = await self._reader.kept()
        self._oldest, self._oldest_at = kept.oldest, self.clock()
        first = max(kept.oldest - 1, kept.head - _BEFORE)
        ring = Ring(first, frames=self.limits.frames, size=self.limits.size)
        page = await self._reader.page(first, kept.head, Wanted(), _BEFORE)
        ring.push(map(self._frame, page.events), kept.head)
        return ring

    async def _feed(self, ring: Ring) -> None:
        """Look for new events as long as someone wants them; while PostgreSQL is away, nobody is sent away."""
        while self._is_wanted():
            try:
                await self._follow(ring)
            except Retry as error:
                _log.warning("events are not read", error=str(error))
                self._beat()
                await asyncio.sleep(0.5)

    async def _follow(self, ring: Ring) -> None:
        beat_at = self.clock()
        async with aclosing(self._reader.follow(ring.head, poll_s=self.limits.look_s)) as batches:
            async for batch in batches:
                if batch:
                    ring.push(map(self._frame, batch), batch[-1].pos)
                    self._wake()
                if self.clock() - beat_at >= self.limits.beat_s:
                    beat_at = self.clock()
                    self._beat()
                    await self._look_back()
                if not self._is_wanted():
                    return

    def _is_wanted(self) -> bool:
        return bool(self._listeners) or self.clock() - self._wanted_at < self.limits.linger_s

    async def _look_back(self) -> None:
        """From time to time, see how far back events are still kept."""
        if self.clock() - self._oldest_at >= self.limits.linger_s:
            self._oldest = (await self._reader.kept()).oldest
            self._oldest_at = self.clock()

    def _beat(self) -> None:
        """Cut off who takes nothing any more, and give the others a moment to look around."""
        slow = self.clock() - self.limits.slow_s
        for listener in [*self._listeners]:
            if listener.waits_since is not None and listener.waits_since <= slow:
                listener.cut()
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _frame(self, event: Published) -> Frame:
        return Frame.of(event, self._source)
