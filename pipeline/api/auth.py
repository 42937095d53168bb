"""Lets in who shows a token that grants what a route asks for (RFC 6750)."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Protocol
from uuid import UUID

import structlog
from fastapi import HTTPException, Request

from pipeline.domain.access import PREFIX, SCOPES, Token, digest_of
from pipeline.errors import Retry
from pipeline.store.tokens import Tokens

FRESH_S = 5.0
"""For so long what is known of a token counts: within so many seconds a revocation is noticed."""

_LONGEST = 200
_REALM = 'Bearer realm="casestream"'

_log = structlog.get_logger()


class Guesses(Protocol):
    """How often each address may come with a token that is none."""

    def wait(self, client: str, /) -> float:
        """Seconds until the address may try again; 0.0 when it may now, and then it has."""

    def give_back(self, client: str, /) -> None:
        """That was no guess."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Whose token let a request in."""

    id: UUID
    name: str
    scopes: frozenset[str]
    digest: bytes


class Gate:
    """Knows the tokens that are in use, each for FRESH_S, so that a request asks nothing of the database."""

    def __init__(
        self,
        tokens: Tokens,
        guesses: Guesses,
        client_of: Callable[[Request], str],
        *,
        fresh_s: float = FRESH_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tokens = tokens
        self._guesses = guesses
        self._client_of = client_of
        self._fresh_s = fresh_s
        self._clock = clock
        self._now = now
        self._known: Mapping[bytes, Token] = {}
        self._fresh_until = -math.inf
        self._used: set[bytes] = set()
        self._refreshing = asyncio.Lock()

    async def admit(self, request: Request, scope: str) -> Granted:
        """Who it is. Raises HTTPException with 401, 403 or 429, and Retry while the database is away."""
        text = _bearer(request)
        client = self._client_of(request)
        if text is None:
            raise _unauthorised("show a token: Authorization: Bearer cs_…; `casestream token create` makes one")
        token = await self._found(digest_of(text), client) if text.startswith(PREFIX) else None
        reason = token.refusal(self._now()) if token is not None else self._guessed(text, client)
        if token is None or reason is not None:
            _log.warning("api.refused", reason=reason, client=client, path=_path(request), token=_named(token))
            raise _unauthorised(f"the token is {reason}", error="invalid_token")
        if not token.grants(scope):
            _log.warning("api.refused", reason=f"lacks {scope}", client=client, path=_path(request), token=token.name)
            raise HTTPException(
                403,
                f"the token {token.name} does not grant {scope}",
                {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'},
            )
        return Granted(token.id, token.name, token.scopes, token.digest)

    async def still(self, granted: Granted, scope: str) -> bool:
        """Whether who was let in may stay, for an answer that goes on; nobody is sent away by an outage."""
        try:
            token = await self._looked_up(granted.digest)
        except Retry:
            return True
        return token is not None and token.refusal(self._now()) is None and token.grants(scope)

    async def _found(self, digest: bytes, client: str) -> Token | None:
        """The token, if there is one; an unknown one costs its client a guess."""
        if digest in self._known:
            return await self._looked_up(digest)
        if (seconds := self._guesses.wait(client)) > 0:
            raise _too_often(seconds)
        try:
            token = await self._looked_up(digest)
        except Retry:
            self._guesses.give_back(client)
            raise
        if token is not None:
            self._guesses.give_back(client)
            _log.info("api.token_used", token=token.name, id=str(token.id), client=client)
        return token

    def _guessed(self, text: str, client: str) -> str:
        """Count what does not even look like a token; what looks like one was counted before it was looked up."""
        if not text.startswith(PREFIX) and (seconds := self._guesses.wait(client)) > 0:
            raise _too_often(seconds)
        return "unknown"

    async def _looked_up(self, digest: bytes) -> Token | None:
        if digest not in self._known or self._clock() >= self._fresh_until:
            await self._refresh(digest)
        token = self._known.get(digest)
        if token is None or not compare_digest(token.digest, digest):
            return None
        self._used.add(digest)
        return token

    async def _refresh(self, digest: bytes) -> None:
        """One question for all tokens that were used since the last one; who waited for it asks nothing."""
        async with self._refreshing:
            stale = self._clock() >= self._fresh_until
            if not stale and digest in self._known:
                return
            wanted = {digest, *self._used} if stale else {digest}
            found = {token.digest: token for token in await self._tokens.find(wanted, wanted, self._now())}
            self._known = found if stale else {**self._known, **found}
            if stale:
                self._used = set()
                self._fresh_until = self._clock() + self._fresh_s


def require(scope: str) -> Callable[[Request], Awaitable[Granted]]:
    """What a route depends on that wants a scope: `Annotated[Granted, Depends(require("events:read"))]`."""
    if scope not in SCOPES:
        raise LookupError(f"there is no scope {scope}; there are: {', '.join(SCOPES)}")

    async def admitted(request: Request) -> Granted:
        return await gate_of(request).admit(request, scope)

    return admitted


def gate_of(request: Request) -> Gate:
    """The gate of the application."""
    gate = getattr(request.app.state, "gate", None)
    if not isinstance(gate, Gate):
        raise TypeError("this application was built without a gate, and has a route that wants one")
    return gate


def _bearer(request: Request) -> str | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip()[:_LONGEST] if scheme.lower() == "bearer" and text.strip() else None


def _unauthorised(detail: str, error: str | None = None) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": f'{_REALM}, error="{error}"' if error else _REALM})


def _too_often(seconds: float) -> HTTPException:
    return HTTPException(429, "too many unknown tokens from you", {"Retry-After": str(max(1, math.ceil(seconds)))})


def _path(request: Request) -> str:
    return str(getattr(request.scope.get("route"), "path", ""))


def _named(token: Token | None) -> str | None:
    return token.name if token is not None else None
