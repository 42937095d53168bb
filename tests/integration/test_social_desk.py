"""From webhook to case: deliveries repeated, turned around and at the same time leave one activity an item."""

import asyncio
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import httpx
import psycopg
import pytest
from http_port import http_port

from pipeline.agents.reading.record import Reader
from pipeline.agents.reading.turn import ReadHere
from pipeline.agents.rules import compile_rules
from pipeline.agents.settle import Settler
from pipeline.api.app import create_app
from pipeline.app import build_intake, build_routes
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

SECRET = "app-secret"
TOPIC = "inbound.social"
LANES = (Partition(TOPIC, 0), Partition(TOPIC, 1))
CONFIG = Config.model_validate(
    {
        "desk": {"domain": "desk.example", "secret": "a-secret-of-the-test-desk"},
        "social": [{"platform": "facebook", "app_secret": SECRET, "verify_token": "v", "page_id": "100"}],
    }
)


def comment(verb: str, text: str, at: int) -> bytes:
    value = {
        "item": "comment",
        "verb": verb,
        "comment_id": "5_9",
        "post_id": "100_5",
        "from": {"id": "7", "name": "Ana"},
        "message": text,
        "created_time": 1_772_442_000,
    }
    entry = {"id": "100", "time": 1_772_442_000 + at, "changes": [{"field": "feed", "value": value}]}
    return json.dumps({"object": "page", "entry": [entry]}).encode()


def said(*numbers: int) -> bytes:
    events = [
        {
            "sender": {"id": "8"},
            "recipient": {"id": "100"},
            "timestamp": 1_772_442_000_000 + number,
            "message": {"mid": f"m_{number}", "text": f"Message {number}"},
        }
        for number in numbers
    ]
    return json.dumps({"object": "page", "entry": [{"id": "100", "messaging": [*events]}]}).encode()


DELIVERIES = [
    comment("add", "It does not print", 0),
    comment("edited", "Nothing prints", 60),
    comment("edited", "Nothing prints at all", 120),
    said(1, 2),
    said(3),
]
REMOVAL = comment("remove", "", 180)


def delivered(deliveries: Sequence[bytes], data: Path) -> list[Envelope]:
    """What the log holds after all were posted at once over the real port."""
    log = MemoryLog()

    async def run() -> None:
        publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))
        async with (
            http_port(create_app(build_routes(CONFIG, publisher))) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            posts = [
                http.post(
                    "/social/facebook",
                    content=raw,
                    headers={"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), raw, sha256).hexdigest()},
                )
                for raw in deliveries
            ]
            assert {reply.status_code for reply in await asyncio.gather(*posts)} == {200}

    asyncio.run(run())
    return log.published


def settled(envelopes: Sequence[Envelope], dsn: str, data: Path) -> None:
    """Settle them in two lanes at once, whatever their keys are, so that the rows alone can tell them apart."""
    lanes: tuple[list[Record], ...] = ([], [])
    for number, envelope in enumerate(envelopes):
        lane = lanes[number % 2]
        record = Record(TOPIC, number % 2, len(lane), envelope.key.encode(), envelope.raw, tuple(envelope.headers()))
        lane.append(record)

    async def settle(lane: Sequence[Record]) -> None:
        store = PostgresStore(dsn)
        rules = compile_rules(CONFIG)
        settler = Settler(store, ReadHere(Reader(rules, BlobStore(data))), build_intake(rules))
        try:
            for start in range(0, len(lane), 7):
                await settler(lane[start : start + 7])
        finally:
            await store.close()

    async def run() -> None:
        await PostgresLedger(dsn).assign("test", dict.fromkeys(LANES, Bounds(0, 10_000)))
        await asyncio.gather(*map(settle, lanes))

    asyncio.run(run())


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_times_in_any_order_is_one_activity_each(
    seed: int, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    chance = random.Random(seed)  # noqa: S311  # an order, not a secret
    deliveries = [raw for _ in range(10) for raw in chance.sample(DELIVERIES, len(DELIVERIES))]
    envelopes = delivered(deliveries, tmp_path)
    assert len(envelopes) == 60
    chance.shuffle(envelopes)
    dsn = new_database()
    settled(envelopes, dsn, tmp_path)

    outcomes = Counter(outcome for (outcome,) in rows(dsn, "SELECT outcome FROM message"))
    assert (outcomes["duplicate"], outcomes["dead"], sum(outcomes.values())) == (54, 0, 60)
    assert sorted(body for (body,) in rows(dsn, "SELECT body FROM activity")) == [
        "Message 1",
        "Message 2",
        "Message 3",
        "Nothing prints at all",
    ]
    assert rows(dsn, "SELECT count(*) FROM cases") == [(2,)]


def test_a_removal_before_the_comment_leaves_it_hidden_and_opens_nothing_twice(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    envelopes = delivered([REMOVAL], tmp_path) + delivered([DELIVERIES[1]], tmp_path) + delivered(DELIVERIES, tmp_path)
    dsn = new_database()
    settled(envelopes, dsn, tmp_path)
    found = rows(dsn, "SELECT body, hidden FROM activity WHERE body NOT LIKE 'Message%'")
    assert len(found) == 1
    assert found[0][1] is True
    assert rows(dsn, "SELECT count(*) FROM message WHERE outcome = 'dead'") == [(0,)]
