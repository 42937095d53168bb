"""What any store promises of promises."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from rows import NOW, a_case
from worlds import World, on_a_new_desk

from pipeline.domain.entitlement import Entitlement, Terms
from pipeline.domain.kpi import Instance, Stretch
from pipeline.store.ports import Changes

CASE = a_case(1001)


def an_instance(number: int) -> Instance:
    return Instance(
        id=uuid4(), case_id=CASE.id, number=number, kpi="resolution", sla="Gold", key="k", value=NOW,
        warn_at=NOW + timedelta(hours=3), fail_at=NOW + timedelta(hours=4, microseconds=1), warned_at=NOW,
        stretches=[
            Stretch(NOW, NOW + timedelta(hours=1), "counted", "from opened_at", "office", timedelta(minutes=59)),
            Stretch(NOW + timedelta(hours=1), None, "paused", "status in progress → on hold", "office"),
        ],
    )  # fmt: skip


def as_kept(instance: Instance) -> Instance:
    return replace(instance, changed=False, is_new=False)


@on_a_new_desk
async def test_instances_come_back_as_they_were_written_in_their_order(world: World) -> None:
    second, first = an_instance(2), an_instance(1)
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[CASE], kpis=[second, first]))
    async with world.store.transaction() as tx:
        found = await tx.promises([CASE.id, uuid4()], [])
    assert found.instances == {CASE.id: [as_kept(first), as_kept(second)]}
    assert found.slas == {}


@on_a_new_desk
async def test_an_instance_that_is_there_is_replaced(world: World) -> None:
    instance = an_instance(1)
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[CASE], kpis=[instance]))
    instance = as_kept(instance)
    instance.stretches.pop()
    instance.ended_at = instance.succeeded_at = NOW + timedelta(hours=2)
    instance.ended_by, instance.key, instance.sla, instance.warn_at = "met", "k2", "Silver", None
    async with world.store.transaction() as tx:
        await tx.write(Changes(kpis=[instance]))
    async with world.store.transaction() as tx:
        assert (await tx.promises([CASE.id], [])).instances == {CASE.id: [instance]}


@on_a_new_desk
async def test_an_entitlement_tells_the_sla_that_it_brings(world: World) -> None:
    acme = await world.add_account("acme")
    for name, sla in (("e1", "Gold"), ("e2", None)):
        await world.add_entitlement(Entitlement(external_id=name, terms=Terms(), account=acme.id, sla=sla))
    async with world.store.transaction() as tx:
        assert (await tx.promises([], ["e1", "e2", "e3"])).slas == {"e1": "Gold"}
