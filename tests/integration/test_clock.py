"""Housekeeping on real parts: room for events, an end for old ones, and never a record too early."""

import asyncio
import os
import signal
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from desk import Desk
from rounds import NOON, ask, execute, in_round
from running import eventually

from pipeline.agents.clock import Clock
from pipeline.agents.rules import compile_rules
from pipeline.agents.ticker import Ticker
from pipeline.app import build_timers
from pipeline.blobs import BlobStore
from pipeline.config.sections import Kafka
from pipeline.kafka_admin import KafkaJanitor, cluster_id
from pipeline.log import KafkaLog, partition_bounds
from pipeline.store.housekeeping import Housekeeping, Round
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.watermarks import KafkaWatermarks
from pipeline.wire import Bounds, Envelope, Partition

pytestmark = pytest.mark.integration


def add_event(dsn: str, at: datetime, *, waits: bool = False) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        identity = connection.execute(
            "INSERT INTO event (id, key, seq, type, data, at) VALUES (gen_random_uuid(), 'k', 1, 't', '{}', %s)"
            " RETURNING id",
            (at,),
        ).fetchone()
        assert identity is not None
        if waits:
            connection.execute("INSERT INTO outbox (event_id, at) VALUES (%s, %s)", (*identity, at))


DAYS = "SELECT relname::text FROM pg_class WHERE relname ~ '^event_\\d{8}$' ORDER BY 1"


def test_there_is_room_for_today_and_three_days_more(migrated: str) -> None:
    async def twice(one: Round) -> None:
        assert await one.make_room() == [date(2026, 3, day) for day in (2, 3, 4, 5)]
        assert await one.make_room() == []

    in_round(migrated, twice, NOON)
    assert ask(migrated, DAYS) == ["event_20260302", "event_20260303", "event_20260304", "event_20260305"]
    add_event(migrated, NOON)
    assert ask(migrated, "SELECT count(*) FROM event_20260302") == [1]


def test_a_day_that_began_in_the_default_partition_stays_there(migrated: str) -> None:
    add_event(migrated, NOON)

    async def room(one: Round) -> None:
        assert await one.make_room() == [date(2026, 3, day) for day in (3, 4, 5)]

    in_round(migrated, room, NOON)
    add_event(migrated, NOON)
    assert ask(migrated, "SELECT count(*) FROM event_other") == [2]


def test_days_past_keeping_are_dropped_once_all_is_published(migrated: str) -> None:
    async def room(one: Round) -> None:
        await one.make_room()

    in_round(migrated, room, NOON)
    add_event(migrated, NOON)
    add_event(migrated, NOON + timedelta(days=1), waits=True)
    add_event(migrated, NOON + timedelta(days=40))
    add_event(migrated, NOON - timedelta(days=1))
    execute(
        migrated,
        "INSERT INTO event_position (pos, event_id, at) SELECT row_number() OVER (ORDER BY at), id, at FROM event",
    )

    async def drop(one: Round) -> None:
        assert await one.drop_old_events() == [date(2026, 3, 2)], "the 3rd still waits to be published"
        assert await one.delete_other_events() == 1
        assert await one.delete_positions() == 2

    in_round(migrated, drop, NOON + timedelta(days=36))
    assert ask(migrated, "SELECT count(*) FROM event") == [2]
    assert ask(migrated, "SELECT pos FROM event_position ORDER BY pos") == [3, 4]

    async def drop_the_rest(one: Round) -> None:
        assert [day.day for day in await one.drop_old_events()] == [3, 4, 5]

    execute(migrated, "DELETE FROM outbox")
    in_round(migrated, drop_the_rest, NOON + timedelta(days=36))


def test_of_two_clocks_one_keeps_house(migrated: str) -> None:
    async def scenario() -> None:
        async with Housekeeping(migrated).round() as first, Housekeeping(migrated).round() as second:
            assert first is not None
            assert second is None
        async with Housekeeping(migrated).round() as third:
            assert third is not None

    asyncio.run(scenario())


def clock(desk: Desk, blobs: BlobStore) -> Clock:
    timers = build_timers(compile_rules(desk.config), PostgresStore(desk.dsn))
    ticker = Ticker(timers, KafkaWatermarks(desk.kafka, PostgresLedger(desk.dsn)))
    return Clock(ticker, Housekeeping(desk.dsn), KafkaJanitor(desk.kafka), blobs, lambda: None)


async def publish(desk: Desk, count: int) -> Partition:
    """So many records of one conversation; the partition that has them."""
    async with KafkaLog(desk.kafka) as log:
        for _ in range(count):
            record = desk.mail(0, "one")
            await log.publish(Envelope.of_record(record.key, record.value, record.headers))
    bounds = await partition_bounds(desk.kafka, ["inbound.email"])
    return next(where for where, bound in bounds.items() if bound.end)


async def start_of(desk: Desk, where: Partition) -> int:
    return (await partition_bounds(desk.kafka, ["inbound.email"]))[where].start


async def round_later(desk: Desk, blobs: BlobStore, age: timedelta) -> None:
    """A round when the marks written so far are that old."""
    execute(desk.dsn, "UPDATE ledger_mark SET at = at - %s", age)
    await clock(desk, blobs).round()


def test_a_record_is_deleted_seven_days_after_it_was_settled_and_never_before(
    tmp_path: Path, migrated: str, topics: Kafka
) -> None:
    desk, blobs = Desk(tmp_path, migrated, topics), BlobStore(tmp_path / "blobs")

    async def scenario() -> None:
        where = await publish(desk, 5)
        await PostgresLedger(migrated).assign(await cluster_id(topics), {where: Bounds(0, 5)})
        execute(migrated, "UPDATE offset_ledger SET next = 3, settled = 3")
        await clock(desk, blobs).round()
        await round_later(desk, blobs, timedelta(days=6, hours=23))
        assert await start_of(desk, where) == 0, "settled less than seven days ago"
        execute(migrated, "UPDATE offset_ledger SET next = 4, settled = 4")
        await round_later(desk, blobs, timedelta(hours=2))
        assert await start_of(desk, where) == 3, "the fourth was settled just now, the fifth not at all"
        execute(migrated, "UPDATE offset_ledger SET epoch = 1, next = 0, settled = 0")
        await round_later(desk, blobs, timedelta(days=8))
        assert await start_of(desk, where) == 3, "the marks of another epoch tell of another log"

    asyncio.run(scenario())


def test_a_blob_goes_when_it_is_old_and_unowned_and_no_record_can_still_claim_it(
    tmp_path: Path, migrated: str, topics: Kafka
) -> None:
    desk, blobs = Desk(tmp_path, migrated, topics), BlobStore(tmp_path / "blobs")

    def put(raw: bytes, age: timedelta) -> str:
        digest = blobs.put(raw)
        then = (datetime.now(UTC) - age).timestamp()
        os.utime(blobs._path(digest), (then, then))
        return digest

    async def scenario() -> None:
        where = await publish(desk, 2)
        await PostgresLedger(migrated).assign(await cluster_id(topics), {where: Bounds(0, 2)})
        orphan, young = put(b"orphan", timedelta(days=9)), put(b"young", timedelta(days=6))
        owned, again = put(b"owned", timedelta(days=9)), put(b"again", timedelta(days=9))
        execute(migrated, "INSERT INTO blob_ref (digest, owner) VALUES (%s, gen_random_uuid())", owned)
        blobs.put(b"again")
        there = {orphan, young, owned, again}
        await clock(desk, blobs).round()
        await round_later(desk, blobs, timedelta(hours=2))
        assert {digest for digest in there if blobs._path(digest).exists()} == there, "a record waits that may name it"
        execute(migrated, "UPDATE offset_ledger SET next = 2, settled = 2")
        await round_later(desk, blobs, timedelta(hours=2))
        assert {digest for digest in there if blobs._path(digest).exists()} == {young, owned, again}

    asyncio.run(scenario())


def test_the_process_is_ready_although_kafka_is_away_and_ends_in_peace(tmp_path: Path, migrated: str) -> None:
    read, write = os.pipe()
    with subprocess.Popen(  # noqa: S603  # the command under test
        Desk(tmp_path, migrated).command("clock"),
        pass_fds=[write],
        env={**os.environ, "CASESTREAM_READY_FD": str(write)},
        stderr=subprocess.PIPE,
    ) as process:
        os.close(write)
        with os.fdopen(read, "rb") as ready:
            assert ready.readline() == b"ready\n"
        eventually(lambda: len(ask(migrated, DAYS)) == 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert b"round ended early" in process.stderr.read()


def test_a_postgres_that_is_away_is_left_for_the_next_round(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    asyncio.run(clock(desk, BlobStore(tmp_path / "blobs")).round())
