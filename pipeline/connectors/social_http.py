"""The HTTP side of social platforms: one address for each page, asked with GET and delivered to with POST."""

import structlog
from fastapi import APIRouter, Request, Response

from pipeline.config.channels import Social
from pipeline.config.sections import Http
from pipeline.connectors.clients import Clients
from pipeline.connectors.door import Answer, Door
from pipeline.connectors.facebook_http import FacebookDoor
from pipeline.connectors.http_answers import refused
from pipeline.connectors.http_body import BODY_SECONDS, BodyRefused, read_body
from pipeline.connectors.social import SocialConnector
from pipeline.connectors.x_http import XDoor
from pipeline.errors import Reject, Retry

MAX_DELIVERY = 4_194_304
"""Bytes of one delivery; a thousand items of Facebook take a tenth of it."""

_NO_GUESSING = {"X-Content-Type-Options": "nosniff"}


class SocialRoutes:
    """`GET` and `POST /social/NAME`; a page whose secret is not there is told in the log, and answered 503."""

    def __init__(self, connector: SocialConnector, settings: Http, body_seconds: float = BODY_SECONDS) -> None:
        self._connector = connector
        self._max_size = min(settings.max_size, MAX_DELIVERY)
        self._clients = Clients(settings.proxies)
        self._body_seconds = body_seconds
        self._doors = {name: door for name, page in connector.pages.items() if (door := _door(page))}
        self._unready = {name for name, page in connector.pages.items() if page.platform != "mastodon"} - {*self._doors}

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/social/{name}", self.get, methods=["GET"], response_model=None)
        router.add_api_route("/social/{name}", self.post, methods=["POST"], response_model=None)
        return router

    async def get(self, name: str, request: Request) -> Response:
        """Answer a platform that asks whether the address is ours."""
        try:
            _, door = self._find(name)
            self._connector.admit_question(self._clients.of(request))
            answer = self._challenged(door, request)
        except (Reject, Retry) as refusal:
            return refused(refusal, not_now="this address is not ready yet")
        return Response(answer.body, media_type=answer.media_type, headers=_NO_GUESSING)

    async def post(self, name: str, request: Request) -> Response:
        """Take one delivery; 200 once the log holds all of it."""
        try:
            page, door = self._find(name)
            raw = await self._body(request)
            if not door.is_authentic(raw, request.headers):
                raise self._connector.forged(self._clients.of(request))
            await self._connector.receive(page, raw)
        except (Reject, Retry) as refusal:
            return refused(refusal)
        return Response("EVENT_RECEIVED", media_type="text/plain")

    def _find(self, name: str) -> tuple[Social, Door]:
        page = self._connector.find(name)
        door = self._doors.get(name)
        if name in self._unready:
            raise Retry("a secret of this page is not there")
        if door is None:
            raise self._connector.refused("unknown page", Reject(404, "there is no such address"))
        return page, door

    def _challenged(self, door: Door, request: Request) -> Answer:
        try:
            return door.answer(request.query_params)
        except Reject as refusal:
            self._connector.refused("challenge", refusal)
            raise

    async def _body(self, request: Request) -> bytes:
        try:
            return await read_body(request, self._max_size, self._body_seconds)
        except BodyRefused as refusal:
            self._connector.refused(refusal.reason, refusal)
            raise


def _door(page: Social) -> Door | None:
    """The way in for a platform that delivers; Mastodon is asked, and without its secrets a page has none."""
    if page.platform == "mastodon":
        return None
    missing = ", ".join(page.lacking)
    try:
        if not missing:
            return XDoor(page) if page.platform == "x" else FacebookDoor(page)
    except LookupError as error:
        missing = str(error)
    structlog.get_logger().error("social.not_ready", page=page.name, missing=missing)
    return None
