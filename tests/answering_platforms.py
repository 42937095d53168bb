"""Local servers that take answers as the platforms' APIs are documented to, and keep what stands there."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

TOKEN = "token-of-ours"
US = "11"


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that was to post something."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Swallowed:
    """The post is taken, then the gateway before the platform answers this in its stead."""

    status: int = 502


def answer(status: int, body: object = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body) if body is not None else b"", status, named, "application/json")


def meta_error(code: int, message: str = "no", status: int = 400, **more: object) -> Response:
    return answer(status, {"error": {"message": message, "type": "OAuthException", "code": code, **more}})


def x_problem(status: int, detail: str, **headers: str) -> Response:
    return answer(status, {"title": "Problem", "detail": detail, "status": status, "type": "about:blank"}, **headers)


@dataclass
class Answering:
    """All four platforms on one port; `next` are answers that are forced upon it, or that swallow what it took."""

    app: FastAPI = field(default_factory=FastAPI)
    posted: list[Posted] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    stands: list[dict[str, Any]] = field(default_factory=list)
    next: deque[Response | Swallowed] = field(default_factory=deque)
    hangs: asyncio.Event | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    now: str = "2026-03-02T10:00:05+0000"

    def __post_init__(self) -> None:
        for method, path, take in (
            ("POST", "/v24.0/me/messages", self.take_message),
            ("POST", "/v24.0/{item}/comments", self.take_comment),
            ("POST", "/2/tweets", self.take_tweet),
            ("POST", "/2/dm_conversations/with/{item}/messages", self.take_direct),
            ("POST", "/api/v1/statuses", self.take_status),
            ("GET", "/v24.0/me/conversations", self.conversations),
            ("GET", "/v24.0/{item}/comments", self.comments),
            ("GET", "/2/dm_conversations/with/{item}/dm_events", self.directs),
            ("GET", "/api/v1/statuses/{item}/context", self.context),
            ("GET", "/v24.0/me", self.page_of_token),
            ("GET", "/api/v1/accounts/verify_credentials", self.account_of_token),
        ):
            self.app.add_api_route(path, take, methods=[method])

    async def _post(self, request: Request, stands: dict[str, Any], told: object) -> Response:
        body = await request.json()
        self.posted.append(Posted(request.url.path, body, dict(request.headers)))
        given = request.headers.get("authorization", "")
        if given != f"Bearer {TOKEN}" and not given.startswith("OAuth oauth_consumer_key="):
            return meta_error(190, "Error validating access token", 401)
        forced = self.next.popleft() if self.next else None
        if isinstance(forced, Response):
            return forced
        self.stands.append({**stands, "at": self.now})
        self.taken.set()
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.hangs is not None:
            hangs, self.hangs = self.hangs, None
            await hangs.wait()
        return answer(forced.status) if forced else answer(200, told)

    def _id(self) -> str:
        return str(900 + len(self.stands))

    async def take_comment(self, request: Request, item: str) -> Response:
        body = await request.json()
        return await self._post(request, {"id": self._id(), "text": body["message"], "under": item}, {"id": self._id()})

    async def take_message(self, request: Request) -> Response:
        body = await request.json()
        to, text = body["recipient"]["id"], body["message"]["text"]
        told = {"recipient_id": to, "message_id": self._id()}
        return await self._post(request, {"id": self._id(), "text": text, "under": to}, told)

    async def take_tweet(self, request: Request) -> Response:
        body = await request.json()
        if any(one["text"] == body["text"] for one in self.stands):
            detail = "You are not allowed to create a Tweet with duplicate content."
            self.posted.append(Posted(request.url.path, body, dict(request.headers)))
            return x_problem(403, detail)
        told = {"data": {"id": self._id(), "text": body["text"], "edit_history_tweet_ids": [self._id()]}}
        stands = {"id": self._id(), "text": body["text"], "under": body["reply"]["in_reply_to_tweet_id"]}
        return await self._post(request, stands, told)

    async def take_direct(self, request: Request, item: str) -> Response:
        body = await request.json()
        told = {"data": {"dm_conversation_id": f"{US}-{item}", "dm_event_id": self._id()}}
        return await self._post(request, {"id": self._id(), "text": body["text"], "under": item}, told)

    async def take_status(self, request: Request) -> Response:
        body, key = await request.json(), request.headers.get("idempotency-key")
        known = next((one for one in self.stands if one.get("key") == key), None)
        if known is not None:
            self.posted.append(Posted(request.url.path, body, dict(request.headers)))
            return answer(200, {"id": known["id"]})
        stands = {"id": self._id(), "text": body["status"], "under": body["in_reply_to_id"], "key": key}
        return await self._post(request, stands, {"id": self._id(), "uri": "https://social.example/1"})

    async def _forced_question(self, request: Request) -> Response | None:
        self.asked.append(request.url.path)
        forced = self.next.popleft() if self.next else None
        return forced if isinstance(forced, Response) else None

    async def page_of_token(self) -> Response:
        return answer(200, {"id": "100"})

    async def account_of_token(self) -> Response:
        return answer(200, {"id": US, "acct": "desk"})

    async def comments(self, request: Request) -> Response:
        told = [
            {"id": one["id"], "message": one["text"], "created_time": one["at"], "from": {"id": "100"}}
            for one in self.stands
        ]
        return await self._forced_question(request) or answer(200, {"data": told})

    async def conversations(self, request: Request) -> Response:
        told = [
            {"id": one["id"], "message": one["text"], "created_time": one["at"], "from": {"id": "100"}}
            for one in self.stands
        ]
        talk = {"id": "t_1", "messages": {"data": told}}
        return await self._forced_question(request) or answer(200, {"data": [talk]})

    async def directs(self, request: Request, item: str) -> Response:
        del item
        told = [
            {
                "id": one["id"],
                "text": one["text"],
                "created_at": one["at"],
                "sender_id": US,
                "event_type": "MessageCreate",
            }
            for one in self.stands
        ]
        return await self._forced_question(request) or answer(200, {"data": told})

    async def context(self, request: Request, item: str) -> Response:
        told = [
            {"id": one["id"], "content": f"<p>{one['text']}</p>", "created_at": one["at"], "in_reply_to_id": item,
             "account": {"id": US}}
            for one in self.stands
        ]  # fmt: skip
        return await self._forced_question(request) or answer(200, {"ancestors": [], "descendants": told})
