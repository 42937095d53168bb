"""What importing may rely on in any store: what was written is what is known."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from rows import NOW

from pipeline.domain.importing import Decision, Line
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Absence, Account, Agent, Article, Contact, Device, Product, Record
from pipeline.reference.importing import Imported, Importer
from pipeline.store.memory_reference import MemoryReference
from pipeline.store.reference import PostgresReference
from pipeline.store.reference_ports import ReferenceStore

EVERY_KIND: list[Record] = [
    Account(
        external_id="a1",
        name="Acme",
        parent="group",
        domains=("acme.example", "acme.test"),
        fields={"tier": "gold", "seats": 12},
        identities=(Identity("email", "info@acme.example"), Identity("phone", "+49891234*")),
    ),
    Account(external_id="group", name="Acme Group"),
    Product(external_id="P100", name="Pump", parent="pumps", thresholds={"overheat": {"above": 80}}),
    Product(external_id="pumps", name="Pumps"),
    Agent(
        external_id="rui",
        name="Rui",
        queues=("Support",),
        skills={"pump": 3},
        capacity=50,
        calendar="office",
        manager="eva",
        away=(Absence("2026-08-01", "2026-08-14"),),
        identities=(Identity("email", "rui@desk.example"),),
    ),
    Agent(external_id="eva", name="Eva"),
    Contact(
        external_id="c1",
        name="Ana",
        account="a1",
        fields={"vip": True},
        identities=(Identity("email", "ana@acme.example"), Identity("social", "x:@ana")),
    ),
    Device(
        external_id="pump-7",
        name="Pump 7",
        account="a1",
        product="P100",
        gateway="gw-1",
        warranty_until=date(2027, 1, 31),
        thresholds={"overheat": {"above": 90}},
        fields={"installed": "2026-01-01"},
    ),
    Article(external_id="reset", language="en", state="published", title="Reset", body="Press.", keywords=("reset",)),
    Article(external_id="reset", language="de", state="draft", title="Neustart", body="Drücken."),
]


def lines(*records: Record) -> list[Line]:
    """Records as a file tells them, with all that they have."""
    return [Line("f", number, given(record)) for number, record in enumerate(records, start=1)]


def given(record: Record) -> Record:
    names = {*record.__slots__, "fields"} - {"language"}
    return replace(record, given=frozenset(names), known_by=frozenset({"email", "phone", "social", "device"}))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> ReferenceStore:
    """The store of a new desk."""
    if request.param == "memory":
        return MemoryReference()
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return PostgresReference(new_database())


def imported(store: ReferenceStore, *records: Record, partial: bool = False, dry_run: bool = False) -> Imported:
    return asyncio.run(Importer(store)(lines(*records), at=NOW, partial=partial, dry_run=dry_run))


def outcomes(found: Imported) -> list[str]:
    return [decision.outcome for decision in found.decisions]


def one(store: ReferenceStore, record: Record) -> Decision:
    (decision,) = imported(store, record).decisions
    return decision


def test_every_kind_is_created_and_the_second_time_unchanged(store: ReferenceStore) -> None:
    assert outcomes(imported(store, *EVERY_KIND)) == ["created"] * len(EVERY_KIND)
    again = imported(store, *reversed(EVERY_KIND))
    assert [(one.outcome, one.record) for one in again.decisions] == [
        ("unchanged", one) for one in reversed(EVERY_KIND)
    ]


@pytest.mark.parametrize("record", EVERY_KIND, ids=lambda record: f"{record.kind} {record.external_id}")
def test_what_an_import_leaves_out_stays(store: ReferenceStore, record: Record) -> None:
    imported(store, *EVERY_KIND)
    bare = replace(record, given=frozenset(), known_by=frozenset(), identities=())
    (decision,) = asyncio.run(Importer(store)([Line("f", 1, bare)], at=NOW)).decisions
    assert (decision.outcome, decision.record) == ("unchanged", record)


@pytest.mark.parametrize("record", EVERY_KIND, ids=lambda record: f"{record.kind} {record.external_id}")
def test_what_an_import_takes_away_is_gone(store: ReferenceStore, record: Record) -> None:
    imported(store, *EVERY_KIND)
    blank = record.blank(record)
    if not isinstance(record, Article):
        blank = replace(blank, name="-")  # type: ignore[call-arg]  # every kind but articles has a name
    if "fields" in record.__slots__:
        blank = replace(blank, fields=dict.fromkeys(record.fields))  # type: ignore[attr-defined,call-arg]  # it has
    one(store, blank)
    assert one(store, blank).outcome == "unchanged"


def test_nothing_is_written_when_a_line_is_refused(store: ReferenceStore) -> None:
    bad = Contact(external_id="c2", name="Rui", account="a9")
    found = imported(store, EVERY_KIND[1], bad)
    assert (outcomes(found), found.written, found.refused) == (["created", "refused"], False, 1)
    found = imported(store, EVERY_KIND[1], bad, partial=True)
    assert (outcomes(found), found.written) == (["created", "refused"], True)
    assert outcomes(imported(store, EVERY_KIND[1])) == ["unchanged"]


def test_a_dry_run_says_the_same_and_writes_nothing(store: ReferenceStore) -> None:
    for _ in range(2):
        found = imported(store, *EVERY_KIND, dry_run=True)
        assert (outcomes(found), found.written) == (["created"] * len(EVERY_KIND), False)


def test_an_address_that_is_not_listed_any_more_may_go_to_someone_else(store: ReferenceStore) -> None:
    ana = Contact(external_id="c1", name="Ana", identities=(Identity("email", "office@x.example"),))
    rui = Contact(external_id="c2", name="Rui")
    imported(store, ana, rui)
    handed = [replace(rui, identities=ana.identities), replace(ana, identities=())]
    assert outcomes(imported(store, *handed)) == ["updated", "updated"]
    assert outcomes(imported(store, *handed)) == ["unchanged", "unchanged"]
    assert one(store, ana).outcome == "refused"


def test_a_number_that_contacts_of_an_account_share_becomes_the_accounts(store: ReferenceStore) -> None:
    number = (Identity("phone", "+4989123450"),)
    acme = Account(external_id="a1", name="Acme")
    ana, rui = (Contact(external_id=name, name=name, account="a1", identities=number) for name in ("c1", "c2"))
    assert outcomes(imported(store, acme, ana)) == ["created", "created"]
    assert one(store, rui).reason == '+4989123450 is shared, and so is that of account "a1"'
    assert outcomes(imported(store, ana, acme, rui)) == ["unchanged"] * 3
    stranger = Contact(external_id="c3", name="c3", identities=number)
    assert one(store, stranger).outcome == "refused"


def test_a_domain_moves_when_its_account_gives_it_up(store: ReferenceStore) -> None:
    first = Account(external_id="a1", name="One", domains=("acme.example",))
    second = Account(external_id="a2", name="Two", domains=("acme.example",))
    imported(store, first)
    assert one(store, second).reason.startswith('the domain acme.example is that of account "a1"')
    moved = imported(store, second, replace(first, domains=()))
    assert outcomes(moved) == ["created", "updated"]
    assert outcomes(imported(store, second, replace(first, domains=()))) == ["unchanged", "unchanged"]


def test_a_loop_with_what_is_stored_is_refused(store: ReferenceStore) -> None:
    imported(store, Product(external_id="a", name="a", parent="b"), Product(external_id="b", name="b"))
    says = one(store, Product(external_id="b", name="b", parent="a")).reason
    assert says.startswith('it is above itself: "b" → "a" → "b"; give one of them another parent')
