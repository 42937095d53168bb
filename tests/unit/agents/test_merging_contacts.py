"""Merging contacts moves what there is, unmerging moves it back, whatever happened in between."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_desk import START, Desk, mail

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.rules import compile_rules
from pipeline.domain.contacts import ContactOrder, MergeContacts, UnmergeContact
from pipeline.domain.matching import Identity
from pipeline.domain.orders import Done, Refused

NAMES = ("a", "b", "c", "d")


class People:
    """A desk with four contacts, two of an account, each with an address and a case."""

    def __init__(self) -> None:
        self.desk = Desk()
        acme = self.desk.account("acme")
        accounts = {"c": acme, "d": acme}
        self.ids = {name: self.desk.contact(name, address(name), account=accounts.get(name)) for name in NAMES}
        self._contacts = app.build_contacts(compile_rules(self.desk.config), self.desk.store)
        for name in NAMES:
            self.write(name)

    def do(self, order: ContactOrder) -> Done | Refused:
        return asyncio.run(self._contacts.do(order, Deed(START, actor_id="rui")))

    def merge(self, contact: str, into: str) -> Done | Refused:
        return self.do(MergeContacts(contact, into))

    def unmerge(self, contact: str) -> Done | Refused:
        return self.do(UnmergeContact(contact))

    def write(self, name: str) -> None:
        self.desk.one(mail(f"m{self.desk.now.timestamp()}", sender=address(name)))

    def state(self) -> object:
        """Whose every address and case is, and who is part of whom."""
        tables = self.desk.memory.tables
        cases = {
            case.number: (case.contact and case.contact.id, case.account and case.account.id)
            for case in tables.cases.values()
        }
        return dict(tables.identities), cases, dict(tables.survivors)

    def holder(self, name: str) -> UUID | None:
        return self.desk.memory.tables.identities[Identity("email", address(name))][0]


def address(name: str) -> str:
    return f"{name}@x.example"


def test_merging_tells_of_the_contact_and_of_each_case_that_moved() -> None:
    people = People()
    people.write("a")
    people.merge("a", "b")
    tables = people.desk.memory.tables
    merged = [event for event in tables.events.values() if event.type == "dev.casestream.contact.merged.v1"]
    assert [(event.key, event.seq) for event in merged] == [(f"/contact/{people.ids['a']}", 1)]
    assert merged[0].data["contact"]["identities"] == [{"kind": "email", "value": "a@x.example"}]
    assert merged[0].data["other"]["external_id"] == "b"
    assert merged[0].data["actor"] == {"kind": "agent", "id": "rui"}
    updated = [event for event in tables.events.values() if event.type == "dev.casestream.case.updated.v1"]
    assert [event.data["case"]["contact"]["external_id"] for event in updated] == ["b", "b"]


def test_the_survivor_of_the_other_one_is_meant() -> None:
    people = People()
    people.merge("b", "c")
    people.merge("a", "b")
    assert people.holder("a") == people.ids["c"]


@pytest.mark.parametrize(
    ("orders", "says"),
    [
        (
            [MergeContacts("a", "nobody")],
            'there is no contact "nobody"; name one by its external id, address or number',
        ),
        ([MergeContacts("a", "a@x.example")], "a and a@x.example are one contact already"),
        ([MergeContacts("a", "b"), MergeContacts("a", "c")], "a was merged before; take it out of b first"),
        ([MergeContacts("a", "b"), MergeContacts("b", "a")], "b and a are one contact already"),
        ([UnmergeContact("a")], "a is not merged into another contact; name the one that was merged"),
        ([MergeContacts("a", "b"), UnmergeContact("b")], "b is not merged into another contact"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(orders: Sequence[ContactOrder], says: str) -> None:
    people = People()
    *before, last = orders
    assert all(people.do(order) == Done(changed=True) for order in before)
    state = people.state()
    refused = people.do(last)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(says)
    assert people.state() == state


def test_an_account_that_was_given_since_stays() -> None:
    people = People()
    people.merge("a", "c")
    tables = people.desk.memory.tables
    other = people.desk.account("other")
    case = next(case for case in tables.cases.values() if case.number == 1001)
    tables.cases[case.id].account = other
    people.unmerge("a")
    assert tables.cases[case.id].account == other
    assert tables.cases[case.id].contact is not None
    assert tables.cases[case.id].contact.id == people.ids["a"]


names = st.sampled_from(NAMES)
orders = st.one_of(st.builds(MergeContacts, names, names), st.builds(UnmergeContact, names))


@given(st.lists(orders, max_size=8), names, names)
def test_a_merge_undone_at_once_leaves_everything_as_it_was(before: list[ContactOrder], one: str, other: str) -> None:
    people = People()
    for order in before:
        people.do(order)
    state = people.state()
    if people.merge(one, other) == Done(changed=True):
        people.unmerge(one)
    assert people.state() == state


@given(st.lists(orders, max_size=12), st.permutations(NAMES))
def test_when_every_merge_is_undone_everything_is_as_it_was(done: list[ContactOrder], order: Sequence[str]) -> None:
    people = People()
    state = people.state()
    for one in done:
        people.do(one)
    for name in order:
        people.unmerge(name)
    assert people.state() == state


@given(st.lists(orders, max_size=12))
def test_everything_is_always_held_by_a_contact_that_stands(done: list[ContactOrder]) -> None:
    people = People()
    for one in done:
        people.do(one)
    tables = people.desk.memory.tables
    for holder, _ in tables.identities.values():
        assert holder not in tables.survivors
    for case in tables.cases.values():
        assert case.contact is not None
        assert case.contact.id not in tables.survivors


@given(st.permutations(NAMES))
def test_what_arrived_since_stays(order: Sequence[str]) -> None:
    people = People()
    first, second, *_ = order
    people.merge(first, second)
    people.write(first)
    people.unmerge(first)
    tables = people.desk.memory.tables
    newest = max(tables.cases.values(), key=lambda case: case.number)
    assert newest.contact is not None
    assert newest.contact.id == people.ids[second]
    assert people.holder(first) == people.ids[first]
