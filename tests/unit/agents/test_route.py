"""Cases that no queue takes, and what is kept of why."""

import asyncio
from dataclasses import replace

from memory_desk import START, Desk, mail

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.queues.route import Route
from pipeline.agents.rules import compile_rules
from pipeline.domain.cases import Case

TWO = '[[queue]]\nname = "Support"\n[[queue]]\nname = "Second"\n'


def routed(desk: Desk, case: Case) -> Batch:
    """The case as a batch that opens it sends it on."""

    async def run() -> Batch:
        batch = Batch(opened={case.id: case}, events=[CaseEvent("case.opened", Deed(START), case)])
        async with desk.store.transaction() as tx:
            await Route(compile_rules(desk.config))(batch, tx)
        return batch

    return asyncio.run(run())


def test_a_case_whose_queue_is_no_more_goes_to_the_default_queue_with_the_reason() -> None:
    desk = Desk(TWO)
    case = replace(desk.case_with(mail("a")), queue="Gone", flags=())
    batch = routed(desk, case)
    assert (case.queue, case.flags) == ("Support", ("unroutable",))
    assert [why.says for why in batch.whys] == [
        'there is no queue "Gone", so that it cannot be routed; it goes to Support'
    ]
    assert [(event.type, event.changed, event.rule) for event in batch.events[1:]] == [
        ("case.routed", {"queue": ("Gone", "Support")}, "unroutable")
    ]


def test_a_case_that_no_message_opened_is_routed_as_well() -> None:
    desk = Desk(TWO + '[[route]]\nname = "a"\nwhen = "case.title == \'Printer\'"\nqueue = "Second"\n')
    case = replace(desk.case_with(mail("a")), queue="Support")
    routed(desk, case)
    assert case.queue == "Second"


def test_without_rules_nothing_is_asked_and_nothing_is_said() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    assert desk.memory.tables.whys == {}
    assert case.queue == "Support"


def test_why_shows_the_values_that_the_rule_saw() -> None:
    desk = Desk('[[route]]\nname = "loud"\nwhen = "message.subject.contains(\'!\')"\npriority = "high"\n')
    desk.case_with(mail("a", subject="Help!"))
    assert [why.says for why in desk.memory.tables.whys.values()] == [
        'rule loud: message.subject = "Help!" → priority high'
    ]
