"""What intake may rely on in any store when messages tell of calls, social items and devices."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from rows import NOW, a_case, a_letter, email, wanted
from worlds import World, on_a_new_desk

from pipeline.domain.alarms import Alarm
from pipeline.domain.callbacks import Caller
from pipeline.domain.calls import CallTold
from pipeline.domain.matching import Identity, Party
from pipeline.domain.posts import PostTold
from pipeline.errors import Retry
from pipeline.store.channel_ports import (
    MOST_ACTIVE,
    About,
    ChannelChanges,
    ChannelFacts,
    ChannelWanted,
    DeviceState,
    StoredActivity,
    Told,
    ToldActivity,
    Value,
)
from pipeline.store.ports import Changes, NewContact

RING = CallTold(state="ringing", direction="in", caller="+4930123", started_at=NOW)
HANGUP = CallTold(state="missed", ended_at=NOW + timedelta(seconds=30))
ALARM = Alarm(
    device="pump-7", name="overheat", active=True, severity="major", text="hot", raised_at=NOW, changed_at=NOW
)


def an_activity(*told: Told, kind: str = "phone", case_id: UUID | None = None) -> ToldActivity:
    return ToldActivity(
        id=uuid4(), case_id=case_id, kind=kind, direction="in", state="open", result="ringing", subject="Call", body="",
        sender="+4930123", recipient=None, agent=None, contact_id=None, at=NOW, started_at=NOW, earlier=("a", "b"),
        told=told,
    )  # fmt: skip


async def write(world: World, **changes: list[object]) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(channels=ChannelChanges(**changes)))  # type: ignore[arg-type]  # any of its lists


async def known(world: World, **asked: object) -> ChannelFacts:
    async with world.store.transaction() as tx:
        return (await tx.read(wanted(channels=ChannelWanted(**asked)))).channels  # type: ignore[arg-type]  # any of them


@on_a_new_desk
async def test_nothing_is_known_on_a_new_desk(world: World) -> None:
    nothing = await known(world, about=["k"], conversations=["k"], alarms=[("a", "b")], states=[("a", "b")])
    assert nothing == ChannelFacts()


@on_a_new_desk
async def test_a_call_is_found_by_each_of_its_keys_with_all_that_was_told(world: World) -> None:
    call, first = an_activity(RING, HANGUP), uuid4()
    await write(world, activities=[call], about=[About("k", call.id, first), About("other", call.id, first)])
    found = (await known(world, about=["k", "other", "none"])).activities
    stored = StoredActivity(call.id, first, None, None, (RING, HANGUP))
    assert found == {"k": stored, "other": stored}


@on_a_new_desk
async def test_an_item_comes_back_as_it_was_told(world: World) -> None:
    told = (PostTold(at=NOW, text="It burns."), PostTold(at=NOW, removed=True, hidden=None))
    item = an_activity(*told, kind="social")
    await write(world, activities=[item], about=[About("k", item.id, uuid4())])
    assert (await known(world, about=["k"])).activities["k"].told == told


@on_a_new_desk
async def test_an_activity_written_again_is_replaced_and_knows_its_case_and_contact(world: World) -> None:
    case = a_case(1001)
    contact = NewContact(uuid4(), "Ana", Identity("phone", "+4930123"), None, NOW)
    call = an_activity(RING)
    async with world.store.transaction() as tx:
        party = (await tx.create_contacts([contact]))[contact.identity]
        await tx.write(Changes(opened=[case], channels=ChannelChanges([call], [About("k", call.id, call.id)])))
    later = replace(call, case_id=case.id, contact_id=contact.id, told=(RING, HANGUP), state="closed")
    await write(world, activities=[later])
    found = (await known(world, about=["k"])).activities["k"]
    assert (found.case_id, found.told) == (case.id, (RING, HANGUP))
    assert found.party == Party(party.contact, None, "identity")


@on_a_new_desk
async def test_a_key_may_come_to_mean_another_activity(world: World) -> None:
    old, new = an_activity(RING), an_activity(HANGUP)
    await write(world, activities=[old, new], about=[About("k", old.id, old.id)])
    await write(world, about=[About("k", new.id, new.id)])
    assert (await known(world, about=["k"])).activities["k"].id == new.id


@on_a_new_desk
async def test_a_conversation_has_the_case_it_had_last(world: World) -> None:
    first, second = uuid4(), uuid4()
    await write(world, conversations=[("k", first), ("other", first)])
    await write(world, conversations=[("k", second)])
    assert (await known(world, conversations=["k", "other"])).conversations == {"k": second, "other": first}


@on_a_new_desk
async def test_an_alarm_is_one_row_however_often_it_moves(world: World) -> None:
    cleared = replace(ALARM, active=False, cleared_at=NOW, case_id=uuid4())
    await write(world, alarms=[ALARM])
    await write(world, alarms=[cleared])
    assert (await known(world, alarms=[("pump-7", "overheat"), ("pump-7", "x")])).alarms == {
        ("pump-7", "overheat"): cleared
    }


@on_a_new_desk
async def test_an_older_value_changes_nothing(world: World) -> None:
    newer = DeviceState("pump-7", "temperature", 81, NOW, NOW)
    await write(world, states=[newer])
    await write(world, states=[newer._replace(value=12, at=NOW - timedelta(seconds=1))])
    assert (await known(world, states=[("pump-7", "temperature")])).states == {("pump-7", "temperature"): newer}


@pytest.mark.parametrize("value", [0, -7, 2**63, True, "up", None, 81.5])
def test_any_value_of_a_device_is_kept(world: object, value: Value) -> None:
    @on_a_new_desk
    async def kept(world: World) -> None:
        await write(world, states=[DeviceState("pump-7", "x", value, NOW, NOW)])
        found = (await known(world, states=[("pump-7", "x")])).states["pump-7", "x"]
        assert (found.value, type(found.value)) == (value, type(value))

    kept(world)  # type: ignore[arg-type]  # the fixture


@pytest.mark.parametrize("value", [Decimal("1E+400"), Decimal("1E+99999"), float("nan"), float("inf"), Decimal("NaN")])
def test_a_value_that_no_number_holds_does_no_harm(world: object, value: Value) -> None:
    @on_a_new_desk
    async def written(world: World) -> None:
        await write(world, states=[DeviceState("pump-7", "x", value, NOW, NOW)])

    written(world)  # type: ignore[arg-type]  # the fixture


@on_a_new_desk
async def test_active_cases_of_a_contact_are_told_up_to_a_few(world: World) -> None:
    ana, eva = (NewContact(uuid4(), name, email(f"{name}@x.example"), None, NOW) for name in ("ana", "eva"))
    async with world.store.transaction() as tx:
        made = await tx.create_contacts([ana, eva])
        cases = [a_case(1001 + n, contact=made[ana.identity].contact) for n in range(MOST_ACTIVE + 2)]
        cases[0].state, cases[0].status = "resolved", "problem solved"
        await tx.write(Changes(opened=[*cases, a_case(2001)]))
    async with world.store.transaction() as tx:
        found = await tx.active_cases([ana.id, eva.id])
        assert await tx.active_cases([]) == {}
    assert {who: list(active) for who, active in found.items()} == {
        ana.id: [case.id for case in cases[1 : MOST_ACTIVE + 1]]
    }


@on_a_new_desk
async def test_a_number_is_not_an_address(world: World) -> None:
    by_number = NewContact(uuid4(), "Ana", Identity("phone", "x"), None, NOW)
    by_handle = NewContact(uuid4(), "Eva", Identity("social", "x"), None, NOW)
    async with world.store.transaction() as tx:
        await tx.create_contacts([by_number, by_handle])
    async with world.store.transaction() as tx:
        parties = (await tx.read(wanted(identities=[by_number.identity, by_handle.identity, email("x")]))).parties
    assert {identity: party.contact and party.contact.name for identity, party in parties.items()} == {
        by_number.identity: "Ana",
        by_handle.identity: "Eva",
    }


@on_a_new_desk
async def test_a_record_may_leave_a_letter_for_each_of_its_items(world: World) -> None:
    letters = [replace(a_letter(7), item=item) for item in (0, 3)]
    async with world.store.transaction() as tx:
        await tx.write(Changes(dead=letters))
    with pytest.raises(Retry):
        async with world.store.transaction() as tx:
            await tx.write(Changes(dead=[replace(a_letter(7), item=3)]))


@on_a_new_desk
async def test_whoever_claims_a_call_second_waits_and_sees_what_the_first_wrote(world: World) -> None:
    call = an_activity(RING)

    async def second() -> ChannelFacts:
        async with world.other.transaction() as tx:
            return (await tx.read(wanted(claim=["k"], channels=ChannelWanted(about=["k"])))).channels

    async with world.store.transaction() as tx:
        await tx.read(wanted(claim=["k"], channels=ChannelWanted(about=["k"])))
        waiting = asyncio.ensure_future(second())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await tx.write(Changes(channels=ChannelChanges([call], [About("k", call.id, call.id)])))
    assert (await waiting).activities["k"].told == (RING,)


@on_a_new_desk
async def test_a_caller_is_known_by_number_and_by_the_calls_with_it(world: World) -> None:
    caller = Caller("+4930123", answered_at=NOW, call_back=uuid4(), called_at=NOW + timedelta(seconds=1))
    call = an_activity(RING)
    await write(world, callers=[caller], activities=[call], about=[About("k", call.id, call.id)])
    assert (await known(world, callers=["+4930123", "+49555"])).callers == {"+4930123": caller}
    assert (await known(world, about=["k"])).callers == {"+4930123": caller}
    await write(world, callers=[Caller("+4930123", answered_at=NOW)])
    assert (await known(world, callers=["+4930123"])).callers == {"+4930123": Caller("+4930123", answered_at=NOW)}


@on_a_new_desk
async def test_an_activity_may_be_closed_in_the_batch_that_writes_it(world: World) -> None:
    old, new = an_activity(RING), an_activity(RING)
    await write(world, activities=[old], about=[About("k", old.id, old.id)])
    assert await world.open_activities() == {old.id}
    await write(world, activities=[new], closed=[old.id, new.id])
    assert (await known(world, about=["k"])).activities["k"].told == (RING,)
    assert await world.open_activities() == set()
