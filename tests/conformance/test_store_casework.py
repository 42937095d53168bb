"""What casework may rely on in any store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

from rows import NOW, a_case, a_contact, a_message, an_activity, email, wanted
from worlds import World, on_a_new_desk

from pipeline.domain.activities import Activity, KnownRecord, RecordName
from pipeline.domain.cases import Case
from pipeline.domain.matching import Identity, Ref
from pipeline.domain.merging import MergeRecord
from pipeline.domain.threading import ThreadLink
from pipeline.store.casework_ports import (
    Correspondence,
    DeedRow,
    Family,
    Finished,
    Moved,
    WorkActivity,
    WorkChanges,
    WorkFacts,
    WorkWanted,
)
from pipeline.store.ports import Changes, NewActivity, Wanted


async def opened(world: World, *cases: Case, activities: Sequence[NewActivity] = ()) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=list(cases), activities=list(activities)))


async def do(world: World, **changes: object) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(work=WorkChanges(**changes)))  # type: ignore[arg-type]  # any of its fields


async def work(world: World, **wanted: object) -> WorkFacts:
    async with world.store.transaction() as tx:
        return await tx.work(WorkWanted(**wanted))  # type: ignore[arg-type]  # any of its fields


def a_call(case: Case | None, **values: object) -> WorkActivity:
    known = {"id": uuid4(), "case_id": case and case.id, "kind": "phone", "direction": "in", "state": "closed",
             "subject": "Call", "body": "", "at": NOW, "duration_s": 960, "billable_s": 900, **values}  # fmt: skip
    return WorkActivity(**known)  # type: ignore[arg-type]  # any of its fields


async def of_case(world: World, case: Case) -> list[Activity]:
    return list((await work(world, cases={case.id})).of_case.get(case.id, ()))


@on_a_new_desk
async def test_nothing_is_known_of_a_case_that_nobody_worked_on(world: World) -> None:
    case = a_case(1001)
    await opened(world, case)
    assert await work(world, cases={case.id}, activities={uuid4()}, merges={case.id}, agents={"ana"}) == WorkFacts()
    async with world.store.transaction() as tx:
        assert await tx.family({case.id}) == Family()


@on_a_new_desk
async def test_children_are_known_down_to_the_last_and_parents_up_to_the_first(world: World) -> None:
    top = a_case(1001)
    middle = a_case(1002, parent=top.id, state="resolved", status="no answer")
    low = a_case(1003, parent=middle.id)
    await opened(world, top, middle, low)
    async with world.store.transaction() as tx:
        family = await tx.family({top.id, low.id})
    assert family.children == {top.id: sorted([middle.id, low.id])}
    assert {case: set(above) for case, above in family.ancestors.items()} == {low.id: {middle.id, top.id}}


@on_a_new_desk
async def test_an_activity_of_an_agent_is_read_as_it_was_written(world: World) -> None:
    case = a_case(1001)
    call = a_call(case, agent="ana")
    await opened(world, case, activities=[an_activity(case, "Help.")])
    await do(world, activities=[call])
    mail, known = sorted(await of_case(world, case), key=lambda one: one.kind)
    assert (mail.kind, mail.billable_s, mail.sender) == ("email", None, "ana@x.example")
    assert known == Activity(
        id=call.id, case_id=case.id, kind="phone", direction="in", state="closed", at=NOW, subject="Call", owner="ana",
        duration_s=960, billable_s=900,
    )  # fmt: skip
    assert (await work(world, activities={call.id})).activities == {call.id: known}


@on_a_new_desk
async def test_what_is_consumed_is_marked_once_and_unmarked_again(world: World) -> None:
    case = a_case(1001)
    calls = [a_call(case), a_call(case, state="open"), a_call(case, kind="resolution"), a_call(case, billable_s=None)]
    await opened(world, case)
    await do(world, activities=calls)
    await do(world, consumed=[(case.id, NOW)])
    assert [one.id for one in await of_case(world, case) if one.consumed] == [calls[0].id]
    await do(world, restored=[case.id])
    assert not any(one.consumed for one in await of_case(world, case))


@on_a_new_desk
async def test_what_is_open_ends_once(world: World) -> None:
    case = a_case(1001)
    task = a_call(case, kind="task", state="open", duration_s=None, billable_s=None)
    await opened(world, case)
    await do(world, activities=[task])
    await do(world, finished=[Finished(task.id, "closed", NOW, 60, 60)])
    await do(world, finished=[Finished(task.id, "cancelled", NOW)])
    (known,) = await of_case(world, case)
    assert (known.state, known.duration_s, known.billable_s) == ("closed", 60, 60)


@on_a_new_desk
async def test_a_moved_message_takes_with_it_what_answers_it(world: World) -> None:
    one, other = a_case(1001), a_case(1002)
    activity = an_activity(one, "Help.")
    mail = a_message("k", source_id="<a@x>", activity_id=activity.id, case_id=one.id)
    links = [ThreadLink(key, one.id, own=own, contact_id=None) for key, own in (("<a@x>", True), ("<b@x>", False))]
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[one, other], activities=[activity], messages=[mail], links=links))
    await do(world, moved=[Moved(activity.id, other.id, carries_links=True)])
    assert await of_case(world, one) == []
    assert [known.id for known in await of_case(world, other)] == [activity.id]
    async with world.store.transaction() as tx:
        facts = await tx.read(wanted_ids("<a@x>", "<b@x>"))
    assert {key: [link.case_id for link in found] for key, found in facts.links.items()} == {
        "<a@x>": [other.id],
        "<b@x>": [one.id],
    }


@on_a_new_desk
async def test_a_merge_is_remembered_until_it_is_undone(world: World) -> None:
    one, other, into = a_case(1001), a_case(1002), a_case(1003, participants=frozenset())
    await opened(world, one, other, into)
    first = MergeRecord(merged=one.id, into=into.id, at=NOW, state="active", status="in progress",
                        own_waiting_since=NOW, activities=(uuid4(),), participants=("ana@x.example",))  # fmt: skip
    second = replace(first, merged=other.id, at=NOW + timedelta(hours=1))
    async with world.store.transaction() as tx:
        await tx.write(Changes(participants=[(into.id, "ana@x.example"), (into.id, "eva@x.example")]))
    await do(world, merged=[first, second])
    assert (await work(world, merges={one.id})).merges == {one.id: first}
    async with world.store.transaction() as tx:
        assert (await tx.family({into.id})).merged == {into.id: [other.id, one.id]}
    await do(world, unmerged=[one.id], left=[(into.id, "ana@x.example")])
    assert (await work(world, merges={one.id})).merges == {}
    async with world.store.transaction() as tx:
        assert (await tx.lock_cases({into.id}))[into.id].participants == {"eva@x.example"}


@on_a_new_desk
async def test_agents_are_found_by_their_external_ids(world: World) -> None:
    ana = await world.add_agent("ana", Identity("email", "ana@desk.example"))
    assert (await work(world, agents={"ana", "nobody"})).agents == {"ana": ana}


@on_a_new_desk
async def test_a_customer_is_answered_where_they_wrote_last(world: World) -> None:
    async with world.store.transaction() as tx:
        made = await tx.create_contacts([a_contact("ana@x.example")])
    ana = made[email("ana@x.example")].contact
    assert ana is not None
    case, silent = a_case(1001, contact=ana), a_case(1002, contact=ana, origin="phone")
    first, last = (replace(an_activity(case, text), contact_id=ana.id, at=at)
                   for text, at in (("Help.", NOW), ("Well?", NOW + timedelta(hours=1))))  # fmt: skip
    strange = replace(an_activity(case, "Me too."), sender="eva@x.example", at=NOW + timedelta(hours=2))
    mail = a_message("k", source_id="<last@x>", activity_id=last.id, case_id=case.id)
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case, silent], activities=[first, last, strange], messages=[mail]))
    assert (await work(world, answers={case.id, silent.id})).answers == {
        case.id: Correspondence("email", "ana@x.example", "<last@x>", ["ana@x.example"]),
        silent.id: Correspondence("phone", "ana@x.example", None, ["ana@x.example"]),
    }


@on_a_new_desk
async def test_a_deed_is_kept(world: World) -> None:
    case = a_case(1001)
    await opened(world, case)
    await do(world, deeds=[DeedRow(UUID(int=7), case.id, NOW, "agent", "ana", "Note", {"text": "So."}, None)])


def wanted_ids(*ids: str) -> Wanted:
    return wanted(claim=set(ids))


@on_a_new_desk
async def test_records_are_found_by_their_names(world: World) -> None:
    acme = await world.add_account("acme", "acme.example")
    product = await world.add_product("P100")
    pump = await world.add_device("pump-7", acme, product, date(2027, 1, 31))
    contact = a_contact("ana@acme.example", account_id=acme.id)
    async with world.store.transaction() as tx:
        await tx.create_contacts([contact])
    by_address, by_id = RecordName("contact", "Ana@acme.example"), RecordName("contact", str(contact.id))
    asked = {by_address, by_id, RecordName("account", "acme"), RecordName("device", "pump-7"),
             RecordName("device", "pump-8"), RecordName("entitlement", "e1"), RecordName("article", "a1")}  # fmt: skip
    found = (await work(world, records=asked)).records
    known = KnownRecord(Ref(contact.id, None, "ana"), acme)
    assert found == {by_address: known, by_id: known, RecordName("account", "acme"): KnownRecord(acme),
                     RecordName("device", "pump-7"): KnownRecord(pump, acme)}  # fmt: skip


@on_a_new_desk
async def test_an_open_activity_becomes_somebodys(world: World) -> None:
    case = a_case(1001)
    await opened(world, case)
    open_, closed = a_call(case, kind="task", state="open"), a_call(case, kind="task")
    await do(world, activities=[open_, closed])
    await do(world, owned=[(open_.id, "ana"), (closed.id, "ana")])
    assert {one.id: one.owner for one in await of_case(world, case)} == {open_.id: "ana", closed.id: None}
    await do(world, owned=[(open_.id, None)])
    assert [one.owner for one in await of_case(world, case)] == [None, None]
