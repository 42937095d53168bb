"""Firing timers: each once, the first of a case first, one that fails alone."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.consequences import Consequences
from pipeline.agents.timers import Timers
from pipeline.domain.timers import FAILED_AGAIN_AFTER, MOST_FAILURES, Timer, fire_together
from pipeline.errors import Retry
from pipeline.store.memory import Memory, MemoryStore
from pipeline.store.ports import Changes, Transaction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Note:
    """Keeps what fired; `rearm` arms a timer again, `poison` fails."""

    def __init__(self) -> None:
        self.fired: list[tuple[Timer, Deed]] = []
        self.prepared: list[int] = []

    def claims(self, timer: Timer) -> Iterable[str]:
        return [timer.key]

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # asks nothing
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # asks nothing
        self.prepared.append(len(timers))

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        if timer.data.get("poison"):
            raise ZeroDivisionError
        self.fired.append((timer, cause))
        if again := timer.data.get("rearm_s"):
            batch.arm(Timer(timer.kind, timer.key, timer.at + timedelta(seconds=again)))


class Desk:
    def __init__(self, *timers: Timer) -> None:
        self.note = Note()
        self.memory = Memory()
        self.store = MemoryStore(self.memory)
        self.timers = Timers(self.store, {"note": self.note}, Consequences(()))
        asyncio.run(self._arm(timers))

    async def _arm(self, timers: Iterable[Timer]) -> None:
        async with self.store.transaction() as tx:
            await tx.write(Changes(timed={timer.place: timer for timer in timers}))

    def fire(self, now: datetime = NOON) -> list[str]:
        """Fire all that is due; the keys of what fired."""
        before = len(self.note.fired)

        async def all_of_it() -> None:
            while (await self.timers.fire({}, now)).more:
                pass

        asyncio.run(all_of_it())
        return [timer.key for timer, _ in self.note.fired[before:]]


def a_timer(key: str, at: datetime = NOON, case_id: UUID | None = None, **data: object) -> Timer:
    return Timer("note", key, at, case_id, data=data)


def test_each_fires_once() -> None:
    desk = Desk(a_timer("b"), a_timer("a"), a_timer("later", NOON + timedelta(microseconds=1)))
    assert desk.fire() == ["a", "b"]
    assert desk.fire() == []
    assert desk.fire(NOON + timedelta(hours=1)) == ["later"]


def test_of_a_case_the_first_fires_before_the_next_is_looked_at() -> None:
    case = uuid4()
    second, first = a_timer("a", NOON, case), a_timer("z", NOON - timedelta(hours=1), case)
    other = a_timer("other", NOON, uuid4())
    assert fire_together([second, first, other]) == [first, other]
    desk = Desk(second, first, other)
    assert desk.fire() == ["z", "other", "a"]
    assert desk.note.prepared == [2, 1]


def test_one_that_is_armed_again_fires_again() -> None:
    desk = Desk(a_timer("beat", rearm_s=60))
    assert desk.fire() == ["beat"]
    assert desk.fire(NOON + timedelta(seconds=60)) == ["beat"]


def test_what_fires_late_says_so() -> None:
    desk = Desk(a_timer("late", NOON - timedelta(seconds=90)), a_timer("on time", NOON - timedelta(seconds=1)))
    desk.fire()
    assert {timer.key: cause.late_s for timer, cause in desk.note.fired} == {"late": 90.0, "on time": None}


def test_one_that_fails_holds_up_nobody_and_is_tried_again() -> None:
    desk = Desk(a_timer("a", poison=True), a_timer("b"), a_timer("c"))
    assert desk.fire() == ["b", "c"]
    row = desk.memory.tables.timers["note", "a"]
    assert (row.due, row.reason) == (NOON + FAILED_AGAIN_AFTER, "ZeroDivisionError()")
    assert desk.fire(NOON + FAILED_AGAIN_AFTER) == []
    assert ("note", "a") in desk.memory.tables.timers, "it is never dropped"


def test_one_that_fails_again_and_again_is_set_aside_with_the_reason() -> None:
    desk = Desk(a_timer("a", poison=True))
    now = NOON
    for failure in range(MOST_FAILURES):
        assert not desk.memory.tables.timers["note", "a"].is_aside
        desk.fire(now)
        now += FAILED_AGAIN_AFTER * 2**failure
    assert desk.memory.tables.timers["note", "a"].is_aside
    tried = len(desk.note.prepared)
    desk.fire(NOON + timedelta(days=365))
    assert len(desk.note.prepared) == tried, "nobody tries it any more"


def test_however_many_fail_they_are_found_by_halves() -> None:
    desk = Desk(
        *(a_timer(f"a{number:03}", poison=True) for number in range(3)), *(a_timer(f"b{n}") for n in range(397))
    )
    assert len(desk.fire()) == 397
    assert len(desk.note.prepared) < 40


def test_a_store_that_is_away_is_told_to_the_caller() -> None:
    class Away(MemoryStore):
        def transaction(self) -> object:  # type: ignore[override]  # it never gets as far as opening one
            raise Retry("PostgreSQL is away")

    timers = Timers(Away(Memory()), {}, Consequences(()))
    with pytest.raises(Retry):
        asyncio.run(timers.fire({}))
