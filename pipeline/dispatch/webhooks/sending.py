"""Posts one event to one endpoint, and says in a sentence what came of it.

Source: Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec): headers, signature, 2xx as success,
410 as the wish to hear no more, redirects as failures.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httpcore
from standardwebhooks import Webhook

from pipeline.dispatch.webhooks.guarded import CONNECTIONS, connections
from pipeline.domain.public_addresses import Networks
from pipeline.domain.webhook_urls import BadUrl, Endpoint, read_url
from pipeline.egress import NoAddress, NotPublic, Resolve, resolve

TIMEOUT_S = 10.0
"""For all of it: the name, the connection, TLS, the headers, the body."""

MAX_ANSWER = 16_384
"""Bytes of an answer that are read; what follows is cut off with the connection."""

DRAIN_S = 1.0
"""How long the body of a good answer is read, so that its connection can be used again."""

MAX_ERROR = 300
MAX_ENDPOINTS = 500
"""Endpoints whose connections are kept."""

LONGEST_WAIT = timedelta(hours=1)

USER_AGENT = b"Casestream-Webhooks/1"

_OK = range(200, 300)
_REDIRECT = range(300, 400)
_GONE = 410
_BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a post; `reason` says in a word why it failed, `wait` how long the other side wants to be left."""

    delivered: bool
    status: int | None
    reason: str
    error: str
    ms: int
    wait: timedelta | None = None

    @property
    def gone(self) -> bool:
        """Whether the other side wants to hear no more."""
        return self.status == _GONE


@dataclass(frozen=True, slots=True)
class Post:
    """An event as it is posted: its id, its body and the secrets that sign it."""

    id: str
    body: bytes
    content_type: str
    secrets: Sequence[str]


class Sender:
    """Posts to public addresses, and to those networks that the desk allows."""

    def __init__(
        self,
        allowed: Networks = (),
        *,
        tls: ssl.SSLContext | None = None,
        resolving: Resolve = resolve,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._allowed = allowed
        self._tls = tls
        self._resolve = resolving
        self._timeout_s = timeout_s
        self._lines: dict[tuple[str, str, int], _Line] = {}

    async def close(self) -> None:
        """Close all connections."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.pool.aclose()

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Wait until one more may be posted there; the time-out begins after that."""
        try:
            endpoint = read_url(url)
        except BadUrl:
            yield  # which `post` tells
            return
        async with (await self._line(endpoint)).turns:
            yield

    async def post(self, url: str, post: Post, now: datetime) -> Answer:
        """What came of it, within the time-out; never raises for what the other side does."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._posted(read_url(url), post, now)
        except TimeoutError:
            answer = _failed("timeout", f"no answer within {self._timeout_s:g} s")
        except (NotPublic, BadUrl) as error:
            answer = _failed("refused", f"not called: {error}")
        except NoAddress as error:
            answer = _failed("dns", str(error))
        except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
            cause = _cause(error)
            answer = _failed("tls" if isinstance(cause, ssl.SSLError) else "connect", f"no connection: {cause}")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            answer = _failed("broken", f"the answer broke off: {error or type(error).__name__}")
        ms = round((clock() - began) * 1000)
        return Answer(answer.delivered, answer.status, answer.reason, answer.error, ms, answer.wait)

    async def _posted(self, endpoint: Endpoint, post: Post, now: datetime) -> Answer:
        url = httpcore.URL(
            scheme=endpoint.scheme.encode(), host=endpoint.host.encode(), port=endpoint.port,
            target=endpoint.target.encode(),
        )  # fmt: skip
        headers = _headers(endpoint, post, now)
        line = await self._line(endpoint)
        async with line.pool.stream("POST", url, headers=headers, content=post.body) as response:
            if response.status not in _OK:
                return _judged(response, await _read(response), now)
            with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):  # its status has said all
                async with asyncio.timeout(DRAIN_S):
                    await _read(response)
            return Answer(delivered=True, status=response.status, reason="", error="", ms=0)

    async def _line(self, endpoint: Endpoint) -> "_Line":
        """What leads to one host and port; of too many, the one that was used longest ago is closed."""
        key = (endpoint.scheme, endpoint.host, endpoint.port)
        line = self._lines.pop(key, None) or _Line(connections(self._allowed, self._tls, self._resolve))
        self._lines[key] = line
        if len(self._lines) > MAX_ENDPOINTS:
            await self._lines.pop(next(iter(self._lines))).pool.aclose()
        return line


@dataclass(frozen=True, slots=True)
class _Line:
    """The connections to one host and port, and whose turn it is to use them."""

    pool: httpcore.AsyncConnectionPool
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))


async def _read(response: httpcore.Response) -> bytes:
    """The beginning of the body."""
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) >= MAX_ANSWER:
            break
    return bytes(body[:MAX_ANSWER])


def signature(id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> str:  # noqa: A002  # its name on the wire
    """What the header `webhook-signature` says: one for each secret that signs now."""
    return " ".join(_key(secret).sign(id, at, body.decode()) for secret in secrets)


@lru_cache(maxsize=10_000)
def _key(secret: str) -> Webhook:
    return Webhook(secret)


def _cause(error: BaseException) -> BaseException:
    """What the system said, below what libraries made of it."""
    found, inner = error, error
    while (inner := inner.__cause__ or inner.__context__ or getattr(inner, "exceptions", [None])[0]) is not None:
        if isinstance(inner, OSError) and inner.strerror:
            found = inner
    return found


def _headers(endpoint: Endpoint, post: Post, now: datetime) -> list[tuple[bytes, bytes]]:
    at = now.astimezone(UTC).replace(microsecond=0)
    return [
        (b"host", endpoint.authority.encode()),
        (b"user-agent", USER_AGENT),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"identity"),
        (b"content-type", post.content_type.encode()),
        (b"content-length", str(len(post.body)).encode()),
        (b"webhook-id", post.id.encode()),
        (b"webhook-timestamp", str(int(at.timestamp())).encode()),
        (b"webhook-signature", signature(post.id, at, post.body, post.secrets).encode()),
    ]


def _failed(reason: str, error: str) -> Answer:
    return Answer(delivered=False, status=None, reason=reason, error=_line(error), ms=0)


def _judged(response: httpcore.Response, body: bytes, now: datetime) -> Answer:
    status = response.status
    headers = {name.lower(): value for name, value in response.headers}
    if status in _REDIRECT:
        said = f"{status} leads to {_text(headers.get(b'location', b'nowhere'))}; redirects are not followed"
    elif headers.get(b"content-encoding", b"identity") != b"identity":
        said = f"{status}, and a body that is encoded"
    else:
        said = f"{status} {_text(body)}"
    wait = _wait(headers.get(b"retry-after"), now) if status in _BUSY else None
    return Answer(delivered=False, status=status, reason=str(status), error=_line(said), ms=0, wait=wait)


def _wait(value: bytes | None, now: datetime) -> timedelta | None:
    """How long Retry-After (RFC 9110, 10.2.3) asks for, within bounds."""
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    try:
        wait = timedelta(seconds=int(text)) if text.isdecimal() else parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _text(raw: bytes) -> str:
    return raw[: MAX_ERROR * 4].decode("utf-8", "replace")


def _line(text: str) -> str:
    """On one line, without what a terminal would obey or PostgreSQL cannot hold."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:MAX_ERROR]
