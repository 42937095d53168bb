"""Web forms over HTTP: what is answered, and what broken and hostile clients get."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from doors import Client
from http_port import http_port

from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.space import FreeSpace
from pipeline.connectors.web import FormConnector
from pipeline.connectors.web_http import FormRoutes
from pipeline.log import MemoryLog

SITE = "https://contoso.example"
GOOD = {"email": "Ana@X.example", "text": "It does not print"}


@asynccontextmanager
async def serving(log: MemoryLog, data: Path, body_seconds: float = 10.0, **form: object) -> AsyncIterator[int]:
    """The real HTTP server on a port of its own."""
    config = Config.model_validate(
        {
            "http": {"max_size": 500_000, "proxies": ["127.0.0.1/32"]},
            "form": [{"name": "contact", "origins": [SITE], **form}],
        }
    )
    publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))
    app = create_app([FormRoutes(FormConnector(config, publisher), config.http, body_seconds).router()])
    async with http_port(app) as port:
        yield port


def over_http(
    scenario: Callable[[httpx.AsyncClient], Awaitable[None]], data: Path, log: MemoryLog | None = None, **form: object
) -> MemoryLog:
    log = log or MemoryLog()

    async def run() -> None:
        async with serving(log, data, **form) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await scenario(http)

    asyncio.run(run())
    return log


def test_a_form_is_receipted_and_published(tmp_path: Path) -> None:
    receipts = []

    async def scenario(http: httpx.AsyncClient) -> None:
        headers = {"Origin": SITE, "Idempotency-Key": "k1", "X-Forwarded-For": "203.0.113.9"}
        reply = await http.post("/form/contact", json=GOOD, headers=headers)
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (202, SITE)
        receipts.append(reply.json()["receipt"])

    (envelope,) = over_http(scenario, tmp_path).published
    assert (envelope.id, envelope.key, envelope.source) == (receipts[0], "ana@x.example", "/web/contact")
    assert (json.loads(envelope.raw), envelope.content_type) == (GOOD, "application/json")
    facts = {"form": "contact", "origin": SITE, "remoteip": "203.0.113.9", "idempotencykey": "k1"}
    assert envelope.facts == facts


def test_a_large_multipart_form_lies_in_the_blob_store(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", data=GOOD, files={"f": ("a.txt", b"x" * 300_000)})
        assert reply.status_code == 202

    (envelope,) = over_http(scenario, tmp_path).published
    assert "boundary=" in envelope.content_type
    assert b"a.txt" in BlobStore(tmp_path).get(envelope.dataref or "")


def test_a_filled_honeypot_is_answered_alike_and_marked(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", json={**GOOD, "website": "http://spam.example"})
        assert (reply.status_code, list(reply.json())) == (202, ["receipt"])

    assert over_http(scenario, tmp_path).published[0].facts["honeypot"] == "true"


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        ("/form/other", b"{}", {}, 404),
        ("/form/contact", b"{}", {}, 422),
        ("/form/contact", b"{", {}, 400),
        ("/form/contact", b'{"email":NaN}', {}, 400),
        ("/form/contact", b"[" * 100_000, {}, 400),
        ("/form/contact", b'{"a":"\\u0000"}', {}, 400),
        ("/form/contact", b'{"a":1,"a":2}', {}, 400),
        ("/form/contact", b"x", {"Content-Type": "text/plain"}, 415),
        ("/form/contact", b"{}", {"Content-Encoding": "gzip"}, 415),
        ("/form/contact", b"x" * 500_001, {}, 413),
        ("/form/contact", b"{}", {"Origin": "https://evil.example"}, 403),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_refused_says_why(
    path: str, content: bytes, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post(path, content=content, headers={"Content-Type": "application/json", **headers})
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
        problem = reply.json()
        assert problem["status"] == status
        assert problem["detail"]
        assert "contact" not in problem["detail"]
        if status == 422:
            assert problem["errors"] == {"email": "required", "text": "required"}

    assert not over_http(scenario, tmp_path).published


def test_without_kafka_the_client_comes_back_later(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", json=GOOD)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")

    over_http(scenario, tmp_path, MemoryLog(away=True))


def test_a_victims_address_is_taken_a_few_times_only_however_many_send_it(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        async def post(number: int, email: str) -> httpx.Response:
            client = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250}"}
            return await http.post("/form/contact", json={**GOOD, "email": email}, headers=client)

        replies = [await post(number, "Victim@x.example") for number in range(1000)]
        assert {reply.status_code for reply in replies} == {202, 429}
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert (await post(1, "else@x.example")).status_code == 202

    published = over_http(scenario, tmp_path).published
    assert 20 <= len(published) - 1 <= 25


def test_each_client_has_an_allowance_of_its_own(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        async def post(address: str) -> httpx.Response:
            return await http.post("/form/contact", json=GOOD, headers={"X-Forwarded-For": address})

        assert [(await post("203.0.113.1")).status_code for _ in range(3)] == [202, 202, 429]
        assert int((await post("203.0.113.1")).headers["retry-after"]) > 0
        assert (await post("203.0.113.2")).status_code == 202
        assert (await post("198.51.100.7, 203.0.113.1")).status_code == 429  # only the last hop is believed
        two_lines = [("X-Forwarded-For", "198.51.100.8"), ("X-Forwarded-For", "203.0.113.1")]
        assert (await http.post("/form/contact", json=GOOD, headers=two_lines)).status_code == 429  # as HAProxy adds it

    over_http(scenario, tmp_path, per_minute=2)


def test_browsers_are_told_which_sites_may_send(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        allowed = await http.options("/form/contact", headers={"Origin": SITE})
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, SITE)
        refused = await http.options("/form/contact", headers={"Origin": "https://evil.example"})
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)

    over_http(scenario, tmp_path)


def raw_request(tmp_path: Path, scenario: Callable[[Client], Awaitable[None]], body_seconds: float = 10.0) -> None:
    async def run() -> None:
        async with serving(MemoryLog(), tmp_path, body_seconds) as port:
            client = Client(*await asyncio.open_connection("127.0.0.1", port))
            await client.say(b"POST /form/contact HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            await scenario(client)
            await client.close()

    asyncio.run(run())


def test_chunks_without_end_are_cut(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.say(b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 20)
        assert "413" in await client.hear()

    raw_request(tmp_path, scenario)


def test_a_length_that_promises_more_than_comes_is_timed_out(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.say(b"Content-Length: 1000\r\n\r\n{}")
        assert "408" in await client.hear()

    raw_request(tmp_path, scenario, body_seconds=0.2)


def test_health_and_unknown_paths(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/nowhere")).headers["content-type"] == "application/problem+json"

    over_http(scenario, tmp_path)
