"""Who gets what waits: presence, hours, absence, skills, room, whose turn it is."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.agents import Agent, Hours, Load, Presence
from pipeline.domain.calendar import Calendar, Span
from pipeline.domain.matching import Ref
from pipeline.domain.queues import Chosen, choose, rank, room
from pipeline.domain.routing import Assignment

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(zone=BERLIN, week=((Span(8 * 3600, 17 * 3600),),) * 5 + ((), ()))
HOURS = Hours({"office": OFFICE}, ZoneInfo("UTC"))
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def agent(name: str, **told: object) -> Agent:
    return Agent(ref=Ref(uuid4(), name, name.title()), **{"queues": frozenset({"Support"}), **told})  # type: ignore[arg-type]


def chosen(*agents: Agent, how: Assignment = "least_active", at: datetime = MONDAY, **told: object) -> Chosen:
    asked = {"loads": {}, "units": 10, "skills": {}, **told}
    loads = asked.pop("loads")
    return choose(agents, loads, HOURS, at, queue="Support", how=how, **asked)  # type: ignore[arg-type]


def name(found: Chosen) -> str | None:
    return found.agent.ref.external_id if found.agent else None


def test_the_most_urgent_has_the_highest_rank() -> None:
    assert [rank(one) for one in ("low", "normal", "high", "urgent", "?")] == [0, 1, 2, 3, 1]


@pytest.mark.parametrize("presence", ["busy", "away", "offline"])
def test_who_is_not_available_gets_nothing(presence: Presence) -> None:
    found = chosen(agent("ana", presence=presence))
    assert (name(found), found.why) == (None, f"Ana is {presence}")


def test_who_lacks_a_skill_at_its_level_gets_nothing() -> None:
    assert name(chosen(agent("ana", skills={"pump": 1}), agent("rui", skills={"pump": 2}), skills={"pump": 2})) == "rui"
    assert chosen(agent("ana"), skills={"pump": 2}).why == "Ana lacks pump 2"


def test_who_works_elsewhere_is_not_even_considered() -> None:
    assert chosen(agent("ana", queues=frozenset({"Second"}))).why == "nobody works in Support"


def test_outside_working_hours_nobody_gets_anything() -> None:
    ana = agent("ana", calendar="office")
    assert name(chosen(ana, at=datetime(2026, 3, 2, 15, 59, tzinfo=UTC))) == "ana"
    assert chosen(ana, at=datetime(2026, 3, 2, 16, 0, tzinfo=UTC)).why == "Ana is not at work"
    assert chosen(ana, at=datetime(2026, 3, 7, 9, 0, tzinfo=UTC)).agent is None


def test_an_agent_works_next_when_their_hours_and_their_absence_allow() -> None:
    ana = agent("ana", calendar="office", away=(("2026-03-03", "2026-03-04"),))
    evening = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    assert HOURS.works_next(agent("rui", calendar="office"), evening) == datetime(2026, 3, 3, 8, tzinfo=BERLIN)
    assert HOURS.works_next(ana, evening) == datetime(2026, 3, 5, 8, tzinfo=BERLIN)
    assert HOURS.works_next(agent("eva"), evening) == evening
    closed = Hours({"never": Calendar(zone=BERLIN, week=((),) * 7)}, BERLIN)
    assert closed.works_next(agent("eva", calendar="never"), evening) is None


def test_an_absence_is_of_days_in_the_agents_zone_or_of_instants() -> None:
    days = agent("ana", calendar="office", away=(("2026-03-03", "2026-03-03"),))
    midnight = datetime(2026, 3, 3, tzinfo=BERLIN)
    assert HOURS.absent_until(days, midnight - timedelta(seconds=1)) is None
    assert HOURS.absent_until(days, midnight) == midnight + timedelta(days=1)
    assert HOURS.absent_until(days, midnight + timedelta(days=1)) is None
    hours = agent("rui", away=(("2026-03-03T10:00:00+00:00", "2026-03-03T12:00:00"),))
    assert HOURS.absent_until(hours, datetime(2026, 3, 3, 11, tzinfo=UTC)) == datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert HOURS.absent_until(hours, datetime(2026, 3, 3, 12, tzinfo=UTC)) is None


def test_whose_turn_it_is() -> None:
    ana, rui = agent("ana", capacity=100), agent("rui", capacity=50)
    loads = {ana.ref.id: Load(1, 30, MONDAY), rui.ref.id: Load(2, 10, MONDAY - timedelta(hours=1))}
    assert name(chosen(ana, rui, how="round_robin", loads=loads)) == "rui"
    assert name(chosen(ana, rui, how="least_active", loads=loads)) == "ana"
    assert name(chosen(ana, rui, how="highest_capacity", loads=loads)) == "ana"
    assert name(chosen(ana, rui, how="round_robin", loads={ana.ref.id: Load(0, 0, MONDAY)})) == "rui"


ASSIGNMENTS = st.sampled_from(["round_robin", "least_active", "highest_capacity"])


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["available", "busy"])), min_size=1, max_size=5),
    st.lists(st.integers(0, 40), max_size=40),
    ASSIGNMENTS,
)
def test_nobody_is_given_more_than_they_can_bear_and_nothing_waits_that_somebody_could_take(
    told: list[tuple[int, Presence]], items: list[int], how: Assignment
) -> None:
    agents = [agent(f"a{place}", capacity=capacity, presence=here) for place, (capacity, here) in enumerate(told)]
    loads: dict[object, Load] = {}
    for units in items:
        found = choose(agents, loads, HOURS, MONDAY, queue="Support", how=how, units=units, skills={})  # type: ignore[arg-type]
        room = [
            a for a in agents if a.presence == "available" and loads.get(a.ref.id, Load()).units + units <= a.capacity
        ]
        assert (found.agent is None) == (not room)
        if found.agent is not None:
            assert found.agent in room
            loads[found.agent.ref.id] = loads.get(found.agent.ref.id, Load()).with_one(units, MONDAY)
    for one in agents:
        assert loads.get(one.ref.id, Load()).units <= one.capacity


def rooms(*agents: Agent, units: int = 10, skills: dict[str, int] | None = None, at: datetime = MONDAY) -> int | None:
    loads = {one.ref.id: Load(3, 30, None) for one in agents}
    return room(agents, loads, HOURS, at, queue="Support", units=units, skills=skills or {})


def test_there_is_room_for_what_those_who_are_there_can_still_bear() -> None:
    ana, rui = agent("ana", calendar="office"), agent("rui", capacity=65, skills={"pump": 1})
    assert rooms(ana, rui) == 7 + 3
    assert rooms(ana, rui, at=datetime(2026, 3, 7, 9, 0, tzinfo=UTC)) == 3, "who is at home bears nothing"
    assert rooms(ana, rui, skills={"pump": 1}) == 3
    assert rooms(ana, rui, units=80) == 0
    assert rooms(ana, rui, units=0) is None, "what weighs nothing has no end"
    assert rooms(agent("eva", queues=frozenset({"Second"}))) == 0


def test_there_is_no_room_exactly_when_nobody_can_be_chosen() -> None:
    for units in (1, 70, 71):
        ana = agent("ana")
        taken = {ana.ref.id: Load(3, 30, None)}
        assert bool(rooms(ana, units=units)) == (chosen(ana, loads=taken, units=units).agent is not None)
