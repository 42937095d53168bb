"""The HTTP side of telephone exchanges: routes, proofs, and the answers that each kind expects."""

from xml.sax.saxutils import quoteattr

from fastapi import APIRouter, Request, Response

from pipeline.config.channels import Phone
from pipeline.config.sections import Http
from pipeline.connectors.clients import Clients
from pipeline.connectors.http_answers import refused
from pipeline.connectors.http_body import BODY_SECONDS, BodyRefused, read_body
from pipeline.connectors.phone import PhoneConnector, PhoneRequest, Taken
from pipeline.errors import Reject, Retry
from pipeline.parse.form_body import media_type

MAX_SIZE = 262_144
"""Bytes of an event; a record of FreeSWITCH is the longest."""


class PhoneRoutes:
    """`POST /phone/NAME/TOKEN` of exchanges that know a token, `POST /phone/NAME` of those that sign."""

    def __init__(self, connector: PhoneConnector, settings: Http, body_seconds: float = BODY_SECONDS) -> None:
        self._connector = connector
        self._settings = settings
        self._clients = Clients(settings.proxies)
        self._body_seconds = body_seconds

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/phone/{name}/{token}", self.post, methods=["POST"], response_model=None)
        router.add_api_route("/phone/{name}", self.post_signed, methods=["POST"], response_model=None)
        return router

    async def post(self, name: str, token: str, request: Request) -> Response:
        """Take one event of an exchange that knows its token."""
        try:
            exchange = self._connector.find(name, token, self._clients.of(request))
            taken = await self._connector.receive(exchange, await self._received(exchange, request))
        except (Reject, Retry) as refusal:
            return refused(refusal)
        return _answer(taken, request, self._url(request))

    async def post_signed(self, name: str, request: Request) -> Response:
        """Take one event of an exchange that signs."""
        try:
            exchange = self._connector.find_signed(name, self._clients.of(request))
            await self._connector.receive(exchange, await self._received(exchange, request))
        except (Reject, Retry) as refusal:
            return refused(refusal)
        return Response(status_code=204)

    async def _received(self, exchange: Phone, request: Request) -> PhoneRequest:
        try:
            raw = await read_body(request, min(MAX_SIZE, self._settings.max_size), self._body_seconds)
        except BodyRefused as refusal:
            raise self._connector.refused(refusal.reason, refusal) from refusal
        return PhoneRequest(
            exchange=exchange.name,
            raw=raw,
            client=self._clients.of(request),
            url=self._url(request),
            signature=request.headers.get("x-twilio-signature", ""),
        )

    def _url(self, request: Request) -> str:
        """The address as it was called: our proxies may have changed its scheme and host."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if self._settings.url:
            return f"{self._settings.url}{path}"
        return f"{self._clients.scheme_of(request)}://{request.headers.get('host', '')}{path}"


def _answer(taken: Taken, request: Request, url: str) -> Response:
    """What the exchange expects: sipgate tells of answer and hang-up only where the answer to a new call asks it to."""
    is_form = media_type(request.headers.get("content-type", "")) == "application/x-www-form-urlencoded"
    if taken.call.event != "ring" or not is_form:
        return Response(status_code=204)
    where = quoteattr(url)
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response onAnswer={where} onHangup={where}/>\n'
    return Response(document, media_type="application/xml")
