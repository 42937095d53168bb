"""What intake and casework may rely on in any store where entitlements are concerned."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from rows import NOW, a_case
from worlds import World, on_a_new_desk

from pipeline.domain.entitlement import Entitlement, Terms
from pipeline.domain.entitlement_use import Line, Work
from pipeline.domain.matching import Identity
from pipeline.store.casework_ports import WorkActivity, WorkChanges
from pipeline.store.channel_ports import ChannelChanges, ToldActivity
from pipeline.store.entitlement_ports import EntitlementChanges, EntitlementFacts, EntitlementWanted
from pipeline.store.ports import Changes, NewContact

TERMS = Terms(allotment="hours", total=7200, channels={"phone": 3600}, only_listed=True, decrement_on="resolution")


async def asked(world: World, **wanted: Any) -> EntitlementFacts:  # noqa: ANN401  # any part of it
    async with world.store.transaction() as tx:
        return await tx.entitlements(EntitlementWanted(**{"since": NOW, **wanted}))


async def draw(world: World, *lines: Line, exhausted: bool = False) -> None:
    changes = EntitlementChanges([(line, NOW) for line in lines], {"e1": NOW} if exhausted else {})
    async with world.store.transaction() as tx:
        await tx.write(Changes(entitlements=changes))


def a_line(case_id: UUID, units: int, turn: int = 1, **fields: Any) -> Line:  # noqa: ANN401  # any field of it
    return replace(Line(case_id, "e1", "open", turn, units, "email"), **fields)


def a_call(case_id: UUID | None, seconds: int | None, **fields: Any) -> ToldActivity:  # noqa: ANN401  # any field of it
    call = ToldActivity(
        id=uuid4(), case_id=case_id, kind="phone", direction="in", state="closed", result="completed", subject="Call",
        body="", sender="+4930123", recipient=None, agent=None, contact_id=None, at=NOW, billable_s=seconds,
    )  # fmt: skip
    return replace(call, **fields)


@on_a_new_desk
async def test_nothing_is_known_on_a_new_desk(world: World) -> None:
    found = await asked(world, accounts=[uuid4()], contacts=[uuid4()], devices=["d"], names=["e"], cases=[uuid4()])
    assert found == EntitlementFacts()


@on_a_new_desk
async def test_an_entitlement_comes_back_as_it_was_agreed(world: World) -> None:
    acme = await world.add_account("acme")
    one = Entitlement(
        external_id="e1", terms=TERMS, account=acme.id, products=frozenset({"P100", "P200"}), starts=NOW,
        ends=NOW + timedelta(days=365), default=True, sla="Gold",
    )  # fmt: skip
    await world.add_entitlement(one)
    assert (await asked(world, accounts=[acme.id])).entitlements == {"e1": one}
    assert (await asked(world, names=["e1"])).entitlements == {"e1": one}


@on_a_new_desk
async def test_those_of_a_customer_are_its_accounts_its_own_and_its_devices(world: World) -> None:
    acme, other = await world.add_account("acme"), await world.add_account("other")
    async with world.store.transaction() as tx:
        ana = NewContact(uuid4(), "Ana", Identity("email", "ana@x.example"), None, NOW)
        await tx.create_contacts([ana])
    for one in (
        Entitlement(external_id="of account", terms=TERMS, account=acme.id),
        Entitlement(external_id="of another", terms=TERMS, account=other.id),
        Entitlement(external_id="of contact", terms=TERMS, contacts=frozenset({ana.id})),
        Entitlement(external_id="of contact in account", terms=TERMS, account=other.id, contacts=frozenset({ana.id})),
        Entitlement(external_id="on device", terms=TERMS, device="pump-7"),
    ):
        await world.add_entitlement(one)
    assert [*(await asked(world, accounts=[acme.id])).entitlements] == ["of account"]
    assert [*(await asked(world, contacts=[ana.id])).entitlements] == ["of contact"]
    assert [*(await asked(world, devices=["pump-7", "pump-8"])).entitlements] == ["on device"]
    whole = await asked(world, accounts=[acme.id, other.id], contacts=[ana.id], devices=["pump-7"])
    assert [*whole.entitlements] == ["of account", "of another", "of contact", "of contact in account", "on device"]


@on_a_new_desk
async def test_those_that_run_no_more_are_not_told_unless_by_name(world: World) -> None:
    acme = await world.add_account("acme")
    running = Entitlement(external_id="e1", terms=TERMS, account=acme.id)
    for one in (
        running,
        replace(running, external_id="draft", state="draft"),
        replace(running, external_id="cancelled", state="cancelled"),
        replace(running, external_id="over", ends=NOW),
        replace(running, external_id="later", starts=NOW + timedelta(days=1)),
    ):
        await world.add_entitlement(one)
    assert [*(await asked(world, accounts=[acme.id])).entitlements] == ["e1", "later"]
    assert [*(await asked(world, names=["over", "draft"])).entitlements] == ["draft", "over"]


@on_a_new_desk
async def test_lines_add_up_to_what_is_used_and_come_back_in_order(world: World) -> None:
    acme, case = await world.add_account("acme"), a_case(1001)
    await world.add_entitlement(Entitlement(external_id="e1", terms=TERMS, account=acme.id))
    call = uuid4()
    talk = a_line(case.id, 900, 2, activity=call, channel="phone")
    lines = [a_line(case.id, 1), talk, a_line(case.id, 5, 3, channel=None)]
    await draw(world, *lines)
    await draw(world, back := a_line(case.id, -1, 4))
    found = await asked(world, cases=[case.id, uuid4()])
    assert found.lines == {case.id: [*lines, back]}
    assert await world.used("e1") == (905, {"email": 0, "phone": 900}, False)


@on_a_new_desk
async def test_a_line_told_twice_counts_once(world: World) -> None:
    acme, case = await world.add_account("acme"), uuid4()
    await world.add_entitlement(Entitlement(external_id="e1", terms=TERMS, account=acme.id))
    await draw(world, a_line(case, 1))
    await draw(world, a_line(case, 1), a_line(case, 3, 2))
    assert (await world.used("e1"))[:2] == (4, {"email": 4})


@on_a_new_desk
async def test_that_it_is_used_up_is_kept(world: World) -> None:
    acme = await world.add_account("acme")
    await world.add_entitlement(Entitlement(external_id="e1", terms=TERMS, account=acme.id))
    await draw(world, a_line(uuid4(), 7200), exhausted=True)
    assert (await asked(world, names=["e1"])).entitlements["e1"].exhausted


@on_a_new_desk
async def test_work_is_what_is_closed_and_billable(world: World) -> None:
    acme, case, other = await world.add_account("acme"), a_case(1001, origin="messenger"), a_case(1002)
    await world.add_entitlement(Entitlement(external_id="e1", terms=TERMS, account=acme.id))
    calls = [
        a_call(case.id, 900),
        a_call(case.id, 60, kind="note", at=NOW + timedelta(seconds=1)),
        a_call(case.id, 30, kind="social", at=NOW + timedelta(seconds=2)),
    ]
    correction = WorkActivity(
        id=uuid4(), case_id=case.id, kind="note", direction="internal", state="closed", subject="", body="",
        at=NOW + timedelta(seconds=3), billable_s=-300, adjusts=True,
    )  # fmt: skip
    nothing = [a_call(case.id, None), a_call(case.id, 0), a_call(case.id, 7, state="open"), a_call(None, 8)]
    said = a_call(case.id, 690, kind="resolution", at=NOW + timedelta(seconds=4))
    channels = ChannelChanges([*calls, *nothing, said, a_call(other.id, 1)])
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case, other], channels=channels, work=WorkChanges([correction])))
    found = await asked(world, names=["e1"], worked=[case.id])
    assert found.work == {
        case.id: [
            Work(calls[0].id, "phone", 900),
            Work(calls[1].id, None, 60),
            Work(calls[2].id, "facebook", 30),
            Work(correction.id, None, -300, adjusts=True),
        ]
    }


def test_whoever_asks_second_waits_and_sees_what_the_first_took(world: Callable[[], Any]) -> None:
    @on_a_new_desk
    async def two_at_once(world: World) -> None:
        acme = await world.add_account("acme")
        await world.add_entitlement(Entitlement(external_id="e1", terms=TERMS, account=acme.id))

        async def second() -> int:
            async with world.other.transaction() as tx:
                found = await tx.entitlements(EntitlementWanted(since=NOW, accounts=[acme.id]))
                return found.entitlements["e1"].used

        async with world.store.transaction() as tx:
            await tx.entitlements(EntitlementWanted(since=NOW, accounts=[acme.id]))
            waiting = asyncio.ensure_future(second())
            done, _ = await asyncio.wait([waiting], timeout=0.1)
            assert not done
            await tx.write(Changes(entitlements=EntitlementChanges([(a_line(uuid4(), 3), NOW)])))
        assert await waiting == 3

    two_at_once(world)


@pytest.mark.parametrize("wanted", [{}, {"accounts": [], "names": []}])
def test_a_batch_without_customers_asks_nothing(wanted: dict[str, Any]) -> None:
    assert not EntitlementWanted(since=NOW, **wanted)
