"""What whoever fires timers may rely on in any store."""

from datetime import timedelta
from uuid import uuid4

from rows import NOW
from worlds import World, on_a_new_desk

from pipeline.domain.timers import MOST_FAILURES, Timer
from pipeline.store.ports import Changes

WARN = Timer("kpi.warn", "k1", NOW, case_id=uuid4(), waits_for="messages", data={"kpi": "first_response"})
SILENT = Timer("alarm.silent", "pump-7", NOW + timedelta(minutes=1), waits_for="devices")
LATER = Timer("case.until", "k1", NOW + timedelta(hours=1))


async def arm(world: World, *timers: Timer) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(timed={timer.place: timer for timer in timers}))


async def due(world: World, *, after: timedelta, **settled_until: timedelta) -> list[Timer]:
    awaited = {channel: NOW + until for channel, until in settled_until.items()}
    async with world.store.transaction() as tx:
        return list(await tx.due_timers(NOW + after, awaited, 10))  # type: ignore[arg-type]  # the two words there are


@on_a_new_desk
async def test_a_timer_is_due_at_its_time_and_not_before(world: World) -> None:
    await arm(world, LATER, SILENT, WARN)
    assert await due(world, after=-timedelta(microseconds=1)) == []
    assert await due(world, after=timedelta()) == [WARN]
    assert await due(world, after=timedelta(hours=2)) == [WARN, SILENT, LATER], "the first one first"


@on_a_new_desk
async def test_what_could_cancel_a_timer_is_waited_for(world: World) -> None:
    await arm(world, WARN, SILENT, LATER)
    late = timedelta(hours=2)
    assert await due(world, after=late, messages=-timedelta(seconds=1)) == [SILENT, LATER]
    assert await due(world, after=late, messages=timedelta(), devices=timedelta()) == [WARN, LATER]


@on_a_new_desk
async def test_a_timer_takes_the_stead_of_the_one_before_and_goes_when_disarmed(world: World) -> None:
    await arm(world, WARN)
    moved = Timer(WARN.kind, WARN.key, NOW + timedelta(minutes=5), data={"kpi": "resolve"})
    await arm(world, moved)
    assert await due(world, after=timedelta(hours=1)) == [moved]
    async with world.store.transaction() as tx:
        await tx.write(Changes(timed={moved.place: None, ("kpi.warn", "unknown"): None}))
    assert await due(world, after=timedelta(hours=1)) == []


@on_a_new_desk
async def test_a_timer_that_was_moved_meanwhile_is_not_there(world: World) -> None:
    await arm(world, WARN, LATER)
    seen = await due(world, after=timedelta(hours=2))
    await arm(world, Timer(LATER.kind, LATER.key, LATER.at + timedelta(hours=1)))
    async with world.store.transaction() as tx:
        assert await tx.still_there(seen) == [WARN]
        assert await tx.still_there([]) == []


@on_a_new_desk
async def test_a_timer_that_failed_is_looked_at_later_and_keeps_its_time(world: World) -> None:
    await arm(world, WARN)
    async with world.store.transaction() as tx:
        assert not await tx.put_off({WARN.place: "no reason"}, NOW)
    assert await due(world, after=timedelta(seconds=59)) == []
    assert await due(world, after=timedelta(minutes=1)) == [WARN]
    assert await due(world, after=timedelta(minutes=1), messages=-timedelta(seconds=1)) == [], "it still waits"


@on_a_new_desk
async def test_a_timer_that_failed_too_often_is_set_aside_until_it_is_armed_anew(world: World) -> None:
    await arm(world, WARN)
    for failure in range(1, MOST_FAILURES + 1):
        async with world.store.transaction() as tx:
            aside = await tx.put_off({WARN.place: f"reason {failure}"}, NOW)
        assert set(aside) == ({WARN.place} if failure == MOST_FAILURES else set())
    assert await due(world, after=timedelta(days=365)) == []
    async with world.store.transaction() as tx:
        assert (await tx.next_timer())[1] is None
    await arm(world, WARN)
    assert await due(world, after=timedelta()) == [WARN]


@on_a_new_desk
async def test_the_next_timer_is_known(world: World) -> None:
    async with world.store.transaction() as tx:
        assert (await tx.next_timer())[1] is None
    await arm(world, LATER, WARN)
    async with world.store.transaction() as tx:
        assert (await tx.next_timer())[1] == NOW


@on_a_new_desk
async def test_the_store_has_a_clock(world: World) -> None:
    async with world.store.transaction() as tx:
        now = await tx.begin_firing()
    assert now is not None
    assert now.tzinfo is not None


@on_a_new_desk
async def test_what_fired_is_gone_unless_it_was_armed_anew(world: World) -> None:
    await arm(world, WARN, LATER)
    await arm(world, Timer(LATER.kind, LATER.key, LATER.at + timedelta(minutes=1)))
    async with world.store.transaction() as tx:
        await tx.write(Changes(fired=[WARN, LATER]))
    assert [timer.place for timer in await due(world, after=timedelta(hours=2))] == [LATER.place]
    again = Timer(WARN.kind, WARN.key, NOW + timedelta(minutes=1))
    await arm(world, WARN)
    async with world.store.transaction() as tx:
        await tx.write(Changes(fired=[WARN], timed={again.place: again}))
    assert again in await due(world, after=timedelta(hours=2))
