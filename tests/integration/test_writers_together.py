"""Every kind of writer at the same cases at once: nobody waits in a circle, since all take their locks in one order."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.queues.desk import Given
from pipeline.agents.rules import compile_rules
from pipeline.config import Config, parse_config
from pipeline.domain.contacts import MergeContacts, UnmergeContact
from pipeline.domain.orders import Attach, Cancel, Hold, Merge, Order, Plan, Reactivate, Resolve, SetField, Unmerge
from pipeline.domain.tokens import TokenKeys
from pipeline.errors import Retry
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.parse.phone import CONTENT_TYPES
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "the secret of this desk"
TEXT = f"""
[desk]
domain = "cases.desk.example"
secret = "{SECRET}"
[[queue]]
name = "Support"
children = "close"
waiting = {{ remind = "2s", resolve = "4s" }}
overflow = {{ after = "3s", to = "Late" }}
[[queue]]
name = "Late"
[[mailbox]]
address = "support@desk.example"
acknowledge = true
[[phone]]
name = "pbx"
opens_case = "always"
[[device_feed]]
name = "plant"
topics = ["plant/#"]
format = "json"
device = "plant/{{device}}/+"
[[alarm]]
name = "overheat"
when = "name == 'temperature' && value > 70.0"
reopen_s = 5
opens_case = true
severity = "high"
resolve_on_clear = true
group = {{ by = "device.gateway", more_than = 1, within_s = 60 }}
[[alarm]]
name = "lasting"
when = "name == 'temperature' && value > 50.0"
for_s = 2
opens_case = true
[[route]]
name = "all"
when = "true"
assign = "least_active"
[[sla]]
name = "Gold"
default = true
[[sla.kpi]]
name = "first_response"
counts_from = "case.opened_at"
warn_after = "1s"
fail_after = "2s"
met_when = "case.first_response_at != null"
"""
PEOPLE = ("ana", "bob", "eva")
TOKENS = TokenKeys("cases.desk.example", (SECRET.encode(),))
ROUNDS = 20


def a_mail(chance: random.Random, number: int, numbers: list[int]) -> tuple[bytes, str]:
    """A mail of somebody, new or about any case, or a report that a mail of ours did not arrive."""
    who, token = (
        chance.choice(PEOPLE),
        TOKENS.message_id(chance.choice(numbers), "u") if numbers else "<none@x.example>",
    )
    head = f"Message-ID: <{number}-{chance.random()}@x.example>\nTo: support@desk.example\nSubject: {number}\n"
    if chance.random() < 0.3:  # three in ten
        report = (
            "--b\n\nGone.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: "
        )
        kind = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"
        whole = f"From: mailer-daemon@x.example\nIn-Reply-To: {token}\n{head}{kind}\n"
        return f"{whole}{report}rfc822; {who}@x.example\nAction: failed\nStatus: 5.1.1\n--b--\n".encode(), "x"
    answers = f"In-Reply-To: {token}\n" if chance.random() < 0.7 else ""  # seven in ten
    return f"From: {who}@x.example\n{answers}{head}\nHelp with {chance.random()}.\n".encode(), "x"


def a_call(chance: random.Random, number: int) -> tuple[bytes, str]:
    event = chance.choice(("newCall", "answer", "hangup"))
    told = {"event": event, "callId": f"c{number // 3}", "direction": "in", "from": f"+49301000{chance.randrange(3)}",
            "to": "+4989555"}  # fmt: skip
    return orjson.dumps(told), CONTENT_TYPES["cti"]


def some_readings(chance: random.Random, number: int) -> tuple[bytes, str]:  # noqa: ARG001  # every maker has this form
    return write_readings([
        Message(f"plant/pump-{chance.randrange(3)}/env", orjson.dumps({"temperature": chance.choice((20, 60, 90))}))
        for _ in range(3)
    ]), READINGS  # fmt: skip


def any_order(chance: random.Random, cases: list[UUID], activities: list[UUID]) -> Order:
    other = chance.choice(cases)
    orders: list[Order] = [
        Merge(other, confirmed=True), Unmerge(), SetField("parent", other), Reactivate(), Cancel(), Hold(),
        Resolve(cancel_open=True, children="close"), Hold(status="waiting for details"), Plan(subject="Do it"),
        Attach(chance.choice(activities)),
    ]  # fmt: skip
    return chance.choice(orders)


class Floor:
    """The writers of one desk, each with a connection of its own; all go on until each has done its rounds."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.dsn = dsn
        self.config: Config = parse_config(TEXT, {"postgres": {"dsn": dsn}})
        self.seed = seed
        self.stores: list[PostgresStore] = []
        self.working = 0

    def store(self) -> PostgresStore:
        self.stores.append(PostgresStore(self.dsn))
        return self.stores[-1]

    async def known(self, what: str) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await connection.execute(what.encode())
            return [row[0] for row in await rows.fetchall()]

    async def settle(self, channel: str, partition: int, source: str) -> None:
        chance = random.Random(f"{self.seed} {channel} {partition}")  # noqa: S311  # repeatable
        settler = app.build_settler(self.config, self.store())
        offset = 0
        for turn in range(ROUNDS):
            numbers = [int(one) for one in await self.known("SELECT number FROM cases")]
            records = []
            for _ in range(4):
                raw, kind = (
                    a_mail(chance, partition * 1000 + offset, numbers) if channel == "email"
                    else a_call(chance, offset) if channel == "phone" else some_readings(chance, offset)
                )  # fmt: skip
                kind = "message/rfc822" if channel == "email" else kind
                count = 3 if channel == "iot" else 1
                name, at = f"{channel}{partition}-{offset}", START + timedelta(seconds=turn)
                envelope = Envelope(id=name, channel=channel, source=source, key="k", time=at, raw=raw, count=count,
                                    content_type=kind)  # fmt: skip
                headers = tuple(envelope.headers())
                records.append(Record(f"inbound.{channel}", partition, offset, b"k", raw, headers))
                offset += 1
            await settler(records)

    async def work(self, who: int) -> None:
        chance = random.Random(f"{self.seed} {who}")  # noqa: S311  # repeatable
        casework = app.build_casework(compile_rules(self.config), self.store())
        for turn in range(2 * ROUNDS):
            cases, activities = await self.known("SELECT id FROM cases"), await self.known("SELECT id FROM activity")
            if cases and activities:
                order, by = any_order(chance, cases, activities), Deed(START + timedelta(seconds=turn / 2))
                await insistently(partial(casework.do, chance.choice(cases), order, by))

    async def merge(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311  # repeatable
        contacts = app.build_contacts(compile_rules(self.config), self.store())
        for turn in range(2 * ROUNDS):
            one, other = (f"{who}@x.example" for who in chance.sample(PEOPLE, 2))
            order = chance.choice([MergeContacts(one, other), UnmergeContact(one)])
            await insistently(partial(contacts.do, order, Deed(START + timedelta(seconds=turn / 2))))

    async def pick(self) -> None:
        desk = app.build_queue_desk(compile_rules(self.config), self.store())
        for turn in range(ROUNDS):
            at = Deed(START + timedelta(seconds=turn), "agent", "rui")
            await insistently(partial(desk.present, "rui", "available", at))
            given = await insistently(partial(desk.pick, "rui", at))
            if isinstance(given, Given):
                await insistently(partial(desk.release, "rui", given.item.ref, at))

    async def tick(self) -> None:
        timers = app.build_timers(compile_rules(self.config), self.store())
        turn = 0
        while self.working:
            now = START + timedelta(seconds=min(turn / 4, ROUNDS + 10))
            await insistently(partial(timers.fire, {}, now))
            turn += 1

    async def everybody(self) -> None:
        partitions = [("email", 0), ("email", 1), ("phone", 0), ("iot", 0)]
        sources = {"email": "/email/support@desk.example", "phone": "/phone/pbx", "iot": "/iot/plant"}
        bounds = {Partition(f"inbound.{channel}", place): Bounds(0, 10_000) for channel, place in partitions}
        await PostgresLedger(self.dsn).assign("test", bounds)
        jobs = [*(self.settle(channel, place, sources[channel]) for channel, place in partitions),
                self.work(1), self.work(2), self.merge(), self.pick()]  # fmt: skip
        self.working = len(jobs)

        async def one(job: Awaitable[None]) -> None:
            try:
                await job
            finally:
                self.working -= 1

        await asyncio.gather(self.tick(), *(one(job) for job in jobs))
        for store in self.stores:
            await store.close()


async def insistently(do: Callable[[], Awaitable[object]]) -> object:
    while True:
        try:
            return await do()
        except Retry:
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(2))
def test_nobody_waits_in_a_circle(seed: int, new_database: Callable[[], str]) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO agent (id, external_id, name, queues, capacity)"
            " VALUES (gen_random_uuid(), 'rui', 'Rui', '{Support,Late}', 1000)"
        )
        connection.execute(
            "INSERT INTO device (id, external_id, name, gateway)"
            " SELECT gen_random_uuid(), 'pump-' || n, n::text, 'gw-1' FROM generate_series(0, 2) AS n"
        )
    asyncio.run(Floor(dsn, seed).everybody())
    with psycopg.connect(dsn, autocommit=True) as connection:
        [(deadlocks,)] = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchall()
        [(dead,)] = connection.execute("SELECT count(*) FROM dead_letter").fetchall()
        [(failing,)] = connection.execute("SELECT count(*) FROM timer WHERE failures > 0").fetchall()
        told = connection.execute("SELECT key, count(*), max(seq) FROM event GROUP BY key").fetchall()
    assert (deadlocks, dead, failing) == (0, 0, 0)
    assert [key for key, count, last in told if count != last] == []
