"""`/subscriptions` and `casestream subscription`: made, shown, changed, rotated, replayed; refusals name the field."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from desk import Desk
from http_port import http_port
from webhook_desk import publish_many, publish_story

from pipeline.agents.subscriptions import Subscriptions
from pipeline.api.app import create_app
from pipeline.api.auth import Gate
from pipeline.api.subscriptions_http import SubscriptionRoutes
from pipeline.connectors.rate import RateLimit
from pipeline.domain.access import Token, digest_of
from pipeline.egress import NoAddress
from pipeline.events.schemas import EVENT_TYPES
from pipeline.store.subscriptions import PostgresSubscriptions
from pipeline.store.tokens import PostgresTokens

pytestmark = pytest.mark.integration

HOOKS = "https://hooks.example/cases"


async def look_up(host: str, port: int) -> Sequence[str]:
    """A few names."""
    del port
    known = {"hooks.example": ["93.184.216.34"], "inside.example": ["10.0.0.7"], "127.0.0.1": ["127.0.0.1"]}
    if host == "later.example":
        raise NoAddress("the name server is away", final=False)
    if host not in known:
        raise NoAddress(f"{host} has no address", final=True)
    return known[host]


def api(dsn: str, story: Callable[[httpx.AsyncClient], Awaitable[None]], scope: str = "subscriptions:write") -> None:
    async def run() -> None:
        tokens = PostgresTokens(dsn)
        token = Token(
            id=uuid4(), name="t", digest=digest_of("cs_t"), scopes=frozenset({scope}), created_at=datetime.now(UTC)
        )
        await tokens.create(token)
        gate = Gate(tokens, RateLimit(100), lambda _: "me")
        subscriptions = Subscriptions(PostgresSubscriptions(dsn), tuple(EVENT_TYPES), (), look_up)
        async with http_port(create_app([SubscriptionRoutes(subscriptions).router()], gate)) as port:
            headers = {"Authorization": "Bearer cs_t"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
                await story(client)

    asyncio.run(run())


def test_a_subscription_is_made_shown_changed_rotated_and_removed(migrated: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        wanted = {"url": HOOKS, "types": ["case.opened", "dev.casestream.case.resolved.v1"], "filter": "type != ''"}
        made = await client.post("/subscriptions", json=wanted)
        assert made.status_code == 201
        found = made.json()
        assert found["secret"].startswith("whsec_")
        assert found["types"] == ["case.opened", "case.resolved"]
        place = made.headers["location"]
        assert place == f"/subscriptions/{found['id']}"

        shown = await client.get(place)
        assert "secret" not in shown.json()
        assert found["secret"] not in (await client.get("/subscriptions")).text
        assert (await client.get("/subscriptions")).json()["subscriptions"] == [shown.json()]

        changed = await client.patch(place, json={"ordered": True, "filter": "", "types": []})
        assert (changed.json()["ordered"], changed.json()["filter"], changed.json()["types"]) == (True, "", [])
        stopped = await client.patch(place, json={"state": "disabled"})
        assert (stopped.json()["state"], stopped.json()["reason"]) == ("disabled", "disabled through the API")
        assert (await client.post(f"{place}/replay", json={"from": "2026-01-01T00:00:00Z"})).status_code == 409
        assert (await client.patch(place, json={"state": "active"})).json()["state"] == "active"

        rotated = (await client.post(f"{place}/rotate", json={"keep_s": 60})).json()
        assert rotated["secret"] not in {found["secret"], None}
        assert [bool(secret["until"]) for secret in rotated["secrets"]] == [False, True]

        assert (await client.delete(place)).status_code == 204
        assert (await client.get(place)).status_code == 404

    api(migrated, story)


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        ({"url": HOOKS, "types": ["case.open"]}, "types", "there is no type case.open"),
        ({"url": HOOKS, "filter": "case.prority == 'high'"}, "filter", "prority"),
        ({"url": HOOKS, "filter": "case.priority == 'hihg'"}, "filter", "hihg"),
        ({"url": HOOKS, "filter": "case.priority =="}, "filter", "at character"),
        ({"url": HOOKS, "filter": "case.title"}, "filter", "must be true or false"),
        ({"url": "http://127.0.0.1/x"}, "url", "127.0.0.1 is loopback"),
        ({"url": "https://inside.example/"}, "url", "inside.example leads to 10.0.0.7"),
        ({"url": "https://nowhere.example/"}, "url", "has no address"),
        ({"url": "ftp://hooks.example/"}, "url", "its scheme is ftp"),
        ({"types": []}, "url", "required"),
        ({"url": HOOKS, "odd": 1}, "odd", "not permitted"),
        ({"url": HOOKS, "ordered": "yes"}, "ordered", "boolean"),
        ({"url": HOOKS, "description": "a\u0000b"}, "description", "printed"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(migrated: str, wanted: dict[str, Any], field: str, says: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        refused = await client.post("/subscriptions", json=wanted)
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert says in refused.json()["errors"][field]
        assert (await client.get("/subscriptions")).json() == {"subscriptions": []}

    api(migrated, story)


def test_a_name_server_that_is_away_refuses_nobody(migrated: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.post("/subscriptions", json={"url": "https://later.example/"})).status_code == 201

    api(migrated, story)


def test_broken_and_large_bodies_are_refused(migrated: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        for body, status in ((b"{", 422), (b"[]", 422), (b"\xff", 422), (b'{"url":"' + b"x" * 70_000 + b'"}', 413)):
            assert (await client.post("/subscriptions", content=body)).status_code == status
        assert (await client.get("/subscriptions/none")).status_code == 404
        assert (await client.get(f"/subscriptions/{uuid4()}/deliveries")).status_code == 404

    api(migrated, story)


def test_replays_name_what_there_is_to_replay(migrated: str) -> None:
    publish_story(migrated)

    async def story(client: httpx.AsyncClient) -> None:
        place = (await client.post("/subscriptions", json={"url": HOOKS})).headers["location"]
        for wanted, status in (
            ({"event": str(uuid4())}, 422),
            ({}, 422),
            ({"from": "2026-03-02T08:00:00"}, 422),
            ({"from": "2026-03-02T08:00:00Z", "to": "2026-03-01T08:00:00Z"}, 422),
            ({"from": "2026-03-02T08:00:00Z", "to": "2026-03-03T08:00:00Z"}, 202),
        ):
            assert (await client.post(f"{place}/replay", json=wanted)).status_code == status, wanted
        assert (await client.get(f"{place}/deliveries", params={"limit": "0"})).status_code == 422
        assert (await client.get(f"{place}/deliveries", params={"before": "2026-03-02"})).status_code == 422
        assert (await client.get(f"{place}/deliveries")).json() == {"deliveries": []}

    api(migrated, story)


def test_a_token_of_another_scope_is_not_enough(migrated: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await client.get("/subscriptions")).status_code == 403
        assert (await client.post("/subscriptions", json={"url": HOOKS})).status_code == 403
        assert (await client.get("/subscriptions", headers={"Authorization": "Bearer cs_x"})).status_code == 401

    api(migrated, story, "events:read")


def test_the_verbs_do_the_same(tmp_path: Path, migrated: str) -> None:
    publish_many(migrated, 1, 3)
    desk = Desk(tmp_path, migrated, more='[webhooks]\nallow = ["127.0.0.0/8"]\n')
    added = desk.casestream("subscription", "add", "http://127.0.0.1:9999/", "--type", "case.opened", "--json")
    assert added.returncode == 0, added.stderr
    found = json.loads(added.stdout)
    assert found["secret"].startswith("whsec_")
    name = found["id"]
    assert name in desk.casestream("subscription", "list").stdout
    assert json.loads(desk.casestream("subscription", "show", name, "--json").stdout)["url"] == "http://127.0.0.1:9999/"
    assert "disabled" in desk.casestream("subscription", "disable", name).stdout
    assert "active" in desk.casestream("subscription", "enable", name).stdout
    assert desk.casestream("subscription", "rotate", name).stdout.startswith("whsec_")
    assert desk.casestream("subscription", "deliveries", name, "--json").stdout == ""
    replayed = desk.casestream("subscription", "replay", name, "--from", "2026-03-01T00:00:00Z")
    assert replayed.stdout == "replay 1 is queued\n"
    assert desk.casestream("subscription", "replay", name).returncode == 2
    refused = desk.casestream("subscription", "add", "http://10.0.0.1/")
    assert (refused.returncode, refused.stderr) == (1, "casestream: url: 10.0.0.1 is private, not public\n")
    assert desk.casestream("subscription", "remove", name).returncode == 0
    assert desk.casestream("subscription", "show", name).returncode == 1
