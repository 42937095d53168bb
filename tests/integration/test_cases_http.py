"""`GET /cases/state`: every case as it is now, in pages, with the position after which events go on."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from chaos.case_load import CaseLoad
from http_port import http_port
from jsonschema import Draft202012Validator

from pipeline.api.app import create_app
from pipeline.api.auth import Gate
from pipeline.api.cases_http import CaseRoutes
from pipeline.api.hub import Hub
from pipeline.connectors.rate import RateLimit
from pipeline.domain.access import Token, digest_of
from pipeline.events.state import state_schema
from pipeline.store.feed import FeedReader
from pipeline.store.tokens import PostgresTokens

pytestmark = pytest.mark.integration

Scenario = Callable[[httpx.AsyncClient, str], Awaitable[None]]


@pytest.fixture
def play(new_database: Callable[[], str]) -> Callable[[Scenario], None]:
    return lambda scenario: asyncio.run(_serve(new_database(), scenario))


async def _serve(dsn: str, scenario: Scenario) -> None:
    load = CaseLoad(dsn, random.Random(4711))  # noqa: S311  # which cases
    await load.write(400)
    await load.close()
    tokens = PostgresTokens(dsn)
    for text, scope in (("cs_cases", "cases:read"), ("cs_events", "events:read")):
        token = Token(
            id=uuid4(), name=scope, digest=digest_of(text), scopes=frozenset({scope}), created_at=datetime.now(UTC)
        )
        await tokens.create(token)
    hub = Hub(FeedReader(dsn), "/casestream/desk.example")
    app = create_app([CaseRoutes(dsn, hub).router()], Gate(tokens, RateLimit(60), lambda _: "here"))
    bearer = {"Authorization": "Bearer cs_cases"}
    async with (
        http_port(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer) as http,
    ):
        try:
            await scenario(http, dsn)
        finally:
            await hub.aclose()


async def pages(http: httpx.AsyncClient, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        told = (await http.get("/cases/state", params={**asked, **after})).json()
        found.append(told)
        if told["next"] is None:
            return found
        after = {"after": told["next"]}


@pytest.mark.parametrize("state", ["active", "all"])
def test_the_pages_are_all_cases_each_once(play: Callable[[Scenario], None], state: str) -> None:
    async def scenario(http: httpx.AsyncClient, dsn: str) -> None:
        found = await pages(http, state=state, limit="7")
        told = [(one["case"]["id"], one["sequence"]) for page in found for one in page["cases"]]
        with psycopg.connect(dsn) as connection:
            question = "SELECT id::text, event_seq FROM cases WHERE state = 'active' OR %s ORDER BY id"
            assert told == connection.execute(question, (state == "all",)).fetchall()
        assert len(found) > 2

    play(scenario)


def test_a_case_is_as_its_schema_says_it_is(play: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, dsn: str) -> None:
        validator = Draft202012Validator(state_schema(strict=True))
        (page,) = await pages(http, limit="1000")
        assert page["cases"]
        assert [error.message for one in page["cases"] for error in validator.iter_errors(one)] == []
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE relay_state SET pos = 12")
        assert page["position"] == 0, "nothing was published yet"

    play(scenario)


@pytest.mark.parametrize(
    ("asked", "token", "status"),
    [
        ({}, "cs_events", 403),
        ({}, "cs_none", 401),
        ({"limit": "0"}, "cs_cases", 422),
        ({"state": "lost"}, "cs_cases", 422),
        ({"after": "the last"}, "cs_cases", 422),
    ],
)
def test_what_may_not_be_asked_is_refused(
    play: Callable[[Scenario], None], asked: dict[str, str], token: str, status: int
) -> None:
    async def scenario(http: httpx.AsyncClient, _: str) -> None:
        answer = await http.get("/cases/state", params=asked, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert status != 422 or answer.json()["errors"].keys() == asked.keys()

    play(scenario)
