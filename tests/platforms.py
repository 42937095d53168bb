"""Local servers that answer as Mastodon and the Graph API are documented to, and a log that tests can wait on."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from pipeline.errors import Retry
from pipeline.wire import Envelope

TOKEN = "token-of-ours"
WE = "11"


class WatchedLog:
    """A log in memory that wakes who waits for what it gets; `away` makes it refuse."""

    def __init__(self) -> None:
        self.published: list[Envelope] = []
        self.away = False
        self.refused = 0
        self._changed = asyncio.Condition()

    async def publish(self, envelope: Envelope) -> None:
        async with self._changed:
            self._changed.notify_all()
            if self.away:
                self.refused += 1
                raise Retry("Kafka is away")
            self.published.append(envelope)

    async def until(self, holds: Callable[["WatchedLog"], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: holds(self))


@dataclass
class Platform:
    """What any server here has: an application, what it was asked, and answers that are forced upon it."""

    app: FastAPI = field(default_factory=FastAPI)
    asked: list[str] = field(default_factory=list)
    forced: deque[Response] = field(default_factory=deque)
    token: str = TOKEN
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def refusal(self, request: Request) -> Response | None:
        async with self.changed:
            self.asked.append(str(request.url.path))
            self.changed.notify_all()
        if self.forced:
            return self.forced.popleft()
        return None

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(holds)

    def knows(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.token}"


class Mastodon(Platform):
    """One account on a server; `notify` tells it of a mention, on its streams too unless nobody is told."""

    def __init__(self, *, streams: bool = True) -> None:
        super().__init__()
        self.notifications: list[dict[str, object]] = []
        self.listeners: list[asyncio.Queue[str | None]] = []
        self.streams = streams
        self.app.add_api_route("/api/v1/accounts/verify_credentials", self.credentials)
        self.app.add_api_route("/api/v2/instance", self.instance)
        self.app.add_api_route("/api/v1/notifications", self.list)
        self.app.add_api_route("/api/v1/streaming/user", self.stream)

    def mention(self, number: int) -> dict[str, object]:
        account = {"id": "22", "acct": "ana@fedi.example", "display_name": "Ana"}
        status = {
            "id": str(9000 + number),
            "created_at": "2026-03-02T09:00:00Z",
            "account": account,
            "content": f"<p>Help {number}</p>",
            "visibility": "public",
            "mentions": [{"id": WE}],
        }
        return {
            "id": str(number),
            "type": "mention",
            "created_at": "2026-03-02T09:00:00Z",
            "account": account,
            "status": status,
        }

    async def notify(self, number: int, *, told: bool = True) -> None:
        self.notifications.append(self.mention(number))
        if told:
            await self.send("notification", json.dumps(self.notifications[-1]))

    async def send(self, kind: str, data: str) -> None:
        for listener in self.listeners:
            await listener.put(f"event: {kind}\ndata: {data}\n\n")

    async def cut(self) -> None:
        """End all streams, in the middle of an event."""
        for listener in self.listeners:
            await listener.put("event: notification\ndata: {")
            await listener.put(None)
        self.listeners.clear()

    async def credentials(self, request: Request) -> Response:
        if refusal := await self.refusal(request):
            return refusal
        if not self.knows(request):
            return Response('{"error":"The access token is invalid"}', 401)
        return Response(json.dumps({"id": WE, "acct": "we"}))

    async def instance(self, request: Request) -> Response:
        base = str(request.base_url).replace("http://", "ws://")
        return Response(json.dumps({"configuration": {"urls": {"streaming": base}}}))

    async def list(self, request: Request) -> Response:
        if refusal := await self.refusal(request):
            return refusal
        if not self.knows(request):
            return Response('{"error":"The access token was revoked"}', 401)
        limit = int(request.query_params.get("limit", "40"))
        if "min_id" in request.query_params:
            newer = [one for one in self.notifications if int(str(one["id"])) > int(request.query_params["min_id"])]
            return Response(json.dumps(newer[:limit][::-1]))
        return Response(json.dumps(self.notifications[-limit:][::-1]))

    async def stream(self, request: Request) -> Response:
        if not self.streams:
            await self.refusal(request)
            return Response('{"error":"Not found"}', 404)
        listener: asyncio.Queue[str | None] = asyncio.Queue()

        async def told() -> AsyncIterator[str]:
            yield ":)\n\n"
            async with self.changed:
                self.listeners.append(listener)
                self.changed.notify_all()
            while (event := await listener.get()) is not None:
                yield event

        return StreamingResponse(told(), media_type="text/event-stream")


class Graph(Platform):
    """The Graph API of page 100: `lists` has the pages of each list by its path, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[list[dict[str, object]]]] = {}
        self.queries: list[dict[str, str]] = []
        self.app.add_api_route("/{version}/{node}/{edge}", self.list)

    async def list(self, request: Request, node: str, edge: str) -> Response:
        self.queries.append(dict(request.query_params))
        if refusal := await self.refusal(request):
            return refusal
        if not self.knows(request):
            error = {"message": "Error validating access token", "type": "OAuthException", "code": 190}
            return Response(json.dumps({"error": error}), 400)
        pages = self.lists.get(f"{node}/{edge}", [])
        place = int(request.query_params.get("after", "0"))
        data = pages[place] if place < len(pages) else []
        paging: dict[str, object] = {"cursors": {"before": "0", "after": str(place + 1)}}
        if place + 1 < len(pages):
            paging["next"] = f"https://elsewhere.example/?access_token={TOKEN}"
        return Response(json.dumps({"data": data, "paging": paging}, separators=(",", ":")))
