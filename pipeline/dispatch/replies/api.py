"""Asks a platform's API once: what it answered, or how far it came without an answer."""

import asyncio
from dataclasses import dataclass

import httpx

from pipeline.dispatch.replies.requests import Request
from pipeline.dispatch.replies.verdicts import Answered

MAX_ANSWER = 2_097_152
"""Bytes of an answer that are read."""

LONGEST = 60.0
"""Seconds that one answer may take in all."""

_TIMEOUT = httpx.Timeout(10.0, read=30.0)
_NOT_TAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nothing came back; the request may have been `taken`, or cannot have been."""

    error: str
    taken: bool


class Api:
    """One client for all platforms; tokens travel in a header, never in an address."""

    def __init__(self, timeout: httpx.Timeout = _TIMEOUT, longest: float = LONGEST) -> None:
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)
        self._longest = longest

    async def ask(self, server: str, authorization: str, request: Request) -> Answered | Unanswered:
        """What the server says, as far as it is read; one that drips its answer is left."""
        try:
            async with asyncio.timeout(self._longest):
                return await self._ask(server, authorization, request)
        except _NOT_TAKEN as error:
            return Unanswered(type(error).__name__, taken=False)
        except (httpx.HTTPError, TimeoutError) as error:
            return Unanswered(type(error).__name__, taken=True)

    async def _ask(self, server: str, authorization: str, request: Request) -> Answered:
        headers = {"Authorization": authorization, "Accept-Encoding": "identity", **request.headers}
        async with self._client.stream(
            request.method, f"{server}{request.path}", json=request.body, params=request.query or None, headers=headers
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
            return Answered(response.status_code, dict(response.headers), bytes(body))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()
