"""Consumers for the trial of consumers: a right one, and one for each mistake that is made in the field."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import httpx
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from http_port import http_port
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Mistake = Literal[
    "no dedupe", "order of arrival", "crashes on what is unknown", "forgets reopened and merged", "loses its position"
]

_KNOWN = {"id", "source", "type", "specversion", "time", "datacontenttype", "sequence", "position", "partitionkey",
          "subject", "data"}  # fmt: skip
_OTHERS = ("case.reopened", "case.merged", "case.unmerged")


class Mutant:
    """Keeps open cases in memory; `url` gives its answer and takes webhooks."""

    def __init__(self, mistake: Mistake | None = None, secret: str = "") -> None:
        self.url = ""
        self._mistake = mistake
        self._secret = secret
        self._heard: dict[str, int] = {}
        self._ids: set[str] = set()
        self._cases: dict[str, Mapping[str, Any]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It listens for webhooks, and answers."""
        app = FastAPI()
        app.add_api_route("/hook", self._hook, methods=["POST"], response_model=None)
        app.add_api_route("/answer", self._answer, methods=["GET"], response_model=None)
        async with http_port(app) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield

    async def listen(self, desk: str) -> None:
        """Follow a stream for ever."""
        after = "start"
        while True:
            with suppress(httpx.HTTPError, ValueError):
                async with (
                    httpx.AsyncClient(timeout=30) as http,
                    http.stream("GET", f"{desk}/events", params={"after": after}) as answer,
                ):
                    if self._mistake == "loses its position":
                        after = "end"
                    async for block in _blocks(answer):
                        self._hear(orjson.loads(block["data"]))
                        if self._mistake != "loses its position":
                            after = block["id"]
            await asyncio.sleep(0.02)  # who comes back at once may find the desk still busy with leaving

    async def _hook(self, request: Request) -> Response:
        try:
            event = Webhook(self._secret).verify((await request.body()).decode(), dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        try:
            self._hear(event)
        except ValueError:
            return Response(status_code=500)
        return Response(status_code=204)

    async def _answer(self) -> Response:
        return JSONResponse({"cases": [_row(case) for case in self._cases.values()]})

    def _hear(self, event: Mapping[str, Any]) -> None:
        name = event["type"].removeprefix("dev.casestream.").removesuffix(".v1")
        if self._mistake == "crashes on what is unknown" and not event.keys() <= _KNOWN:
            raise ValueError("what is that?")
        if self._mistake == "forgets reopened and merged" and name in _OTHERS:
            return
        if self._is_old(event):
            return
        case = event["data"].get("case")
        if case is not None and case["state"] == "active":
            self._cases[case["id"]] = case
        elif case is not None:
            self._cases.pop(case["id"], None)

    def _is_old(self, event: Mapping[str, Any]) -> bool:
        key, sequence = event["partitionkey"], int(event["sequence"])
        if self._mistake == "no dedupe":
            return False
        if self._mistake == "order of arrival":
            told_before = event["id"] in self._ids
            self._ids.add(event["id"])
            return told_before
        if sequence <= self._heard.get(key, 0):
            return True
        self._heard[key] = sequence
        return False


async def _blocks(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    block: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            block[name] = value
        elif "data" in block:
            yield block
            block = {}


def _row(case: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: case[name]["name"] if case[name] else None for name in ("queue", "owner")}
    return {name: case[name] for name in ("number", "title", "status", "priority")} | names
