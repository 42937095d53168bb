"""Ends the process when it makes no progress although there is something to settle.

Faust and aiokafka can wedge after a broker's restart without an error anywhere. This looks on from a thread with a loop
and a Kafka client of its own, so that whatever hangs in the worker does not hang here.
"""

import asyncio
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from pipeline.errors import Retry, Stop
from pipeline.log import partition_bounds
from pipeline.process import FAILED
from pipeline.runtime.ending import STALLED, End
from pipeline.runtime.gaps import first_offset
from pipeline.runtime.lane import Lane
from pipeline.store.ports import Position
from pipeline.topics import inbound
from pipeline.wire import Bounds, Partition

_LOOKS = 12
"""So often it looks within the limit."""
_ANSWER = 8.0
"""Seconds that the worker's loop has to answer with the ledger's rows; it counts as stuck after that.

Longer than a connection to PostgreSQL is tried for, so that a server that is away is not taken for a stuck loop.
"""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stillness:
    """Since when each thing stands still at the same value."""

    limit: float
    _seen: dict[Hashable, tuple[Hashable, float]] = field(default_factory=dict)

    def observe(self, thing: Hashable, value: Hashable, now: float) -> bool:
        """Note a thing's value. True when it has been the same for the limit."""
        known, since = self._seen.get(thing, (None, now))
        if known != value:
            self._seen[thing] = (value, now)
            return False
        self._seen.setdefault(thing, (value, now))
        return now - since >= self.limit

    def forget(self, thing: Hashable) -> None:
        """The thing may stand still."""
        self._seen.pop(thing, None)

    def forget_all(self) -> None:
        """Everything may have stood still until now."""
        self._seen.clear()

    def keep_only(self, things: Iterable[Hashable]) -> None:
        """Forget what is not among these."""
        for thing in self._seen.keys() - set(things):
            del self._seen[thing]


class Watchdog:
    """Looks at every channel; `limit` is in seconds."""

    def __init__(self, lanes: Sequence[Lane], loop: asyncio.AbstractEventLoop, *, limit: float, end: End) -> None:
        self._lanes = lanes
        self._loop = loop
        self._limit = limit
        self._end = end
        self._stillness = Stillness(limit)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look on from a thread of its own until `stop`."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._limit / _LOOKS):
                asyncio.run(self._look())
        except Exception as error:  # noqa: BLE001  # without its watchdog a worker must not run
            self._end(FAILED, f"the watchdog failed: {error!r}", error)

    async def _look(self) -> None:
        try:
            ends = await partition_bounds(self._lanes[0].kafka, [inbound(lane.channel) for lane in self._lanes])
            rows = await self._rows()
        except Retry:
            self._stillness.forget_all()  # Kafka or PostgreSQL is away: nobody can make progress
            return
        now = monotonic()
        for lane in self._lanes:
            if self._joins_too_long(lane, now):
                self._stall(f"{lane.channel} waits for its partitions since {self._limit:g} s")
            for partition in await self._stalled(lane, ends, rows, now):
                self._stall(f"{partition.topic}/{partition.partition} stands still since {self._limit:g} s")

    def _joins_too_long(self, lane: Lane, now: float) -> bool:
        if lane.joining_since is None:
            self._stillness.forget(lane.channel)
            return False
        return self._stillness.observe(lane.channel, "joining", now)

    async def _stalled(
        self, lane: Lane, ends: Mapping[Partition, Bounds], rows: Mapping[Partition, Position], now: float
    ) -> list[Partition]:
        """Partitions of ours in which nothing moved for the limit, and whose next record is there to be read."""
        stalled: list[Partition] = []
        ours = dict(lane.positions.next)
        self._stillness.keep_only(
            {*ours, *(other for one in self._lanes for other in (one.channel, *one.positions.next))}
        )
        for partition, known in ours.items():
            row = rows.get(partition, Position(known))
            stopped = row.stopped_reason is not None or partition in lane.positions.stopped
            if stopped or partition not in ends or ends[partition].end <= row.next:
                self._stillness.forget(partition)
            elif self._stillness.observe(partition, row.next, now) and await self._is_there(lane, partition, row.next):
                stalled.append(partition)
        return stalled

    async def _is_there(self, lane: Lane, partition: Partition, offset: int) -> bool:
        """Whether a record can be read; the last offsets of a log may hold a transaction's markers alone."""
        try:
            return await first_offset(lane.kafka, partition, offset) is not None
        except Retry:
            return False
        except Stop:
            return True

    async def _rows(self) -> Mapping[Partition, Position]:
        """The ledger's rows, asked for in the worker's loop; none when that does not answer."""
        found: dict[Partition, Position] = {}
        for lane in self._lanes:
            asked = asyncio.run_coroutine_threadsafe(self._positions(lane), self._loop)
            try:
                rows = await asyncio.wait_for(asyncio.wrap_future(asked), _ANSWER)
                found.update(rows)
            except TimeoutError:
                _log.warning("the worker's loop does not answer", channel=lane.channel)
        return found

    async def _positions(self, lane: Lane) -> Mapping[Partition, Position]:
        return await lane.ledger.positions([lane.topic])

    def _stall(self, reason: str) -> None:
        if not self._stopped.is_set():
            self._end(STALLED, reason)
