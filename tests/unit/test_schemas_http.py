"""What events are is served to anyone."""

import asyncio
import json
from pathlib import Path

import httpx
from http_port import http_port
from jsonschema import Draft202012Validator

from pipeline.api.app import create_app
from pipeline.api.schemas_http import SchemaRoutes
from pipeline.events.asyncapi import asyncapi
from pipeline.events.schemas import EVENT_TYPES

DOCS = Path(__file__).parents[2] / "docs" / "events"


def asked(*paths: str) -> list[httpx.Response]:
    """The answers of the real server."""

    async def scenario() -> list[httpx.Response]:
        async with (
            http_port(create_app([SchemaRoutes().router()])) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            return [await client.get(path) for path in paths]

    return asyncio.run(scenario())


def test_every_schema_is_served_as_it_is_published() -> None:
    (index,) = asked("/schemas")
    listed = {one["type"]: one for one in index.json()}
    assert listed.keys() == {*(kind.full for kind in EVENT_TYPES.values()), "dev.casestream.case.state.v1"}
    answers = asked(*(one["schema"] for one in listed.values()))
    for name, answer in zip(listed, answers, strict=True):
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json() == json.loads((DOCS / f"{name}.json").read_text("utf-8"))
        Draft202012Validator.check_schema(answer.json())


def test_the_asyncapi_document_is_served() -> None:
    (answer,) = asked("/schemas/asyncapi.json")
    assert answer.json() == json.loads(json.dumps(asyncapi()))


def test_a_type_that_is_not_is_a_problem_that_says_where_to_look() -> None:
    (answer,) = asked("/schemas/dev.casestream.case.flown.v1.json")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "GET /schemas" in answer.json()["detail"]
