"""Calls, items, alarms and readings exactly once, on a real PostgreSQL: shuffled, repeated, by two settlers at once."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import orjson
import psycopg
import pytest
from desk import HOUR, TEXT, close

from pipeline import app
from pipeline.agents.retrial import Verdict
from pipeline.agents.settle import Settler
from pipeline.config import parse_config
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.parse.phone import CONTENT_TYPES
from pipeline.store.channel_ports import ChannelWanted
from pipeline.store.ledger import PostgresLedger
from pipeline.store.ports import Wanted
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

CONFIG = (
    TEXT
    + """
[[phone]]
name = "pbx"
opens_case = "always"
joins = "never"
[[social]]
platform = "facebook"
[[device_feed]]
name = "plant"
topics = ["te/#"]
format = "thin-edge"
"""
)
HOT = b'{"severity":"critical","text":"hot","time":"2026-03-02T09:00:00Z"}'


class Floor:
    """Several settlers of one database, each with a partition of its own."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.config = parse_config(CONFIG, {"postgres": {"dsn": dsn}, "blobs": {"url": str(folder)}})
        self._offsets: dict[Partition, int] = {}

    def record(self, partition: int, envelope: Envelope) -> Record:
        where = Partition(f"inbound.{envelope.channel}", partition)
        offset = self._offsets.get(where, 0)
        self._offsets[where] = offset + 1
        return Record(*where, offset, envelope.key.encode(), envelope.raw, tuple(envelope.headers()))

    def settle(self, *jobs: Sequence[Sequence[Record]]) -> None:
        """Settle each job's batches in order, all jobs at the same time."""

        async def one(settler: Settler, batches: Sequence[Sequence[Record]]) -> None:
            for batch in batches:
                await settler(batch)
            await close(settler)

        async def scenario() -> None:
            bounds = {where: Bounds(0, 10_000) for where in self._offsets}
            await PostgresLedger(self.dsn).assign("test", bounds)
            settlers = [app.build_settler(self.config, PostgresStore(self.dsn)) for _ in jobs]
            await asyncio.gather(*(one(settler, job) for settler, job in zip(settlers, jobs, strict=True)))

        asyncio.run(scenario())

    def ask(self, statement: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(statement).fetchall()

    def counts(self) -> dict[str, int]:
        """What became of all messages; both sums hold."""
        ledger = PostgresLedger(self.dsn)
        totals = asyncio.run(ledger.totals())
        assert all(total.balanced for total in totals)
        assert all(row.balanced for row in asyncio.run(ledger.partitions()))
        names = ("received", "opened", "appended", "recorded", "duplicate", "dead")
        return {name: count for name in names if (count := sum(getattr(one, name) for one in totals))}


@pytest.fixture
def floor(tmp_path: Path, migrated: str) -> Floor:
    return Floor(migrated, tmp_path)


def envelope(
    channel: str, source: str, raw: bytes, content_type: str, *, at: datetime = HOUR, count: int = 1
) -> Envelope:
    name = f"{channel}-{hash(raw)}"
    return Envelope(
        id=name, channel=channel, source=source, key="k", time=at, content_type=content_type, raw=raw, count=count
    )


def call_event(call: str, event: str, second: int, **more: str) -> Envelope:
    at = HOUR + timedelta(seconds=second)
    told = {"event": event, "callId": call, "direction": "in", "from": f"49301{call}", "to": "4989555", **more}
    return envelope("phone", "/phone/pbx", orjson.dumps(told), CONTENT_TYPES["cti"], at=at)


def comment(verb: str, text: str, second: int) -> Envelope:
    value = {
        "item": "comment", "verb": verb, "comment_id": "k1", "post_id": "p1", "parent_id": "p1",
        "from": {"id": "ana", "name": "Ana"}, "created_time": int(HOUR.timestamp()),
    }  # fmt: skip
    entry = {"id": "page", "time": int(HOUR.timestamp()) + second, "changes": [{"field": "feed", "value": value}]}
    value |= {"message": text} if text else {}
    return envelope(
        "social", "/social/facebook", orjson.dumps({"object": "page", "entry": [entry]}), "application/json"
    )


def readings(*messages: tuple[str, bytes], at: datetime = HOUR) -> Envelope:
    raw = write_readings([Message(topic, payload) for topic, payload in messages])
    return envelope("iot", "/mqtt/plant", raw, READINGS, at=at, count=len(messages))


def shuffled(floor: Floor, partition: int, envelopes: Sequence[Envelope], seed: int) -> list[list[Record]]:
    """Ten deliveries of each, in a random order, in batches of seven."""
    many = [*envelopes] * 10
    random.Random(seed).shuffle(many)  # noqa: S311  # a test's own order
    records = [floor.record(partition, one) for one in many]
    return [records[start : start + 7] for start in range(0, len(records), 7)]


@pytest.mark.parametrize("seed", range(4))
def test_a_call_is_one_activity_in_its_last_state(floor: Floor, seed: int) -> None:
    told = [
        one
        for call in ("11111", "22222", "33333")
        for one in (
            call_event(call, "newCall", 0),
            call_event(call, "answer", 20, user="Rui"),
            call_event(call, "hangup", 920, cause="normalClearing"),
        )
    ]
    floor.settle(*(shuffled(floor, partition, told, seed * 10 + partition) for partition in (0, 1)))
    calls = floor.ask("SELECT state, result, duration_s, billable_s, case_id IS NOT NULL FROM activity")
    assert calls == [("closed", "completed", 920, 900, True)] * 3
    assert floor.ask("SELECT count(*) FROM cases") == [(3,)]
    assert floor.counts() == {"received": 180, "opened": 3, "appended": 6, "duplicate": 171}


@pytest.mark.parametrize("seed", range(4))
def test_a_comment_is_one_activity_in_its_last_state(floor: Floor, seed: int) -> None:
    told = [comment("add", "It burns.", 0), comment("edited", "It smokes.", 60), comment("edited", "It is off.", 120)]
    floor.settle(*(shuffled(floor, partition, told, seed * 10 + partition) for partition in (0, 1)))
    assert floor.ask("SELECT body, earlier, hidden FROM activity") == [
        ("It is off.", ["It burns.", "It smokes."], False)
    ]
    assert floor.ask("SELECT count(*) FROM cases") == [(1,)]
    counts = floor.counts()
    assert (counts["received"], counts["opened"], counts["duplicate"]) == (60, 1, 57)


@pytest.mark.parametrize("seed", range(4))
def test_an_alarm_is_one_and_opens_one_case(floor: Floor, seed: int) -> None:
    told = [readings(("te/device/pump-7///a/overheat", HOT)), readings(("te/device/pump-8///a/overheat", HOT))]
    floor.settle(*(shuffled(floor, partition, told, seed * 10 + partition) for partition in (0, 1)))
    assert floor.ask("SELECT device, active FROM alarm ORDER BY device") == [("pump-7", True), ("pump-8", True)]
    assert floor.ask("SELECT device FROM cases ORDER BY device") == [("pump-7",), ("pump-8",)]
    assert floor.counts() == {"received": 40, "opened": 2, "duplicate": 38}


def test_of_a_record_of_many_each_message_is_counted_once(floor: Floor) -> None:
    many = readings(
        ("te/device/pump-7///m/", b'{"temperature":81.5,"time":"2026-03-02T08:59:00Z"}'),
        ("te/device/pump-7///m/", b"no JSON at all"),
        ("te/device/pump-7///a/overheat", HOT),
        ("te/device/pump-7///m/", b'{"temperature":82,"pressure":3}'),
        ("te/device/pump-8///m/", b"{"),
        ("te/device/pump-7///m/", b'{"temperature":12,"time":"2026-03-02T08:00:00Z"}'),
    )
    floor.settle([[floor.record(0, many)]])
    assert floor.counts() == {"received": 6, "opened": 1, "recorded": 3, "dead": 2}
    assert floor.ask("SELECT name, value FROM device_state WHERE device = 'pump-7' ORDER BY name") == [
        ("pressure", 3),
        ("temperature", 82),
    ]
    assert floor.ask("SELECT item, kind, count FROM dead_letter ORDER BY item") == [
        (1, "unreadable", 1),
        (4, "unreadable", 1),
    ]
    assert floor.ask("SELECT count(*) FROM message") == [(1,)], "readings leave no row of their own"


def test_a_reading_that_its_own_clock_shows_to_be_repeated_is_a_duplicate(floor: Floor) -> None:
    dated = ("te/device/pump-7///m/", b'{"temperature":81.5,"time":"2026-03-02T08:59:00Z"}')
    undated = ("te/device/pump-7///m/", b'{"pressure":3}')
    floor.settle([[floor.record(0, readings(dated, undated)), floor.record(0, readings(dated, undated, dated))]])
    assert floor.counts() == {"received": 5, "recorded": 3, "duplicate": 2}


def test_an_alarm_of_a_feed_that_was_not_there_is_settled_when_it_is(floor: Floor) -> None:
    elsewhere = replace(readings(("te/device/pump-7///a/overheat", HOT)), source="/mqtt/other")
    floor.settle([[floor.record(0, elsewhere)]])
    assert floor.counts() == {"received": 1, "dead": 1}
    ((letter,),) = floor.ask("SELECT id FROM dead_letter")
    more = CONFIG + '[[device_feed]]\nname = "other"\ntopics = ["te/#"]\nformat = "thin-edge"\n'
    config = parse_config(more, {"postgres": {"dsn": floor.dsn}})

    async def retry() -> Verdict:
        retrial = app.build_retrial(config)
        try:
            return await retrial(letter)
        finally:
            await retrial.close()

    verdict = asyncio.run(retry())
    assert (verdict.state, verdict.outcome, verdict.case) == ("settled", "opened", 1001)
    assert floor.counts() == {"received": 1, "opened": 1}


def test_readings_of_many_devices_by_two_settlers_do_not_block_each_other(floor: Floor) -> None:
    def job(partition: int) -> list[list[Record]]:
        names = [f"te/device/d{number}///m/" for number in range(50)]
        random.Random(partition).shuffle(names)  # noqa: S311  # a test's own order
        return [
            [floor.record(partition, readings(*((name, b'{"t":%d}' % turn) for name in names)))] for turn in range(10)
        ]

    floor.settle(job(0), job(1))
    assert floor.counts() == {"received": 1000, "recorded": 1000}
    assert floor.ask("SELECT count(*) FROM device_state") == [(50,)]


@pytest.mark.parametrize(
    "told",
    [
        call_event("11111", "newCall", 0, fromName="a\0b", user="x" * 5000),
        call_event("a\0b" * 900, "hangup", 0, cause="cancel"),
        comment("add", "a\0b", 0),
        comment("add", "x" * 200_000, 0),
        readings(("te/device/pump-7///a/over\0heat", b'{"severity":"critical","text":"a\\u0000b\\ud800c"}')),
        readings(("te/device/" + "p" * 5000 + "///a/overheat", b'{"severity":"critical"}')),
        readings(("te/device/pump-7///m/", b'{"t\\u0000":1,"u":1e400,"v":%s}' % (b"9" * 5000))),
        readings(("te/device/pump-7///e/login", b'{"text":"a\\u0000b"}')),
    ],
    ids=["name", "call id", "comment", "long comment", "alarm", "device", "numbers", "event"],
)
def test_nothing_a_stranger_writes_is_a_surprise(floor: Floor, told: Envelope) -> None:
    floor.settle([[floor.record(0, told)]])
    assert floor.ask("SELECT reason FROM dead_letter WHERE kind = 'unexpected'") == []
    assert sum(floor.counts().values()) == 2, "received, and one outcome"


def test_what_is_known_of_a_call_is_locked_until_it_is_written(floor: Floor) -> None:
    """Two workers may know one call by different keys; what one adds must not be written over by the other."""
    floor.settle([[floor.record(0, call_event("11111", "newCall", 0))]])
    ((key,),) = floor.ask("SELECT key FROM activity_key ORDER BY key LIMIT 1")

    async def scenario() -> None:
        store = PostgresStore(floor.dsn)
        async with store.transaction() as tx:
            facts = await tx.read(Wanted(set(), set(), set(), set(), set(), ChannelWanted(about={key})))
            assert facts.channels.activities
            with pytest.raises(psycopg.errors.LockNotAvailable):
                floor.ask("SELECT FROM activity_key FOR UPDATE NOWAIT")
        await store.close()

    asyncio.run(scenario())
