"""What a platform's refusal means: when to come back, or that a person must look."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from pipeline.connectors.platform_api import Denied, NotNow, PlatformApi

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Body(httpx.AsyncByteStream):
    """A body that comes over the wire, not one that was there before."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._raw


def answer(
    status: int, *, told: object = None, text: str = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    raw = json.dumps(told).encode() if told is not None else text.encode()
    return httpx.Response(status, headers=headers, stream=Body(raw))


def get(response: httpx.Response) -> bytes:
    async def ask() -> bytes:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: response)) as client:
            return await PlatformApi("https://platform.example", "token", client).get("/things", NOW)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (answer(429, headers={"Retry-After": "90"}), 90.0),
        (answer(429, headers={"Retry-After": "0"}), 1.0),
        (answer(429, headers={"Retry-After": "Mon, 02 Mar 2026 09:05:00 GMT"}), 300.0),
        (answer(429, headers={"Retry-After": "soon"}), None),
        (answer(429, headers={"Retry-After": "99999999999999999999"}), 3600.0),
        (answer(429, headers={"X-RateLimit-Reset": "2026-03-02T09:02:00.123456Z"}), 120.123456),
        (answer(429, headers={"X-RateLimit-Reset": "2026-03-02T08:00:00Z"}), 1.0),
        (
            answer(
                400,
                told={"error": {"code": 80001, "message": "too many calls"}},
                headers={
                    "X-Business-Use-Case-Usage": '{"1":[{"type":"pages","estimated_time_to_regain_access":7}],"2":[]}'
                },
            ),
            420.0,
        ),
        (answer(403, told={"error": {"code": 4}}), None),
        (answer(503, headers={"Retry-After": "30"}), 30.0),
        (answer(500, text="oops"), None),
    ],
)
def test_a_platform_that_answers_later_is_believed_when_it_says_so(
    response: httpx.Response, seconds: float | None
) -> None:
    with pytest.raises(NotNow) as refusal:
        get(response)
    assert refusal.value.seconds == pytest.approx(seconds) if seconds else refusal.value.seconds is None


@pytest.mark.parametrize(
    "response",
    [
        answer(401, told={"error": "The access token is invalid"}),
        answer(403, told={"error": {"code": 10, "message": "no permission"}}),
        answer(400, told={"error": {"code": 190, "message": "expired"}}),
    ],
)
def test_a_token_that_is_refused_is_for_a_person(response: httpx.Response) -> None:
    with pytest.raises(Denied, match=r"platform\.example says"):
        get(response)


def test_a_token_that_the_platform_quotes_is_not_told_on() -> None:
    async def ask() -> None:
        refused = answer(400, told={"error": {"code": 190, "message": "Malformed access token s3cret-of-ours"}})
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: refused)) as client:
            await PlatformApi("https://platform.example", "s3cret-of-ours", client).get("/things", NOW)

    with pytest.raises(Denied, match=r"says 400: Malformed access token …$"):
        asyncio.run(ask())


def test_a_server_that_is_away_answers_later() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async def ask() -> bytes:
        async with httpx.AsyncClient(transport=httpx.MockTransport(away)) as client:
            return await PlatformApi("https://platform.example", "token", client).get("/things", NOW)

    with pytest.raises(NotNow, match=r"platform\.example does not answer"):
        asyncio.run(ask())


def test_the_token_travels_in_a_header_alone() -> None:
    seen: list[httpx.Request] = []

    def see(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(200, text="[]")

    async def ask() -> bytes:
        async with httpx.AsyncClient(transport=httpx.MockTransport(see)) as client:
            return await PlatformApi("https://platform.example", "secret", client).get("/things", NOW, limit="1")

    assert asyncio.run(ask()) == b"[]"
    assert seen[0].headers["authorization"] == "Bearer secret"
    assert "secret" not in str(seen[0].url)
