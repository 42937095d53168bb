"""Events of telephone exchanges over HTTP: what is taken, how it is answered, and what strangers get."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from doors import Client
from http_port import http_port
from structlog.testing import capture_logs

from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.phone import PhoneConnector
from pipeline.connectors.phone_http import MAX_SIZE, PhoneRoutes
from pipeline.connectors.space import FreeSpace
from pipeline.connectors.twilio_signature import signed
from pipeline.log import MemoryLog
from pipeline.wire import Envelope

TOKEN = "a-token-nobody-guesses"
AUTH = "0123456789abcdef0123456789abcdef"
RING = {"event": "newCall", "callId": "77", "direction": "in", "from": "4930123456", "to": "493099"}
STATUS = {"CallSid": "CA1", "From": "+4930123456", "To": "+493099", "CallStatus": "ringing", "Direction": "inbound"}
Scenario = Callable[[httpx.AsyncClient], Awaitable[None]]


def over_http(scenario: Scenario, data: Path, log: MemoryLog | None = None, **http: object) -> MemoryLog:
    """Run a scenario against an exchange `pbx` with a token, `switch` with JSON records, `cloud` that signs."""
    log = log or MemoryLog()
    config = Config.model_validate(
        {
            "desk": {"country": "DE"},
            "http": {"proxies": ["127.0.0.1/32"], **http},
            "phone": [
                {"name": "pbx", "token": TOKEN, "per_minute": 50},
                {"name": "switch", "token": TOKEN, "format": "freeswitch-json"},
                {"name": "cloud", "token": AUTH, "format": "twilio"},
                {"name": "deaf"},
                {"name": "files", "token": TOKEN, "format": "asterisk-csv"},
            ],
        }
    )
    publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))
    connector = PhoneConnector(config, publisher)

    async def run() -> None:
        async with (
            http_port(create_app([PhoneRoutes(connector, config.http, 2.0).router()])) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            await scenario(client)

    asyncio.run(run())
    return log


def test_an_event_is_published_as_it_came_with_what_the_reader_needs(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(f"/phone/pbx/{TOKEN}", json=RING, headers={"X-Forwarded-For": "203.0.113.9"})
        assert reply.status_code == 204

    (envelope,) = over_http(scenario, tmp_path).published
    assert (envelope.channel, envelope.source, envelope.key) == ("phone", "/phone/pbx", "77")
    assert (json.loads(envelope.raw), envelope.content_type) == (RING, "application/x-cti-event")
    assert envelope.facts == {"phone": "pbx", "format": "cti", "event": "ring", "remoteip": "203.0.113.9"}
    assert TOKEN not in str(envelope)


def test_the_same_event_has_the_same_id_however_often_it_comes(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        sent = (http.post(f"/phone/pbx/{TOKEN}", json=RING) for _ in range(20))
        assert {reply.status_code for reply in await asyncio.gather(*sent)} == {204}
        await http.post(f"/phone/pbx/{TOKEN}", json={**RING, "event": "answer"})

    published = over_http(scenario, tmp_path).published
    assert [envelope.id for envelope in published] == ["77/ring/ringing"] * 20 + ["77/answer/answered"]
    assert {envelope.key for envelope in published} == {"77"}


def test_sipgate_is_asked_to_tell_of_the_answer_and_the_end(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(f"/phone/pbx/{TOKEN}", data={**RING, "user[]": ["Ana", "Rui"]})
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/xml")
        address = f'"https://desk.example/phone/pbx/{TOKEN}"'
        assert f"<Response onAnswer={address} onHangup={address}/>" in reply.text
        ended = await http.post(f"/phone/pbx/{TOKEN}", data={**RING, "event": "hangup", "cause": "cancel"})
        assert (ended.status_code, ended.content) == (204, b"")

    over_http(scenario, tmp_path, url="https://desk.example")


def test_the_address_it_may_call_is_the_one_it_called(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        headers = {"Host": "desk.example", "X-Forwarded-Proto": "https"}
        reply = await http.post(f"/phone/pbx/{TOKEN}", data=RING, headers=headers)
        assert f'onHangup="https://desk.example/phone/pbx/{TOKEN}"' in reply.text

    over_http(scenario, tmp_path)


def test_a_switch_may_post_its_records(tmp_path: Path) -> None:
    record = {"core-uuid": "c", "variables": {"uuid": "b-leg", "call_uuid": "a-leg", "start_epoch": "1772442000"}}

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post(f"/phone/switch/{TOKEN}", json=record)).status_code == 204

    (envelope,) = over_http(scenario, tmp_path).published
    assert (envelope.key, envelope.content_type) == ("a-leg", "application/x-freeswitch-cdr+json")


@pytest.mark.parametrize(
    "path",
    [
        f"/phone/nobody/{TOKEN}",
        "/phone/pbx/wrong",
        f"/phone/pbx/{TOKEN[:-1]}",
        f"/phone/pbx/{TOKEN}x",
        f"/phone/files/{TOKEN}",
        f"/phone/deaf/{'0' * 32}",
        "/phone/deaf/None",
        f"/phone/cloud/{AUTH}",
        "/phone/pbx",
        "/phone/%F0%9F%93%9E/%ED%A0%80",
    ],
)
def test_who_has_no_right_token_is_told_nothing(tmp_path: Path, path: str) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(path, json=RING)
        assert reply.status_code == 404
        assert reply.json()["detail"] == "there is no such exchange, or its token is another"

    assert over_http(scenario, tmp_path).published == []


def test_who_guesses_tokens_is_told_to_wait(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        replies = [await http.post(f"/phone/nobody{n}/guess", json=RING) for n in range(40)]
        assert replies[-1].status_code == 429
        assert int(replies[-1].headers["retry-after"]) >= 1
        stranger = {"X-Forwarded-For": "198.51.100.7"}
        assert (await http.post(f"/phone/pbx/{TOKEN}", json=RING, headers=stranger)).status_code == 204

    assert len(over_http(scenario, tmp_path).published) == 1


def test_an_exchange_that_goes_wild_is_told_to_wait(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        replies = [(await http.post(f"/phone/pbx/{TOKEN}", json=RING)).status_code for _ in range(60)]
        assert replies.count(204) in (50, 51)
        assert replies[-1] == 429

    over_http(scenario, tmp_path)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "there is none"),
        (b"{", "not JSON"),
        (b"[" * 100_000, ""),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "nested too deep"),
        (b'{"event":"newCall","callId":NaN}', "NaN"),
        (b'{"event":"newCall","event":"hangup","callId":"1"}', "twice"),
        (b'{"event":"newCall","callId":"\\u0000"}', "NUL"),
        (b'{"event":"newCall","callId":"\\ud800"}', "half a character"),
        (b'{"event":"newCall","callId":' + b"9" * 100_000 + b"}", "number is too long"),
        (b'{"event":"newCall","from":"1"}', "call_id: there is none"),
        (b"event=newCall", "call_id: there is none"),
        (json.dumps([RING, RING]).encode(), "one event at a time"),
        (b"\xff\xfe\x00\x01", ""),
    ],
)
def test_what_tells_of_no_call_is_refused_with_the_reason(tmp_path: Path, body: bytes, says: str) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(f"/phone/pbx/{TOKEN}", content=body)
        assert reply.status_code == 400
        assert says in reply.json()["detail"]

    assert over_http(scenario, tmp_path).published == []


def test_a_body_too_large_too_slow_or_compressed_is_refused(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        path = f"/phone/pbx/{TOKEN}"
        assert (await http.post(path, content=b"x" * (MAX_SIZE + 1))).status_code == 413
        assert (await http.post(path, content=b"x", headers={"Content-Encoding": "gzip"})).status_code == 415
        client = Client(*await asyncio.open_connection("127.0.0.1", http.base_url.port))
        await client.say(f"POST {path} HTTP/1.1\r\nHost: d\r\nContent-Length: 99\r\n\r\nx".encode())
        assert "408" in await client.hear()
        await client.close()

    assert over_http(scenario, tmp_path).published == []


def test_while_the_log_is_away_the_exchange_is_asked_to_come_again(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(f"/phone/pbx/{TOKEN}", json=RING)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")

    assert over_http(scenario, tmp_path, MemoryLog(away=True)).published == []


@pytest.mark.parametrize(
    "odd",
    [
        {"event": "hangup", "cause": "cancel"},
        {"event": "answer"},
        {"event": "dtmf"},
        {"from": "anonymous"},
        {"from": "sip:ana@acme.example"},
        {"from": "1" * 40},
    ],
)
def test_an_odd_event_is_kept(tmp_path: Path, odd: dict[str, str]) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post(f"/phone/pbx/{TOKEN}", json={**RING, **odd})).status_code == 204

    (envelope,) = over_http(scenario, tmp_path).published
    assert envelope.key == "77"


def signature(url: str, fields: dict[str, str], token: str = AUTH) -> dict[str, str]:
    return {"X-Twilio-Signature": signed(url, "".join(f"{k}{v}" for k, v in sorted(fields.items())), token)}


def test_the_signature_is_the_documented_one() -> None:
    fields = {"CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234"}
    fields |= {"From": "+12349013030", "To": "+18005551212"}
    header = signature("https://mycompany.com/myapp.php?foo=1&bar=2", fields, "12345")
    assert header == {"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}


@pytest.mark.parametrize("host", ["desk.example", "desk.example:443"])
def test_a_signed_callback_is_taken(tmp_path: Path, host: str) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        headers = signature(f"https://{host}/phone/cloud", STATUS)
        assert (await http.post("/phone/cloud", data=STATUS, headers=headers)).status_code == 204

    (envelope,) = over_http(scenario, tmp_path, url="https://desk.example").published
    assert (envelope.key, envelope.content_type) == ("CA1", "application/x-twilio-call")
    assert envelope.raw == urlencode(STATUS).encode()


def test_a_signed_callback_in_json_is_taken(tmp_path: Path) -> None:
    body = json.dumps(STATUS).encode()
    path = f"/phone/cloud?bodySHA256={hashlib.sha256(body).hexdigest()}"

    async def scenario(http: httpx.AsyncClient) -> None:
        headers = signature(f"https://desk.example{path}", {})
        assert (await http.post(path, content=body, headers=headers)).status_code == 204
        assert (await http.post(path, content=body + b" ", headers=headers)).status_code == 401

    assert len(over_http(scenario, tmp_path, url="https://desk.example").published) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": "wrong"},
        {"X-Twilio-Signature": "ä".encode()},
        signature("https://desk.example/phone/cloud", STATUS, "another account's token"),
        signature("https://desk.example/phone/other", STATUS),
        signature("https://desk.example/phone/cloud", {**STATUS, "CallStatus": "completed"}),
        {"X-Twilio-Signature": signature("https://desk.example/phone/cloud", STATUS)["X-Twilio-Signature"][:-4]},
    ],
    ids=["missing", "wrong", "not ascii", "another account", "another address", "another body", "cut"],
)
def test_a_callback_without_its_own_signature_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post("/phone/cloud", data=STATUS, headers=headers)).status_code == 401

    assert over_http(scenario, tmp_path, url="https://desk.example").published == []


@pytest.mark.parametrize("host", ["[bad", "desk.example:99999999", "desk.example:x", "]["])
def test_a_host_that_is_none_makes_no_signature(tmp_path: Path, host: str) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        headers = {"Host": host, "X-Twilio-Signature": "wrong"}
        assert (await http.post("/phone/cloud", data=STATUS, headers=headers)).status_code == 401

    assert over_http(scenario, tmp_path).published == []


def test_a_mistake_of_ours_does_not_log_the_token(tmp_path: Path) -> None:
    class Broken(MemoryLog):
        async def publish(self, envelope: Envelope) -> None:
            raise AssertionError(f"a mistake about {envelope.id}")

    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.post(f"/phone/pbx/{TOKEN}", json=RING)).status_code == 500

    with capture_logs() as logged:
        over_http(scenario, tmp_path, Broken())
    assert [line["path"] for line in logged if line["event"] == "http.unexpected"] == ["/phone/{name}/{token}"]
