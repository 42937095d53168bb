"""Who is let into the API: by which token, for what, and how soon one that was revoked is shut out."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends

from pipeline.api.app import create_app
from pipeline.api.auth import FRESH_S, Gate, Granted, require
from pipeline.connectors.rate import RateLimit
from pipeline.domain.access import SCOPES, Token, digest_of
from pipeline.errors import Retry
from pipeline.store.tokens import MemoryTokens

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Scenario = Callable[["Desk", httpx.AsyncClient], Awaitable[None]]


@dataclass
class Desk:
    """A store that counts what it is asked, a clock that is set by hand."""

    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    asked: int = 0
    away: bool = False
    seconds: float = 0.0

    async def make(self, text: str, *scopes: str, expires: datetime | None = None, name: str = "dashboard") -> None:
        await self.tokens.create(
            Token(id=uuid4(), name=name, digest=digest_of(text), scopes=frozenset(scopes), created_at=NOW,
                  expires_at=expires)
        )  # fmt: skip

    async def create(self, token: Token) -> bool:
        return await self.tokens.create(token)

    async def list(self) -> Sequence[Token]:
        return await self.tokens.list()

    async def revoke(self, which: str, now: datetime) -> Token | None:
        return await self.tokens.revoke(which, now)

    async def find(self, digests: Collection[bytes], used: Collection[bytes], now: datetime) -> Sequence[Token]:
        self.asked += 1
        if self.away:
            raise Retry("PostgreSQL is away")
        return await self.tokens.find(digests, used, now)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


def routes() -> APIRouter:
    router = APIRouter()

    async def who(granted: Annotated[Granted, Depends(require("events:read"))]) -> dict[str, str]:
        return {"name": granted.name}

    router.add_api_route("/who", who, methods=["GET"])
    return router


def play(scenario: Scenario) -> None:
    async def run() -> None:
        desk = Desk()
        guesses = RateLimit(3, clock=lambda: desk.seconds)
        gate = Gate(desk, guesses, lambda _: "client", clock=lambda: desk.seconds, now=desk.now)
        transport = httpx.ASGITransport(create_app([routes()], gate))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
            await scenario(desk, http)

    asyncio.run(run())


async def ask(http: httpx.AsyncClient, text: str | None) -> httpx.Response:
    return await http.get("/who", headers={"Authorization": f"Bearer {text}"} if text is not None else {})


@pytest.mark.parametrize("scope", ["events:read", "admin"])
def test_a_token_with_the_scope_lets_in(scope: str) -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", scope)
        assert (await ask(http, "cs_one")).json() == {"name": "dashboard"}

    play(scenario)


def test_who_shows_none_is_told_how() -> None:
    async def scenario(_: Desk, http: httpx.AsyncClient) -> None:
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}):
            refused = await http.get("/who", headers=headers)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
            assert refused.headers["www-authenticate"] == 'Bearer realm="casestream"'
            assert "casestream token create" in refused.json()["detail"]

    play(scenario)


def test_what_is_no_token_any_more_is_refused_by_its_reason() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_old", "events:read", expires=NOW, name="old")
        await desk.make("cs_gone", "events:read", name="gone")
        await desk.revoke("gone", NOW)
        for text, reason in (("cs_old", "expired"), ("cs_gone", "revoked"), ("cs_never", "unknown"), ("x", "unknown")):
            refused = await ask(http, text)
            assert refused.status_code == 401
            assert refused.json()["detail"] == f"the token is {reason}"
            assert 'error="invalid_token"' in refused.headers["www-authenticate"]

    play(scenario)


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope not in {"events:read", "admin"}])
def test_another_scope_does_not_do(scope: str) -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", scope)
        refused = await ask(http, "cs_one")
        assert (refused.status_code, refused.json()["status"]) == (403, 403)
        assert 'error="insufficient_scope", scope="events:read"' in refused.headers["www-authenticate"]

    play(scenario)


def test_requests_ask_nothing_of_the_database() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read")
        await desk.make("cs_two", "events:read", name="other")
        answers = await asyncio.gather(*(ask(http, ("cs_one", "cs_two")[n % 2]) for n in range(100)))
        assert all(one.status_code == 200 for one in answers)
        assert desk.asked == 2
        desk.seconds += FRESH_S
        await asyncio.gather(*(ask(http, ("cs_one", "cs_two")[n % 2]) for n in range(100)))
        assert desk.asked == 3, "one question for all that are in use"

    play(scenario)


def test_a_revocation_is_noticed_in_time() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read")
        assert (await ask(http, "cs_one")).status_code == 200
        await desk.revoke("dashboard", desk.now())
        desk.seconds += FRESH_S
        assert (await ask(http, "cs_one")).status_code == 401

    play(scenario)


def test_an_expiry_is_noticed_at_once() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read", expires=NOW + timedelta(seconds=1))
        assert (await ask(http, "cs_one")).status_code == 200
        desk.seconds += 1
        assert (await ask(http, "cs_one")).status_code == 401

    play(scenario)


def test_guesses_are_throttled_and_those_who_are_known_are_not() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read")
        assert (await ask(http, "cs_one")).status_code == 200
        asked = desk.asked
        answers = await asyncio.gather(*(ask(http, f"cs_{n}") for n in range(10)))
        assert sorted(one.status_code for one in answers) == [401] * 3 + [429] * 7
        assert desk.asked == asked + 3
        refused = await ask(http, "not even like one")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
        assert (await ask(http, "cs_one")).status_code == 200
        desk.seconds += 20
        assert (await ask(http, "cs_guess")).status_code == 401

    play(scenario)


def test_use_is_noted_once_a_minute() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read")
        noted = set()
        for _ in range(61):
            await ask(http, "cs_one")
            (token,) = await desk.list()
            noted.add(token.last_used_at)
            desk.seconds += 1
        assert noted == {NOW, NOW + timedelta(minutes=1)}

    play(scenario)


def test_while_the_database_is_away_nobody_is_called_a_stranger() -> None:
    async def scenario(desk: Desk, http: httpx.AsyncClient) -> None:
        await desk.make("cs_one", "events:read")
        desk.away = True
        answers = [await ask(http, "cs_one") for _ in range(5)]
        assert {one.status_code for one in answers} == {503}
        assert answers[0].headers["retry-after"] == "10"
        desk.away = False
        assert (await ask(http, "cs_one")).status_code == 200

    play(scenario)


def test_a_scope_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(LookupError, match="there is no scope events:eat; there are: events:read"):
        require("events:eat")
