"""Fires the timers whose time has come: each once, in order, whichever clock is there."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.consequences import Consequences
from pipeline.domain.timers import MAX_REASON, Awaited, Timer, fire_together, late_s
from pipeline.errors import CasestreamError
from pipeline.store.ports import Facts, Store, Transaction, Wanted

BATCH = 500

_log = structlog.get_logger()


class TimerHandler(Protocol):
    """What timers of one kind do."""

    def claims(self, timer: Timer) -> Iterable[str]:
        """What must be claimed, as intake claims it, so that messages about the same wait, or are waited for."""

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:
        """The cases that firing these may be about, beside those that they name; comes before any case is locked."""

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Read what firing these needs to know; the cases they name, and those foreseen, are locked in the batch."""

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Decide what it does now; it is gone unless it is armed again."""


@dataclass(frozen=True, slots=True)
class Fired:
    """How many timers fired, and whether more may be due."""

    count: int
    more: bool


_How = Callable[[Sequence[Timer], datetime, Transaction], Awaitable[None]]


class Timers:
    """Fires in transactions of many timers, one of each case in each."""

    def __init__(self, store: Store, handlers: Mapping[str, TimerHandler], consequences: Consequences) -> None:
        self._store = store
        self._handlers = handlers
        self._consequences = consequences

    async def fire(self, awaited: Mapping[Awaited, datetime], now: datetime | None = None) -> Fired:
        """Fire some of what is due `now` (default: the store's clock), the first ones first.

        Those that wait for messages or devices fire only up to the time until which these are settled, `awaited`.
        Raises Retry when the store is away.
        """
        try:
            return await self._fire(awaited, now, self._fire_together)
        except CasestreamError:
            raise
        except Exception as error:  # noqa: BLE001  # the one that met it is found below
            _log.warning("timers failed, looking for the one", error=repr(error)[:500])
        return await self._fire(awaited, now, self._fire_by_halves)

    async def look(self) -> tuple[datetime, datetime | None]:
        """The store's clock, and when the next timer is due, if there is one. Raises Retry when the store is away."""
        async with self._store.transaction() as tx:
            return await tx.next_timer()

    async def _fire(self, awaited: Mapping[Awaited, datetime], now: datetime | None, how: _How) -> Fired:
        async with self._store.transaction() as tx:
            clock = await tx.begin_firing()
            if clock is None:
                return Fired(0, more=False)
            due = await tx.due_timers(now or clock, awaited, BATCH)
            together = fire_together(due)
            if together:
                await how(together, now or clock, tx)
            return Fired(len(together), more=len(due) == BATCH or len(together) < len(due))

    async def _fire_by_halves(self, timers: Sequence[Timer], now: datetime, tx: Transaction) -> None:
        """Fire what can be; what fails by itself too is put off, and set aside when it goes on failing."""
        failed: dict[tuple[str, str], str] = {}
        await self._search(timers, now, tx, failed)
        if not failed:
            return
        aside = await tx.put_off(failed, now)
        for (kind, key), reason in failed.items():
            says = "a timer is set aside; see `casestream timers list`" if (kind, key) in aside else "a timer fails"
            _log.error(says, kind=kind, key=key, reason=reason)

    async def _search(
        self, timers: Sequence[Timer], now: datetime, tx: Transaction, failed: dict[tuple[str, str], str]
    ) -> None:
        """By halves in savepoints, as intake looks for the record that fails."""
        try:
            async with tx.savepoint():
                await self._fire_together(timers, now, tx)
        except CasestreamError:
            raise
        except Exception as error:  # noqa: BLE001  # the surprise that is looked for
            if len(timers) == 1:
                failed[timers[0].place] = repr(error)[:MAX_REASON]
                return
            middle = len(timers) // 2
            await self._search(timers[:middle], now, tx, failed)
            await self._search(timers[middle:], now, tx, failed)

    async def _fire_together(self, timers: Sequence[Timer], now: datetime, tx: Transaction) -> None:
        claim = {key for timer in timers for key in self._handlers[timer.kind].claims(timer)}
        facts = await tx.read(Wanted(claim, (), (), (), ())) if claim else Facts()
        batch = Batch(facts=facts, fired_at=now)
        named = {timer.case_id for timer in timers if timer.case_id}
        for kind, of_kind in _by_kind(timers).items():
            named |= set(await self._handlers[kind].foresee(of_kind, batch, tx))
        batch.cases = dict(await tx.lock_cases(named))
        batch.fired = [*await tx.still_there(timers)]
        for kind, of_kind in _by_kind(batch.fired).items():
            await self._handlers[kind].prepare(of_kind, batch, tx)
        for timer in batch.fired:
            self._handlers[timer.kind].fire(timer, batch, Deed(now, "clock", timer.kind, late_s(timer, now)))
        await self._consequences(batch, tx)


def _by_kind(timers: Iterable[Timer]) -> dict[str, list[Timer]]:
    found: dict[str, list[Timer]] = defaultdict(list)
    for timer in timers:
        found[timer.kind].append(timer)
    return found
