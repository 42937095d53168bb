"""Agents take what waits, give it back, and say whether they are there."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from memory_desk import Desk, mail

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.queues.desk import Given, NotGiven
from pipeline.agents.rules import compile_rules
from pipeline.domain.agents import Agent
from pipeline.domain.matching import Ref
from pipeline.domain.orders import Resolve
from pipeline.store.queue_ports import QueueItem

CONFIG = """
[[queue]]
name = "Support"
[[queue]]
name = "Second"
[[mailbox]]
address = "second@desk.example"
queue = "Second"
"""


class Office:
    """A desk with agents, who take and give."""

    def __init__(self, config: str = CONFIG) -> None:
        self.desk = Desk(config)
        rules = compile_rules(self.desk.config)
        self._queues = app.build_queue_desk(rules, self.desk.store)
        self._timers = app.build_timers(rules, self.desk.store)

    def agent(self, name: str, *queues: str) -> UUID:
        agent = Agent(ref=Ref(uuid4(), name, name.title()), queues=frozenset(queues))
        self.desk.memory.tables.staff[agent.ref.id] = agent
        return agent.ref.id

    def pick(self, name: str, queue: str | None = None) -> Given | NotGiven:
        return asyncio.run(self._queues.pick(name, Deed(self.desk.now, actor_id=name), queue))

    def release(self, name: str, ref: UUID) -> Given | NotGiven:
        return asyncio.run(self._queues.release(name, ref, Deed(self.desk.now, actor_id=name)))

    def present(self, name: str, presence: str) -> NotGiven | None:
        return asyncio.run(self._queues.present(name, presence, Deed(self.desk.now, actor_id=name)))  # type: ignore[arg-type]  # one of the words

    def tick(self) -> None:
        asyncio.run(self._timers.fire({}, now=self.desk.now + timedelta(minutes=1)))


@pytest.fixture
def office() -> Office:
    return Office()


def test_who_picks_gets_the_first_case_of_their_queues(office: Office) -> None:
    ines = office.agent("ines", "Support")
    first = office.desk.case_with(mail("a"))
    office.desk.case_with(mail("b"))
    given = office.pick("ines")
    assert isinstance(given, Given)
    assert (given.case, given.item.owner) == (first.number, ines)
    owner = office.desk.memory.tables.cases[first.id].owner
    assert owner is not None
    assert owner.external_id == "ines"
    assert office.desk.events(first) == ["case.opened", "case.assigned"]


def test_nobody_picks_what_another_has(office: Office) -> None:
    office.agent("ines", "Support")
    office.agent("joao", "Support")
    office.desk.case_with(mail("a"))
    assert isinstance(office.pick("ines"), Given)
    assert office.pick("joao") == NotGiven("nothing waits in Support")


def test_who_works_in_no_queue_picks_from_all_and_anybody_from_one_they_name(office: Office) -> None:
    office.agent("boss")
    second = office.desk.case(office.desk.one(mail("a", to="second@desk.example"), mailbox="second@desk.example"))
    office.desk.case_with(mail("b"))
    given = office.pick("boss", "Second")
    assert isinstance(given, Given)
    assert given.case == second.number
    assert isinstance(office.pick("boss"), Given)


def test_what_is_released_waits_again_with_its_age(office: Office) -> None:
    office.agent("ines", "Support")
    case = office.desk.case_with(mail("a"))
    before = office.desk.memory.tables.queue_items["case", case.id]
    office.pick("ines")
    assert isinstance(office.release("ines", case.id), Given)
    assert office.desk.memory.tables.queue_items["case", case.id] == before
    assert office.desk.memory.tables.cases[case.id].owner is None


def test_only_who_has_it_releases_it(office: Office) -> None:
    office.agent("ines", "Support")
    office.agent("joao", "Support")
    case = office.desk.case_with(mail("a"))
    office.pick("ines")
    assert office.release("joao", case.id) == NotGiven("joao does not have it")
    assert office.release("nobody", case.id) == NotGiven("nobody does not have it")


def test_a_call_to_be_returned_is_picked_and_released_too(office: Office) -> None:
    ines = office.agent("ines", "Support")
    call = QueueItem(kind="call back", ref=uuid4(), queue="Support", since=office.desk.now)
    items = office.desk.memory.tables.queue_items
    items["call back", call.ref] = call
    assert isinstance(office.pick("ines"), Given)
    assert items["call back", call.ref].owner == ines
    assert isinstance(office.release("ines", call.ref), Given)
    assert items["call back", call.ref] == call


def test_an_agent_who_is_not_there_is_said(office: Office) -> None:
    assert office.pick("nobody") == NotGiven('there is no agent "nobody"')
    assert office.present("nobody", "away") == NotGiven('there is no agent "nobody"')


def test_who_becomes_available_is_given_what_waits() -> None:
    office = Office('[[route]]\nname = "all"\nwhen = "true"\nassign = "least_active"\n')
    office.agent("ines", "Support")
    assert office.present("ines", "busy") is None
    case = office.desk.case_with(mail("a"))
    office.tick()
    assert office.desk.memory.tables.cases[case.id].owner is None
    assert any("Ines is busy" in why.says for why in office.desk.memory.tables.whys.values())
    assert office.present("ines", "available") is None
    office.tick()
    owner = office.desk.memory.tables.cases[case.id].owner
    assert owner is not None
    assert owner.external_id == "ines"


def test_a_case_of_a_queue_that_is_no_more_goes_on(office: Office) -> None:
    case = office.desk.case_with(mail("a"))
    office.desk.memory.tables.cases[case.id].queue = "Gone"
    office.desk.do(case, Resolve(text="done"))
    became = office.desk.one(mail("b", answers="<a@x>"))
    assert (became.outcome, became.case) == ("appended", case.number)
    assert office.desk.memory.tables.cases[case.id].state == "active"
