"""What the demonstration posts over HTTP, and what it makes of the answers."""

import asyncio
import hmac
from hashlib import sha256

import httpx
import pytest

from pipeline.demo.posting import Poster
from pipeline.demo.traffic import Delivery
from pipeline.errors import Reject, Retry

SECRET = "a-token-nobody-guesses"


def delivery(channel: str, to: str) -> Delivery:
    return Delivery(channel=channel, kind="x", id="77", to=to, body=b"{}", content_type="application/json")


def posted(one: Delivery, status: int, **answer: str) -> tuple[str, httpx.Request]:
    """The id that a server which answers so gives, and what it was sent."""
    asked: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=answer)

    async def run() -> str:
        transport = httpx.MockTransport(serve)
        async with httpx.AsyncClient(base_url="http://desk.example", transport=transport) as client:
            return await Poster(client, SECRET).deliver(one)

    return asyncio.run(run()), asked[0]


def test_a_form_is_known_by_its_receipt() -> None:
    id_, request = posted(delivery("web", "contact"), 202, receipt="r-1")
    assert (id_, request.url.path, request.headers["idempotency-key"]) == ("r-1", "/form/contact", "77")


def test_an_exchange_says_its_token() -> None:
    id_, request = posted(delivery("phone", "pbx"), 204)
    assert (id_, request.url.path) == ("77", f"/phone/pbx/{SECRET}")


def test_a_platform_signs_the_very_bytes() -> None:
    id_, request = posted(delivery("social", "facebook"), 200)
    right = hmac.new(SECRET.encode(), request.content, sha256).hexdigest()
    assert (id_, request.url.path) == ("77", "/social/facebook")
    assert request.headers["x-hub-signature-256"] == f"sha256={right}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_desk_is_asked_again(status: int) -> None:
    with pytest.raises(Retry):
        posted(delivery("phone", "pbx"), status)


@pytest.mark.parametrize(("channel", "status"), [("social", 401), ("phone", 404), ("web", 200)])
def test_an_answer_that_promises_nothing_is_a_refusal(channel: str, status: int) -> None:
    with pytest.raises(Reject):
        posted(delivery(channel, "x"), status)
