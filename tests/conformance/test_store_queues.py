"""What routing and queues may rely on in any store."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from rows import NOW, a_case
from worlds import World, on_a_new_desk

from pipeline.domain.agents import Agent, Load
from pipeline.domain.matching import Ref
from pipeline.store.ports import Changes
from pipeline.store.queue_ports import Failed, QueueChanges, QueueItem

MINUTE = timedelta(minutes=1)


async def put(world: World, *items: QueueItem) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(queues=QueueChanges({(item.kind, item.ref): item for item in items})))


async def open_cases(world: World, count: int, **told: object) -> list[QueueItem]:
    """Cases that wait, each a minute older than the next."""
    async with world.store.transaction() as tx:
        numbers = await tx.case_numbers(count)
        cases = [a_case(number) for number in numbers]
        await tx.write(Changes(opened=cases))
    items = [
        replace(QueueItem(kind="case", ref=case.id, queue="Support", since=NOW + place * MINUTE), **told)  # type: ignore[arg-type]
        for place, case in enumerate(cases)
    ]
    await put(world, *items)
    return items


async def add_agent(world: World, name: str, **told: object) -> Agent:
    return await world.add_staff(Agent(ref=Ref(uuid4(), name, name), **{"queues": frozenset({"Support"}), **told}))  # type: ignore[arg-type]


@on_a_new_desk
async def test_agents_are_found_by_id_and_by_name_with_all_that_is_known_of_them(world: World) -> None:
    rui = await add_agent(world, "rui")
    ana = await add_agent(
        world, "ana", skills={"pump": 3}, capacity=40, calendar="office", away=(("2026-03-02", "2026-03-04"),),
        manager=rui.ref,
    )  # fmt: skip
    async with world.store.transaction() as tx:
        assert list(await tx.agents(names=["ana", "nobody"])) == [ana]
        assert {agent.ref.external_id for agent in await tx.agents(ids=[ana.ref.id, rui.ref.id])} == {"ana", "rui"}
        assert list(await tx.agents()) == []
        await tx.set_presence(ana.ref.id, "busy", NOW)
        await tx.set_presence(ana.ref.id, "away", NOW)
    async with world.store.transaction() as tx:
        assert list(await tx.agents(names=["ana"])) == [replace(ana, presence="away")]


@on_a_new_desk
async def test_the_first_item_is_the_most_urgent_then_the_oldest(world: World) -> None:
    first, second = await open_cases(world, 2)
    call = QueueItem(kind="call back", ref=uuid4(), queue="Support", since=NOW + 5 * MINUTE, rank=3)
    await put(world, call, QueueItem(kind="task", ref=uuid4(), queue="Second", since=NOW, rank=3))
    async with world.store.transaction() as tx:
        assert await tx.next_item(["Support"]) == call
        await tx.write(Changes(queues=QueueChanges({("call back", call.ref): None})))
    async with world.store.transaction() as tx:
        assert await tx.next_item(["Support"]) == first
    await put(world, replace(second, rank=2))
    async with world.store.transaction() as tx:
        assert await tx.next_item(["Support", "Second"]) != second
        assert await tx.next_item(["Support"]) == replace(second, rank=2)
        assert await tx.next_item(["Third"]) is None


@on_a_new_desk
async def test_what_waits_to_be_given_comes_with_who_works_there_and_how_loaded(world: World) -> None:
    ana, rui = await add_agent(world, "ana"), await add_agent(world, "rui", queues=frozenset({"Support", "Second"}))
    await add_agent(world, "eva", queues=frozenset({"Third"}))
    owned, free, picked = await open_cases(world, 3, assign="least_active")
    await put(
        world,
        replace(owned, owner=ana.ref.id, given=NOW, units=30),
        replace(picked, assign=None),
        QueueItem(kind="task", ref=uuid4(), queue="Third", since=NOW, owner=ana.ref.id, given=NOW + MINUTE, units=5),
    )
    async with world.store.transaction() as tx:
        staff = await tx.staff(["Support"], [])
    assert {agent.ref.external_id for agent in staff.agents} == {"ana", "rui"}
    assert staff.loads.get(ana.ref.id) == Load(2, 35, NOW + MINUTE)
    assert list(staff.needs) == [free.need]
    async with world.store.transaction() as tx:
        assert list((await tx.staff([], [rui.ref.id])).needs) == [free.need]
        assert list(await tx.waiting([(free.need, 5)], [owned.ref])) == [free]
        assert list(await tx.waiting([], [free.ref, owned.ref, picked.ref])) == [free]


@on_a_new_desk
async def test_of_what_asks_the_same_the_first_ones_come_whatever_else_waits(world: World) -> None:
    latin = await open_cases(world, 3, rank=3, assign="round_robin", skills={"latin": 5, "greek": 1})
    plain = await open_cases(world, 2, assign="round_robin")
    heavy = await open_cases(world, 1, assign="least_active", units=40)
    await add_agent(world, "ana")
    async with world.store.transaction() as tx:
        needs = (await tx.staff(["Support"], [])).needs
        assert sorted(need.units for need in needs) == [10, 10, 40]
        assert all(item.need in needs for item in (latin[0], plain[0], heavy[0]))
        found = await tx.waiting([(plain[0].need, 1), (heavy[0].need, 9)], [])
        assert {item.ref for item in found} == {plain[0].ref, heavy[0].ref}
        assert list(await tx.waiting([(latin[0].need, 2)], [plain[1].ref])) == [*latin[:2], plain[1]]


@on_a_new_desk
async def test_items_are_replaced_and_go(world: World) -> None:
    (item,) = await open_cases(world, 1)
    moved = replace(item, queue="Second", assign="round_robin", skills={"pump": 2}, units=0)
    await put(world, moved)
    async with world.store.transaction() as tx:
        assert await tx.queue_items([item.ref, uuid4()]) == {item.ref: moved}
        await tx.write(Changes(queues=QueueChanges({("case", item.ref): None, ("task", uuid4()): None})))
    async with world.store.transaction() as tx:
        assert await tx.queue_items([item.ref]) == {}


@on_a_new_desk
async def test_rules_that_fail_are_counted(world: World) -> None:
    for count in (1, 2):
        async with world.store.transaction() as tx:
            await tx.write(Changes(queues=QueueChanges(failures={"VIP": Failed(count, "no number")})))
    assert await world.rule_failures() == {"VIP": 3}
