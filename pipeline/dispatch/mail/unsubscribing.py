"""Lets a reader ask for no more reminders: their mail program by one click, they themselves on a page."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from html import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.requests import ClientDisconnect

from pipeline.dispatch.mail.words import LANGUAGES, primary, words_of
from pipeline.domain.tokens import TokenKeys
from pipeline.errors import Retry
from pipeline.problems import problem

PATH = "/unsubscribe"
ONE_CLICK = b"List-Unsubscribe=One-Click"
"""What a mail program posts (RFC 8058, section 3.2), and our page's button too."""

MAX_BODY, BODY_SECONDS = 4096, 10.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}

Leave = Callable[[str, datetime], Awaitable[None]]
"""Writes down that an address wants no more."""


class UnsubscribeRoutes:
    """A link proves by its signature which address it was sent to; looking at it changes nothing."""

    def __init__(self, tokens: TokenKeys, leave: Leave, language: str) -> None:
        self._tokens = tokens
        self._leave = leave
        self._language = language

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route(f"{PATH}/{{token}}", self.ask, methods=["GET"], response_model=None)
        router.add_api_route(f"{PATH}/{{token}}", self.leave, methods=["POST"], response_model=None)
        return router

    async def ask(self, request: Request, token: str) -> Response:
        """The page with its button: programs that follow every link of a mail must change nothing."""
        address = self._tokens.leaving(token)
        if address is None:
            return _unknown()
        words = words_of(self._of(request))
        asked = escape(words["leave_asked"].format(address=address))
        name, _, value = ONE_CLICK.decode().partition("=")
        button = f'<button name="{name}" value="{value}">{escape(words["leave_button"])}</button>'
        return self._page(request, f'<p>{asked}</p><form method="post">{button}</form>')

    async def leave(self, request: Request, token: str) -> Response:
        """Do it; the same again changes nothing."""
        address = self._tokens.leaving(token)
        if address is None:
            return _unknown()
        if ONE_CLICK not in await _beginning(request):
            return problem(422, f"post {ONE_CLICK.decode()}", headers={"Connection": "close"})
        try:
            await self._leave(address, datetime.now(UTC))
        except Retry:
            return problem(503, "it cannot be written down now; try again in a moment", headers={"Retry-After": "10"})
        told = words_of(self._of(request))["left"].format(address=address)
        return self._page(request, f"<p>{escape(told)}</p>")

    def _page(self, request: Request, inner: str) -> Response:
        language = self._of(request)
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail</title>'
        page = f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}</head><body>{inner}</body></html>\n'
        return HTMLResponse(page, headers=_HEADERS)

    def _of(self, request: Request) -> str:
        """The language of whoever reads the page."""
        wished = primary(request.headers.get("accept-language", "").partition(",")[0].partition(";")[0])
        return wished if wished in LANGUAGES else primary(self._language)


async def _beginning(request: Request) -> bytes:
    """So much of the body as matters; whoever is slow posted nothing."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    break
    except (TimeoutError, ClientDisconnect):
        return b""
    return body[:MAX_BODY]


def _unknown() -> Response:
    return problem(404, "nobody was sent this link")
