"""Asks a platform's API over HTTP: answers bounded in size and time, refusals told by what to do next.

Source: Meta's Graph API (codes of errors).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import httpx

from pipeline.config.channels import Social
from pipeline.config.values import read_secret
from pipeline.errors import Reject, Retry
from pipeline.parse.payload import Payload
from pipeline.parse.retry_after import seconds_to_wait
from pipeline.parse.strict_json import Malformed, read_json

MAX_ANSWER = 10_485_760
"""Bytes of one answer that are read."""

MAX_LINE = 2_097_152
"""Bytes of one line of a stream."""

_LIMIT_CODES = frozenset({"4", "17", "32", "341", "613", "80001", "80002", "80006"})
_TOKEN_CODES = frozenset({"102", "190"})
_REFUSED = frozenset({401, 403})
_TOO_MANY = 429
_OK = 200
_MAX_WAIT = 3600.0


class NotNow(Retry):
    """The platform answers later; `seconds` says when, if it said so."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = None if seconds is None else min(max(seconds, 1.0), _MAX_WAIT)


class Denied(Reject):
    """The platform knows us no more: a person must give it another token."""


def token_of(page: Social) -> str:
    """What the platform knows us by, read anew each time. Raises Denied when it is named and not there."""
    try:
        return read_secret(page.access_token or "")
    except LookupError as error:
        raise Denied(401, str(error)) from error


class PlatformApi:
    """One server and the token that it knows us by; the token travels in a header, never in an address."""

    def __init__(self, server: str, token: str, client: httpx.AsyncClient) -> None:
        self._server = server
        self._client = client
        self._token = token
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}

    async def get(self, path: str, now: datetime, **query: str) -> bytes:
        """The bytes of an answer. Raises NotNow when there is none to be had now, Denied when we are refused."""
        async with self._asked(f"{self._server}{path}", query, now) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise NotNow(f"the answer to {path} is larger than {MAX_ANSWER} bytes")
            return bytes(body)

    @asynccontextmanager
    async def stream(self, url: str, now: datetime) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer that does not end. Raises NotNow and Denied as `get` does."""
        async with self._asked(url, {}, now) as response:
            yield _lines(response)

    @asynccontextmanager
    async def _asked(self, url: str, query: Mapping[str, str], now: datetime) -> AsyncIterator[httpx.Response]:
        try:
            async with self._client.stream("GET", url, params=query or None, headers=self._headers) as response:
                if response.status_code != _OK:
                    raise await _refusal(response, now, self._token)
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise NotNow("the answer is compressed, which was not asked for")
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotNow(f"{httpx.URL(url).host} does not answer: {type(error).__name__}") from error


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    rest = b""
    async for chunk in response.aiter_raw():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > MAX_LINE:
            raise NotNow(f"a line of the stream is longer than {MAX_LINE} bytes")


async def _refusal(response: httpx.Response, now: datetime, token: str) -> Exception:
    """What an answer other than 200 means for us; a platform may quote the token that it refuses."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_LINE:
            break
    try:
        told = Payload(read_json(bytes(body)))
    except Malformed:
        told = Payload(None)
    code = told.word("error", "code")
    said = told.word("error", "message") or told.word("error") or response.reason_phrase
    quoted = said.replace(token, "…") if token else said
    says = f"{response.url.host} says {response.status_code}: {quoted[:200]}"
    if response.status_code == _TOO_MANY or code in _LIMIT_CODES:
        return NotNow(says, seconds_to_wait(response.headers, now))
    if code in _TOKEN_CODES or (response.status_code in _REFUSED and not told.flag("error", "is_transient")):
        return Denied(response.status_code, says)
    return NotNow(says, seconds_to_wait(response.headers, now))
