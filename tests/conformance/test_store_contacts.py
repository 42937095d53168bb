"""What merging contacts may rely on in any store."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from rows import NOW, a_case, a_contact, email
from worlds import World, on_a_new_desk

from pipeline.domain.contacts import ContactMerge, KnownContact, MovedCase
from pipeline.domain.matching import Identity, Ref
from pipeline.domain.threading import ThreadLink
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.ports import Changes, NewContact, Wanted


async def made(world: World, *contacts: NewContact) -> list[Ref]:
    async with world.store.transaction() as tx:
        parties = await tx.create_contacts(contacts)
    found = [parties[contact.identity].contact for contact in contacts]
    return [contact for contact in found if contact is not None]


async def write(world: World, **changes: Any) -> None:  # noqa: ANN401  # any of what is written
    async with world.store.transaction() as tx:
        await tx.write(Changes(contacts=ContactChanges(**changes)))


async def known(world: World, *contacts: Ref) -> dict[UUID, KnownContact]:
    async with world.store.transaction() as tx:
        return dict(await tx.lock_contacts([contact.id for contact in contacts]))


def a_merge(contact: Ref, into: Ref, **fields: Any) -> ContactMerge:  # noqa: ANN401  # any field of a merge
    return ContactMerge(id=uuid4(), contact=contact.id, into=into.id, at=NOW, actor="rui", **fields)


@on_a_new_desk
async def test_a_contact_is_found_by_what_it_is_called(world: World) -> None:
    ana, rui = await made(world, a_contact("ana@x.example"), replace(a_contact("rui"), identity=PHONE))
    async with world.store.transaction() as tx:
        found = await tx.find_contacts(["ANA@x.example ", str(ana.id), "+49 (30) 123-4567", "nobody", str(uuid4())])
    assert {name: set(ids) for name, ids in found.items() if ids} == {
        "ANA@x.example ": {ana.id},
        str(ana.id): {ana.id},
        "+49 (30) 123-4567": {rui.id},
    }


PHONE = Identity("phone", "+49301234567")


@on_a_new_desk
async def test_a_contact_is_known_with_its_account_and_all_it_is_known_by(world: World) -> None:
    acme = await world.add_account("acme")
    (ana,) = await made(world, a_contact("ana@x.example", account_id=acme.id))
    assert await known(world, ana) == {ana.id: KnownContact(ana, acme, (email("ana@x.example"),))}
    assert await known(world, Ref(uuid4(), None, "nobody")) == {}


@on_a_new_desk
async def test_a_merge_moves_identities_and_is_kept_with_what_came(world: World) -> None:
    acme = await world.add_account("acme")
    ana, eva = await made(world, a_contact("ana@x.example"), a_contact("eva@x.example"))
    moved = MovedCase(uuid4(), None, acme)
    merge = a_merge(ana, eva, identities=(email("ana@x.example"),), cases=(moved,), absorbed=(uuid4(),))
    await write(world, identities={email("ana@x.example"): eva.id}, survivors={ana.id: eva.id}, merged=[merge])
    found = await known(world, ana)
    assert found[ana.id] == KnownContact(ana, survivor=eva.id, merge=merge)
    both = (email("ana@x.example"), email("eva@x.example"))
    assert found[eva.id] == KnownContact(eva, identities=both, absorbed=(ana.id,))


@on_a_new_desk
async def test_an_undone_merge_stands_no_more(world: World) -> None:
    ana, eva = await made(world, a_contact("ana@x.example"), a_contact("eva@x.example"))
    merge = a_merge(ana, eva)
    await write(world, survivors={ana.id: eva.id}, merged=[merge])
    await write(world, survivors={ana.id: None}, undone={merge.id: NOW})
    assert await known(world, ana) == {ana.id: KnownContact(ana, identities=(email("ana@x.example"),))}
    again = a_merge(ana, eva)
    await write(world, survivors={ana.id: eva.id}, merged=[again])
    assert (await known(world, ana))[ana.id].merge == again


@on_a_new_desk
async def test_a_contact_has_cases_in_every_state(world: World) -> None:
    (ana,) = await made(world, a_contact("ana@x.example"))
    mine = [a_case(1001, contact=ana), a_case(1002, contact=ana, state="resolved", status="problem solved")]
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[*mine, a_case(1003)]))
        assert set(await tx.cases_of(ana.id)) == {case.id for case in mine}


@on_a_new_desk
async def test_what_a_merged_contact_wrote_counts_as_the_other_ones(world: World) -> None:
    ana, eva = await made(world, a_contact("ana@x.example"), a_contact("eva@x.example"))
    link = ThreadLink("<a@x>", uuid4(), own=False, contact_id=ana.id)
    async with world.store.transaction() as tx:
        await tx.write(Changes(links=[link], contacts=ContactChanges(survivors={ana.id: eva.id})))
    async with world.store.transaction() as tx:
        facts = await tx.read(Wanted(["<a@x>"], (), (), (), ()))
    assert facts.links == {"<a@x>": [replace(link, contact_id=eva.id)]}
