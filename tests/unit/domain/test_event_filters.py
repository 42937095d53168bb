"""Filters on events: in the names that events have, refused when they cannot be right."""

import pytest

from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.event_filters import EventFilter
from pipeline.events.examples import examples, story
from pipeline.events.schemas import EVENT_TYPES

TYPES = tuple(EVENT_TYPES)


def chosen(text: str) -> set[str]:
    wanted = EventFilter.compile(text, TYPES)
    return {one.name for one in story() if wanted.admits(one.name, one.data)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("type == 'case.escalated'", {"case.escalated"}),
        ("type in ['case.merged', 'case.unmerged']", {"case.merged", "case.unmerged"}),
        ("'owner' in changed", {"case.assigned"}),
        ("message.channel == 'phone'", {"message.recorded"}),
        ("alarm.severity == 'critical' && alarm.state == 'cleared'", {"alarm.cleared"}),
        ("delivery.kind == 'webhook'", {"delivery.failed"}),
        ("entitlement.transition == 'cancelled'", {"entitlement.restored"}),
        ("kpi.state == 'paused'", {"sla.paused"}),
        ("case.queue == 'Field service' && type == 'case.routed'", {"case.routed"}),
        ("case.contact == 'ana' && type == 'case.cancelled'", {"case.cancelled"}),
        ("case.number == 1045 && actor.kind == 'clock'", {"alarm.updated"}),
        ("false", set()),
    ],
)
def test_a_filter_chooses(text: str, names: set[str]) -> None:
    assert chosen(text) == names


def test_an_event_without_a_case_fails_no_filter_on_cases() -> None:
    recorded = examples()["message.recorded"]
    assert not EventFilter.compile("case.priority == 'high'", TYPES).admits(recorded.name, recorded.data)


def test_a_filter_that_fails_on_an_event_lets_it_through() -> None:
    one = examples()["case.opened"]
    assert EventFilter.compile("int(case.title) > 3", TYPES).admits(one.name, one.data)


@pytest.mark.parametrize(
    "text",
    ["type == 'case.open'", "case.prio == 'high'", "owner == 'x'", "case.priority", "case.priority = 'high'", ""],
)
def test_what_cannot_be_right_is_refused(text: str) -> None:
    with pytest.raises(BadConditionError):
        EventFilter.compile(text, TYPES)
