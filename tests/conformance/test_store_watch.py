"""What rules on readings may rely on in any store."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from rows import NOW, a_case, an_activity, an_event
from worlds import World, on_a_new_desk

from pipeline.domain.alarm_rules import RuleAlarm
from pipeline.store.ports import Changes
from pipeline.store.watch_ports import AlarmGroup, Member, NewCommand, WatchChanges, Watched, WatchFacts

ALARM = RuleAlarm(
    device="pump-7", rule="overheat", source="/mqtt/plant", state="active", holding={"temperature": 1}, level=1,
    severity="high", text="hot", raised_at=NOW, changed_at=NOW, flaps=2, group_key="gw-1", case_id=uuid4(),
)  # fmt: skip


async def write(world: World, changes: WatchChanges) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(watch=changes))


async def known(world: World, *devices: str) -> WatchFacts:
    async with world.store.transaction() as tx:
        return await tx.watched(devices, NOW)


@on_a_new_desk
async def test_nothing_is_known_of_a_device_at_first(world: World) -> None:
    found = await known(world, "pump-7")
    assert (dict(found.devices), dict(found.alarms), list(found.windows)) == ({}, {}, [])


@on_a_new_desk
async def test_a_device_and_its_alarms_come_back_as_they_were(world: World) -> None:
    watched = Watched("pump-7", "/mqtt/plant", NOW, frozenset({"silent"}))
    pending = RuleAlarm(
        device="pump-7", rule="lasting", source="/mqtt/plant", state="pending", since=NOW, due=NOW, changed_at=NOW
    )
    alarms = {("pump-7", "overheat"): ALARM, ("pump-7", "lasting"): pending}
    await write(world, WatchChanges(devices=[watched], alarms=dict(alarms)))
    found = await known(world, "pump-7", "pump-8")
    assert dict(found.devices) == {"pump-7": watched}
    assert dict(found.alarms) == alarms


@on_a_new_desk
async def test_a_row_is_replaced_and_may_go(world: World) -> None:
    name = ("pump-7", "overheat")
    await write(world, WatchChanges(alarms={name: ALARM}))
    cleared = replace(ALARM, state="cleared", holding={}, level=None, cleared_at=NOW)
    await write(world, WatchChanges(alarms={name: cleared}))
    assert dict((await known(world, "pump-7")).alarms) == {name: cleared}
    await write(world, WatchChanges(alarms={name: None}))
    assert dict((await known(world, "pump-7")).alarms) == {}


@on_a_new_desk
async def test_a_group_has_its_active_members_since_a_time(world: World) -> None:
    others = {
        "pump-1": replace(ALARM, device="pump-1", raised_at=NOW - timedelta(hours=1)),
        "pump-2": replace(ALARM, device="pump-2", state="cleared"),
        "pump-3": replace(ALARM, device="pump-3", group_key="gw-2"),
        "pump-4": replace(ALARM, device="pump-4", rule="other"),
    }
    alarms: dict[tuple[str, str], RuleAlarm | None] = {(one.device, one.rule): one for one in (ALARM, *others.values())}
    await write(world, WatchChanges(alarms=alarms))
    async with world.store.transaction() as tx:
        groups = await tx.lock_groups([("overheat", "gw-1")], NOW - timedelta(minutes=2))
        await tx.write(Changes(watch=WatchChanges(groups=[AlarmGroup("overheat", "gw-1", UUID(int=7))])))
    group = groups["overheat", "gw-1"]
    assert (group.case_id, list(group.members)) == (None, [Member("pump-7", NOW, ALARM.case_id)])
    async with world.store.transaction() as tx:
        assert (await tx.lock_groups([("overheat", "gw-1")], NOW))["overheat", "gw-1"].case_id == UUID(int=7)
        assert await tx.lock_groups([], NOW) == {}


@on_a_new_desk
async def test_a_case_is_touched_by_people_alone(world: World) -> None:
    alone, written, ordered = (a_case(1001 + n) for n in range(3))
    told = replace(an_event(1, "case.updated", key=str(ordered.id)), data={"actor": {"kind": "agent", "id": None}})
    ruled = replace(an_event(1, "case.opened", key=str(alone.id)), data={"actor": {"kind": "device", "id": "pump-7"}})
    reading = replace(an_activity(alone, "hot"), kind="iot")
    async with world.store.transaction() as tx:
        await tx.write(
            Changes(
                opened=[alone, written, ordered],
                activities=[reading, an_activity(written, "Is it mended?")],
                events=[told, ruled],
            )
        )
    async with world.store.transaction() as tx:
        assert set(await tx.touched_cases([alone.id, written.id, ordered.id])) == {written.id, ordered.id}
        assert set(await tx.touched_cases([])) == set()


@on_a_new_desk
async def test_a_command_is_written_once(world: World) -> None:
    command = NewCommand(
        id=uuid4(), device="pump-7", name="reset", source="/mqtt/plant", rule="overheat", case_id=None,
        activity_id=None, created_at=NOW, expires_at=NOW + timedelta(minutes=15),
    )  # fmt: skip
    await write(world, WatchChanges(commands=[command]))
