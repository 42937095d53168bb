"""Webhooks of social platforms through the real HTTP port: who is believed, what is kept, what hostile clients get."""

import asyncio
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from doors import Client
from http_port import http_port

from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.social import SocialConnector
from pipeline.connectors.social_http import SocialRoutes
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog

SECRET, CONSUMER_SECRET, TOKEN = "app-secret", "consumer", "verify-me"
CONFIG = Config.model_validate(
    {
        "http": {"max_size": 500_000, "proxies": ["127.0.0.1/32"]},
        "social": [
            {"platform": "facebook", "app_secret": SECRET, "verify_token": TOKEN, "page_id": "100"},
            {
                "platform": "facebook",
                "name": "second",
                "app_secret": SECRET,
                "verify_token": "another",
                "page_id": "200",
            },
            {"platform": "x", "app_secret": CONSUMER_SECRET},
            {"platform": "facebook", "name": "lost", "app_secret": "env:NO_SUCH_SECRET", "verify_token": TOKEN},
            {"platform": "x", "name": "bare"},
            {"platform": "mastodon", "server": "https://m.example", "access_token": "t"},
        ],
    }
)


@asynccontextmanager
async def serving(log: MemoryLog, data: Path, body_seconds: float = 10.0) -> AsyncIterator[int]:
    publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))
    routes = SocialRoutes(SocialConnector(CONFIG, publisher), CONFIG.http, body_seconds)
    async with http_port(create_app([routes.router()])) as port:
        yield port


def over_http(
    scenario: Callable[[httpx.AsyncClient], Awaitable[None]], data: Path, log: MemoryLog | None = None
) -> MemoryLog:
    log = log or MemoryLog()

    async def run() -> None:
        async with serving(log, data) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await scenario(http)

    asyncio.run(run())
    return log


def comment(number: int, page: str = "100", **value: object) -> dict[str, object]:
    told = {
        "item": "comment",
        "verb": "add",
        "comment_id": f"5_{number}",
        "post_id": "100_5",
        "from": {"id": "7", "name": "Ana"},
        "message": "It does not print",
        "created_time": 1_700_000_000 + number,
        **value,
    }
    return {"id": page, "time": 1_700_000_100, "changes": [{"field": "feed", "value": told}]}


def delivery(*entries: object) -> bytes:
    return json.dumps({"object": "page", "entry": entries}).encode()


def messages(*said: object) -> bytes:
    return delivery({"id": "100", "time": 1_700_000_100_000, "messaging": said})


def message(number: int, text: str = "Hello") -> dict[str, object]:
    return {
        "sender": {"id": "7"},
        "recipient": {"id": "100"},
        "timestamp": 1_700_000_000_000 + number,
        "message": {"mid": f"m_{number}", "text": text},
    }


def signed(raw: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), raw, sha256).hexdigest()}


def signed_by_x(raw: bytes, secret: str = CONSUMER_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), raw, sha256).digest()
    return {"x-twitter-webhooks-signature": "sha256=" + b64encode(digest).decode()}


def test_a_delivery_is_published_item_by_item_and_then_settled(tmp_path: Path) -> None:
    raw = delivery(comment(1), comment(2))

    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/social/facebook", content=raw, headers=signed(raw))
        assert (reply.status_code, reply.text) == (200, "EVENT_RECEIVED")

    first, second = over_http(scenario, tmp_path).published
    assert (first.id, second.id) == ("facebook:5_1:add", "facebook:5_2:add")
    assert (first.channel, first.source, first.key) == ("social", "/social/facebook", "100_5")
    assert first.facts == {"platform": "facebook", "social": "facebook"}
    assert json.loads(first.raw) == json.loads(delivery(comment(1)))
    assert json.dumps(comment(1)["changes"][0]).encode() in first.raw  # type: ignore[index]


def test_one_address_serves_all_pages_of_an_app(tmp_path: Path) -> None:
    raw = delivery(comment(1), comment(2, page="200"), comment(3, page="999"))

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/social/facebook", content=raw, headers=signed(raw))).status_code == 200

    sources = {envelope.id: envelope.source for envelope in over_http(scenario, tmp_path).published}
    assert sources == {
        "facebook:5_1:add": "/social/facebook",
        "facebook:5_2:add": "/social/second",
        "facebook:5_3:add": "/social/facebook",
    }


def test_messages_of_one_pair_keep_their_order(tmp_path: Path) -> None:
    raw = messages(*(message(number) for number in range(50)))

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/social/facebook", content=raw, headers=signed(raw))).status_code == 200

    published = over_http(scenario, tmp_path).published
    assert [envelope.id for envelope in published] == [f"messenger:m_{number}:add" for number in range(50)]
    assert {(envelope.key, envelope.facts["platform"]) for envelope in published} == {("7-100", "messenger")}


def test_one_bad_item_of_a_hundred_does_not_keep_the_others_out(tmp_path: Path) -> None:
    raw = messages(*(message(number) for number in range(99)), "broken")

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/social/facebook", content=raw, headers=signed(raw))).status_code == 200

    ids = [envelope.id for envelope in over_http(scenario, tmp_path).published]
    assert len(ids) == len(set(ids)) == 100
    assert sum(name.startswith("unreadable:") for name in ids) == 1


def test_ten_deliveries_in_any_order_are_one_change_each(tmp_path: Path) -> None:
    bodies = [
        delivery(comment(1)),
        delivery(comment(1, verb="edited", message="Now it prints")),
        delivery(comment(1, verb="remove")),
        messages(message(1), message(2)),
    ]

    async def scenario(http: httpx.AsyncClient) -> None:
        posts = [
            http.post("/social/facebook", content=raw, headers=signed(raw))
            for turn in range(10)
            for raw in (bodies if turn % 2 else bodies[::-1])
        ]
        assert {reply.status_code for reply in await asyncio.gather(*posts)} == {200}

    published = over_http(scenario, tmp_path).published
    assert len(published) == 50
    ids = {envelope.id for envelope in published}
    assert ids == {
        "facebook:5_1:add",
        "facebook:5_1:edit:1700000100.000",
        "facebook:5_1:remove",
        "messenger:m_1:add",
        "messenger:m_2:add",
    }
    assert len({(envelope.id, envelope.raw) for envelope in published}) == 5


RAW = delivery(comment(1))


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (RAW, {}),
        (RAW, {"X-Hub-Signature-256": ""}),
        (RAW, {"X-Hub-Signature-256": signed(RAW)["X-Hub-Signature-256"][:-1]}),
        (RAW, {"X-Hub-Signature-256": signed(RAW)["X-Hub-Signature-256"].removeprefix("sha256=")}),
        (RAW, {"X-Hub-Signature-256": "sha256=é"}),
        (RAW, signed(RAW, "another app")),
        (json.dumps(json.loads(RAW), indent=1).encode(), signed(RAW)),
        (RAW + b" ", signed(RAW)),
        (RAW, {"X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), RAW, "sha1").hexdigest()}),
        (RAW, signed_by_x(RAW)),
    ],
    ids=["missing", "empty", "truncated", "bare", "odd", "other app", "serialised again", "longer", "sha1", "x"],
)
def test_what_the_app_did_not_sign_is_not_believed(content: bytes, headers: dict[str, str], tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        encoded = {name: value.encode() for name, value in headers.items()}
        reply = await http.post("/social/facebook", content=content, headers=encoded)
        assert (reply.status_code, reply.headers["content-type"]) == (401, "application/problem+json")
        reply = await http.post("/social/x", content=content, headers=encoded)
        assert reply.status_code == (401 if "x-twitter-webhooks-signature" not in headers else 200)

    published = over_http(scenario, tmp_path).published
    assert not [envelope for envelope in published if envelope.source == "/social/facebook"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b'{"object":NaN}', 400),
        (b'{"object":"page","object":"page"}', 400),
        (b"[" * 100_000, 400),
        (b'{"n":' + b"9" * 400_000 + b"}", 400),
        (b"\xff{}", 400),
        (b'"text"', 400),
        (b"x" * 500_001, 413),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_no_platform_sends_is_refused_though_signed(content: bytes, status: int, tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/social/facebook", content=content, headers=signed(content))
        assert (reply.status_code, reply.json()["status"]) == (status, status)
        assert reply.json()["detail"]
        packed = await http.post("/social/facebook", content=b"x", headers={"Content-Encoding": "gzip"})
        assert packed.status_code == 415

    assert not over_http(scenario, tmp_path).published


def test_half_a_character_is_no_reason_to_lose_the_others(tmp_path: Path) -> None:
    raw = messages(message(1, "a\0b\ud83d"), message(2))

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/social/facebook", content=raw, headers=signed(raw))).status_code == 200

    assert len(over_http(scenario, tmp_path).published) == 2


def test_without_kafka_the_platform_sends_again(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/social/facebook", content=RAW, headers=signed(RAW))
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")

    assert not over_http(scenario, tmp_path, MemoryLog(away=True)).published


def test_facebook_is_answered_when_it_knows_the_token(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        async def ask(page: str = "facebook", **more: str) -> httpx.Response:
            query = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
            return await http.get(f"/social/{page}", params=query | {f"hub.{k}": v for k, v in more.items()})

        reply = await ask()
        assert (reply.status_code, reply.text) == (200, "1158201444")
        assert reply.headers["content-type"].startswith("text/plain")
        assert (await ask(verify_token="guess")).status_code == 403
        assert (await ask(mode="unsubscribe")).status_code == 403
        assert (await ask(challenge="<script>")).status_code == 403
        assert (await ask("second")).status_code == 403
        assert (await ask("mastodon")).status_code == 404
        assert (await ask("nobody")).status_code == 404

    over_http(scenario, tmp_path)


def test_guesses_and_challenges_by_the_thousand_are_slowed_down(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        async def ask(path: str, client: str) -> httpx.Response:
            return await http.get(path, headers={"X-Forwarded-For": client})

        guesses = [await ask(f"/social/facebook?hub.verify_token={number}", "203.0.113.1") for number in range(40)]
        assert [reply.status_code for reply in guesses] == [403] * 30 + [429] * 10
        assert int(guesses[-1].headers["retry-after"]) > 0
        challenges = [await ask("/social/x?crc_token=abc", "203.0.113.2") for _ in range(40)]
        assert [reply.status_code for reply in challenges] == [200] * 30 + [429] * 10
        assert (await ask("/social/x?crc_token=abc", "203.0.113.3")).status_code == 200

    over_http(scenario, tmp_path)


def test_forgeries_by_the_hundred_are_slowed_down_and_hinder_nobody(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        forged = [(await http.post("/social/facebook", content=b"{}")).status_code for _ in range(70)]
        assert forged == [401] * 60 + [429] * 10
        assert (await http.post("/social/facebook", content=RAW, headers=signed(RAW))).status_code == 200

    assert len(over_http(scenario, tmp_path).published) == 1


def test_x_is_answered_with_its_token_signed(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        token = "OTcxNTk4MjYtYjQ1Mi00ZDZi"
        reply = await http.get("/social/x", params={"crc_token": token, "nonce": "1"})
        wanted = b64encode(hmac.new(CONSUMER_SECRET.encode(), token.encode(), sha256).digest()).decode()
        assert (reply.status_code, reply.json()) == (200, {"response_token": f"sha256={wanted}"})

    over_http(scenario, tmp_path)


def test_nobody_gets_a_delivery_signed_by_asking_for_a_challenge(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        forged = '{"for_user_id":"1","direct_message_events":[]}'
        reply = await http.get("/social/x", params={"crc_token": forged})
        assert reply.status_code == 400
        assert (await http.get("/social/x")).status_code == 400

    over_http(scenario, tmp_path)


def test_x_delivers_tweets_and_messages(tmp_path: Path) -> None:
    tweet = {"id_str": "9", "text": "@we help", "user": {"id_str": "7"}, "created_at": "Mon Dec 23 13:03:29 +0000 2019"}
    raw = json.dumps({"for_user_id": "1", "tweet_create_events": [tweet]}).encode()

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/social/x", content=raw, headers=signed_by_x(raw))).status_code == 200
        assert (await http.post("/social/x", content=raw, headers=signed_by_x(raw, "other"))).status_code == 401

    (envelope,) = over_http(scenario, tmp_path).published
    assert (envelope.id, envelope.key, envelope.source) == ("x:9:add", "9", "/social/x")


def test_bodies_without_end_or_without_haste_are_cut(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(MemoryLog(), tmp_path, body_seconds=0.2) as port:
            for body, status in (
                (b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 20, "413"),
                (b"Content-Length: 1000\r\n\r\n{}", "408"),
            ):
                client = Client(*await asyncio.open_connection("127.0.0.1", port))
                await client.say(b"POST /social/facebook HTTP/1.1\r\nHost: x\r\n")
                await client.say(body)
                assert status in await client.hear()
                await client.close()

    asyncio.run(run())


def test_a_page_without_its_secret_lets_the_platform_come_again_and_hinders_no_other(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        for page in ("lost", "bare"):
            reply = await http.post(f"/social/{page}", content=RAW, headers=signed(RAW, ""))
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")
            assert (await http.get(f"/social/{page}?crc_token=abc")).status_code == 503
        assert (await http.post("/social/facebook", content=RAW, headers=signed(RAW))).status_code == 200

    assert len(over_http(scenario, tmp_path).published) == 1


def test_messages_may_have_a_record_and_so_a_queue_of_their_own(tmp_path: Path) -> None:
    app = {"app_secret": SECRET, "verify_token": TOKEN}
    both = [{"platform": "facebook", **app}, {"platform": "messenger", **app}]
    log = MemoryLog()

    async def scenario() -> None:
        publisher = Publisher(log, BlobStore(tmp_path), FreeSpace(tmp_path, 0.15, share=lambda _: 1.0))
        connector = SocialConnector(Config.model_validate({"social": both}), publisher)
        assert await connector.receive(connector.find("facebook"), delivery(comment(1))) == 1
        assert await connector.receive(connector.find("facebook"), messages(message(1))) == 1

    asyncio.run(scenario())
    assert [envelope.source for envelope in log.published] == ["/social/facebook", "/social/messenger"]
