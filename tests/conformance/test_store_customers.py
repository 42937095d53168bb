"""What rules may learn of customers, products, devices and agents from any store."""

from datetime import date
from typing import Any
from uuid import UUID

from rows import a_contact, email, wanted
from worlds import World, on_a_new_desk

from pipeline.domain.customers import CustomerFacts
from pipeline.domain.matching import Party, Ref


async def customers(world: World, **asked: Any) -> CustomerFacts:  # noqa: ANN401  # any of what may be asked
    async with world.store.transaction() as tx:
        return await tx.customers(**asked)


@on_a_new_desk
async def test_nothing_is_known_on_a_new_desk(world: World) -> None:
    nobody = UUID(int=1)
    asked = {"contacts": [nobody], "accounts": [nobody], "devices": ["pump-7"], "products": ["P100"]}
    assert await customers(world, **asked) == CustomerFacts()
    assert await customers(world) == CustomerFacts()


@on_a_new_desk
async def test_a_contact_is_known_with_its_account(world: World) -> None:
    acme = await world.add_account("acme")
    async with world.store.transaction() as tx:
        made = await tx.create_contacts([a_contact("ana@x.example", account_id=acme.id)])
    ana = made[email("ana@x.example")].contact
    assert ana is not None
    known = await customers(world, contacts=[ana.id], accounts=[acme.id])
    assert known.contacts[ana.id].record() == {"external_id": None, "name": "ana", "account": "acme"}
    assert known.accounts[acme.id].record() == {"external_id": "acme", "name": "acme", "parent": None}


@on_a_new_desk
async def test_a_device_is_of_its_product_and_of_those_above(world: World) -> None:
    pumps = await world.add_product("pumps", thresholds={"overheat": {"above": 70}, "silent": {"after_s": 60}})
    p100 = await world.add_product("P100", parent=pumps, thresholds={"overheat": {"above": 80}})
    acme = await world.add_account("acme")
    device = await world.add_device("pump-7", account=acme, product=p100, warranty_until=date(2027, 1, 31))
    known = (await customers(world, devices=["pump-7", "pump-8"], products=["pumps"])).devices["pump-7"]
    assert (known.ref, known.account, known.product and known.product.ref) == (device, acme, p100)
    assert known.thresholds == {"overheat": {"above": 80}, "silent": {"after_s": 60}}
    assert known.record() == {
        "external_id": "pump-7",
        "name": "pump-7",
        "account": "acme",
        "product": "P100",
        "products": ["P100", "pumps"],
        "gateway": None,
        "warranty_until": "2027-01-31",
    }


@on_a_new_desk
async def test_a_product_is_told_with_what_it_is_a_part_of(world: World) -> None:
    pumps = await world.add_product("pumps")
    await world.add_product("P100", parent=pumps)
    known = (await customers(world, products=["P100", "pumps"])).products
    assert {name: product.lineage for name, product in known.items()} == {
        "P100": ("P100", "pumps"),
        "pumps": ("pumps",),
    }


@on_a_new_desk
async def test_an_agent_is_found_by_their_address_and_never_made_a_contact(world: World) -> None:
    rui = await world.add_agent("rui", email("rui@desk.example"))
    assert rui == Ref(rui.id, "rui", "rui")
    found = Party(None, None, "identity", rui)
    async with world.store.transaction() as tx:
        assert (await tx.read(wanted(identities=[email("rui@desk.example")]))).parties == {
            email("rui@desk.example"): found
        }
        made = await tx.create_contacts([a_contact("rui@desk.example")])
    assert made[email("rui@desk.example")].agent == rui
    assert made[email("rui@desk.example")].contact is None
