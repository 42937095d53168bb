"""What devices tell is judged alike, however it is cut into batches, and by whichever worker."""

import asyncio
from datetime import timedelta

from device_desk import RULES, START, config_of, message, record
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import app
from pipeline.parse.iot import Message
from pipeline.store.memory import LedgerRow, Memory, MemoryStore
from pipeline.wire import Partition, Record

P0 = Partition("inbound.iot", 0)


def desk() -> Memory:
    memory = Memory()
    memory.tables.ledger[P0] = LedgerRow("cluster", 0)
    return memory


def settled(records: list[Record], cuts: list[int], rules: str = RULES) -> Memory:
    """A desk after these records, in batches of these sizes, each settled by a worker that has just started."""
    memory = desk()
    place = 0
    while records:
        size = cuts[place % len(cuts)]
        asyncio.run(app.build_settler(config_of(rules), MemoryStore(memory))(records[:size]))
        records, place = records[size:], place + 1
    return memory


def moves(memory: Memory) -> list[tuple[str, object, object]]:
    """What happened to alarms and cases, in order."""
    return [
        (event.type.split(".")[3], (event.data.get("alarm") or {}).get("name"), event.at)
        for event in memory.tables.events.values()
    ]


@settings(max_examples=40, deadline=None)
@given(
    readings=st.lists(
        st.tuples(
            st.sampled_from(["pump-1", "pump-2"]), st.sampled_from([20, 65, 80, 120]), st.sampled_from([0, 10, 50])
        ),
        max_size=20,
    ),
    cuts=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
def test_any_cut_into_batches_gives_the_same(readings: list[tuple[str, int, int]], cuts: list[int]) -> None:
    seconds, records = 0, []
    for offset, (device, value, later) in enumerate(readings):
        seconds += later
        records.append(record([message(device, temperature=value)], seconds=seconds, offset=offset))
    one, other = settled(records, [100]), settled(records, cuts)
    assert moves(one) == moves(other)
    alarms = [
        {
            name: (alarm.state, alarm.level, alarm.flaps, alarm.raised_at)
            for name, alarm in memory.tables.rule_alarms.items()
        }
        for memory in (one, other)
    ]
    assert alarms[0] == alarms[1]
    assert {case.title: case.state for case in one.tables.cases.values()} == {
        case.title: case.state for case in other.tables.cases.values()
    }


def test_plain_readings_leave_no_row_each() -> None:
    records = [record([message("pump-1", temperature=20 + n) for n in range(40)], seconds=0)]
    tables = settled(records, [1]).tables
    assert (len(tables.messages), len(tables.events), len(tables.states)) == (0, 0, 1)
    assert sum(count for (_, _, name), count in tables.counts.items() if name == "recorded") == 40


def test_each_message_is_counted_once_though_one_of_many_opens_a_case() -> None:
    told = [message("pump-1", temperature=value) for value in (20, 90, 91, 20)]
    tables = settled([record(told, seconds=0)], [1]).tables
    counts = {name: number for (_, _, name), number in tables.counts.items() if number}
    assert counts == {"received": 4, "recorded": 2, "opened": 1, "appended": 1}
    assert [message.outcome for message in tables.messages.values()] == ["opened", "appended"]
    assert b'"temperature\\":90' in next(iter(tables.raws.values()))


def test_a_day_of_backlog_is_judged_in_its_own_time_and_commands_nothing() -> None:
    rules = RULES.replace('name = "overheat"', 'name = "overheat"\non_raise = ["command:reset"]')
    told = [
        message(
            "pump-1", temperature=90 if n // 1000 % 2 else 20, time=(START - timedelta(seconds=90_000 - n)).isoformat()
        )
        for n in range(20_000)
    ]
    records = [record(told[n : n + 1000], seconds=0, offset=n // 1000) for n in range(0, 20_000, 1000)]
    tables = settled(records, [5], rules).tables
    assert tables.commands == {}
    overheated = [alarm for (_, rule), alarm in tables.rule_alarms.items() if rule == "overheat"]
    assert [alarm.raised_at for alarm in overheated] == [START - timedelta(seconds=90_000 - 19_000)]
    assert len([event for event in tables.events.values() if ".alarm.raised" in event.type]) >= 10


def test_a_clock_that_is_ahead_leaves_a_defect() -> None:
    tables = settled([record([message("pump-1", temperature=90, time="2100-01-01T00:00:00Z")], seconds=0)], [1]).tables
    (stored,) = tables.messages.values()
    assert stored.outcome == "opened"
    assert "ahead" in stored.defects[0]


def test_a_rule_that_cannot_be_computed_counts_as_no_match() -> None:
    rules = '[[alarm]]\nname = "odd"\nwhen = "int(unit) > 5 && value > 1.0"\nopens_case = true\n'
    told = Message("plant/pump-1/env", b'{"temperature": 90, "unit": "C"}')
    tables = settled([record([told], seconds=0)], [1], rules).tables
    assert tables.cases == {}


def test_an_unreadable_message_shows_that_its_device_lives() -> None:
    records = [
        record([message("pump-1", temperature=20)], seconds=0, offset=0),
        record([Message("plant/pump-1/env", b"{"), message("pump-2", temperature=20)], seconds=30, offset=1),
        record([message("pump-1", temperature=20)], seconds=60, offset=2),
    ]
    tables = settled(records, [1]).tables
    assert ("pump-1", "silent") not in tables.rule_alarms
    assert len(tables.dead) == 1
