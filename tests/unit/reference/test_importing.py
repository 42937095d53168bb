"""Importing decides on all lines as a set: the order of lines does not matter, and the second time nothing happens."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.importing import Decision, Holder, Known, Line, decide
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Account, Contact, Device, Product, Record
from pipeline.reference.importing import Importer
from pipeline.store.memory_reference import MemoryReference

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANA = Identity("email", "ana@x.example")
RUI = Identity("email", "rui@x.example")
NUMBER = Identity("phone", "+4989123450")


def lines(*records: Record) -> list[Line]:
    return [Line("f", number, record) for number, record in enumerate(records, start=1)]


def contact(name: str, *identities: Identity, account: str | None = None) -> Contact:
    given = frozenset({"account"} if account else ())
    return Contact(
        external_id=name, account=account, given=given, known_by=frozenset({"email", "phone"}), identities=identities
    )


def account(name: str, parent: str | None = None, domains: Sequence[str] = (), *identities: Identity) -> Account:
    return Account(
        external_id=name,
        parent=parent,
        domains=tuple(domains),
        given=frozenset({"parent", "domains"}),
        known_by=frozenset({"email", "phone"}),
        identities=identities,
    )


def told(decisions: Sequence[Decision]) -> list[tuple[str, str]]:
    return [(decision.outcome, decision.reason) for decision in decisions]


def test_a_contact_that_a_message_made_gets_its_name_and_keeps_its_id() -> None:
    made = Holder("contact", uuid4(), None)
    (decision,) = decide(lines(contact("c1", ANA)), Known(holders={ANA: made}))
    assert (decision.outcome, decision.adopts, decision.claims) == ("updated", made.id, ())
    assert decision.reason == "a message had made this contact before; it keeps its cases"


def test_only_one_line_adopts_it() -> None:
    made = Holder("contact", uuid4(), None)
    both = decide(lines(contact("c1", ANA), contact("c2", RUI)), Known(holders={ANA: made, RUI: made}))
    assert [one.outcome for one in both] == ["updated", "refused"]
    assert both[1].reason.startswith('the address rui@x.example is that of contact "c1"')


def test_whoever_is_known_takes_it_over() -> None:
    made = Holder("contact", uuid4(), None)
    (decision,) = decide(lines(account("a1", None, (), ANA)), Known(holders={ANA: made}))
    assert decision.claims[0].moved
    assert decision.reason.startswith(f"ana@x.example was that of contact {made.id}, whom a message had made")


def test_a_line_told_twice_is_refused_with_the_first_ones_place() -> None:
    decisions = decide(lines(contact("c1"), contact("c1", ANA), account("c1")), Known())
    assert told(decisions) == [
        ("created", ""),
        ("refused", 'contact "c1" is told on line 1 of f already; keep one of them'),
        ("created", ""),
    ]


def test_what_names_a_refused_line_is_refused_too() -> None:
    decisions = decide(
        lines(contact("c1", account="a1"), account("a1", parent="a2"), account("a2", parent="a9")), Known()
    )
    assert [one.outcome for one in decisions] == ["refused"] * 3
    assert decisions[0].reason.startswith('"account" names account "a1", which is neither known nor in these files')


def test_what_a_refused_line_would_have_given_up_stays_its_own() -> None:
    store = MemoryReference()
    importer = Importer(store)
    asyncio.run(importer(lines(contact("c1", ANA), contact("c2")), at=NOW))
    handed = lines(replace(contact("c1"), account="a9", given=frozenset({"account"})), contact("c2", ANA))
    outcomes = asyncio.run(importer(handed, at=NOW, partial=True)).decisions
    assert [one.outcome for one in outcomes] == ["refused", "refused"]
    assert store.identities[ANA].holder == store.records["contact", "c1"][0]


NAMES = st.sampled_from("abc")
ADDRESSES = st.lists(st.sampled_from([ANA, RUI, NUMBER]), unique=True, max_size=2).map(tuple)
RECORDS = st.one_of(
    st.builds(lambda name, who, of: contact(name, *who, account=of), NAMES, ADDRESSES, st.none() | NAMES),
    st.builds(
        lambda name, above, domains, who: account(name, above, domains, *who),
        NAMES,
        st.none() | NAMES,
        st.lists(st.sampled_from(["x.example", "y.example"]), unique=True, max_size=1),
        ADDRESSES,
    ),
    st.builds(
        lambda name, above: Product(external_id=name, parent=above, given=frozenset({"parent"})),
        NAMES,
        st.none() | NAMES,
    ),
    st.builds(
        lambda name, of: Device(external_id=name, account=of, given=frozenset({"account"})), NAMES, st.none() | NAMES
    ),
)
FILES = st.lists(RECORDS, max_size=8)


def imported(store: MemoryReference, records: Sequence[Record]) -> list[Decision]:
    return list(asyncio.run(Importer(store)(lines(*records), at=NOW, partial=True)).decisions)


@given(FILES, FILES)
def test_the_second_time_nothing_happens(before: list[Record], records: list[Record]) -> None:
    store = MemoryReference()
    imported(store, before)
    taken = [record for record, one in zip(records, imported(store, records), strict=True) if one.outcome != "refused"]
    stood = dict(store.records), dict(store.identities)
    assert {one.outcome for one in imported(store, taken)} <= {"unchanged"}
    assert (store.records, store.identities) == stood


@given(FILES, FILES)
def test_a_dry_run_foretells_what_happens(before: list[Record], records: list[Record]) -> None:
    store = MemoryReference()
    imported(store, before)
    dry = asyncio.run(Importer(store)(lines(*records), at=NOW, partial=True, dry_run=True))
    assert told(dry.decisions) == told(imported(store, records))


@given(FILES, FILES)
def test_nobody_is_above_themselves_and_everybody_named_is_there(one: list[Record], other: list[Record]) -> None:
    store = MemoryReference()
    for records in (one, other):
        imported(store, records)
        for key, (_, record) in store.records.items():
            assert all(named in store.records for _, named in record.references())
            way = [key]
            while (above := store.records[way[-1]][1].above) is not None:
                way.append((key[0], above))
                assert len(way) <= len(store.records)


@given(FILES, FILES)
def test_a_domain_is_of_one_account_and_an_identity_of_a_record_that_is_there(
    one: list[Record], other: list[Record]
) -> None:
    store = MemoryReference()
    for records in (one, other):
        imported(store, records)
        domains = [
            name for _, record in store.records.values() if isinstance(record, Account) for name in record.domains
        ]
        assert len(domains) == len(set(domains))
        there = {id_ for id_, _ in store.records.values()}
        assert {held.holder for held in store.identities.values()} <= there
