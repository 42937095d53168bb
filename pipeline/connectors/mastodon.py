"""Follows accounts on Mastodon: by streaming where it can, by polling where it cannot.

Source: Mastodon's API documentation (notifications with min_id, instance, streaming by server-sent events).
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

import httpx

from pipeline.config import Config
from pipeline.config.channels import Social
from pipeline.connectors.asked import AskedPages, Pace
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.platform_api import Denied, NotNow, PlatformApi, token_of
from pipeline.connectors.social import SocialConnector
from pipeline.parse.payload import Payload
from pipeline.parse.social import Item, split_delivery
from pipeline.parse.strict_json import Malformed, read_json
from pipeline.store.bookmarks import Bookmarks

PAGE_SIZE = "40"
SILENCE = 60.0
"""Seconds without a sign of life after which a stream is dead; a server sends one every 15."""

_CONNECT = 10.0


class MastodonConnector(AskedPages):
    """Every [[social]] of Mastodon that has a server and a token."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        bookmarks: Bookmarks,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = Pace(),  # noqa: B008  # frozen
    ) -> None:
        pages = [page for page in config.social if page.platform == "mastodon" and page.is_asked]
        super().__init__(
            {
                page.name: MastodonAccount(page, SocialConnector(config, publisher, now), bookmarks, now)
                for page in pages
            },
            pace,
        )


class MastodonAccount:
    """One account of ours: catches up with what was missed, then listens until the stream ends."""

    def __init__(self, page: Social, inbox: SocialConnector, bookmarks: Bookmarks, now: Callable[[], datetime]) -> None:
        self._page = page
        self._inbox = inbox
        self._bookmarks = bookmarks
        self._now = now
        self._source = f"mastodon/{page.name}"
        self._server = page.server or ""
        self._own = ""

    @property
    def health(self) -> Health:
        """What it did since it started."""
        return self._inbox.health

    async def ask(self) -> None:
        """Catch up, then stream until the server ends it.

        A server whose stream is not to be had has been polled by then: the next round comes soon enough.
        """
        timeout = httpx.Timeout(_CONNECT, read=SILENCE)
        async with httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,  # no proxy of the environment gets to see what proves who we are
            transport=httpx.AsyncHTTPTransport(),  # which still knows the authorities of SSL_CERT_FILE
        ) as client:
            api = PlatformApi(self._server, token_of(self._page), client)
            await self._introduce(api)
            await self._catch_up(api)
            try:
                async with api.stream(await self._streaming(api), self._now()) as lines:
                    await self._listen(api, lines)
            except (NotNow, Denied) as error:
                if isinstance(error, NotNow) and error.seconds is not None:
                    raise
                self.health.state = f"polling: {error}"
            else:
                self.health.state = "polling: the stream ended"

    async def _introduce(self, api: PlatformApi) -> None:
        """Learn which account the token is of."""
        if not self._own:
            told = _read(await api.get("/api/v1/accounts/verify_credentials", self._now()))
            if not (own := told.word("id")):
                raise NotNow("the server does not say whose the token is")
            self._own = own

    async def _streaming(self, api: PlatformApi) -> str:
        """Where the server streams, which may be a host of its own, but never one without TLS where it has TLS."""
        told = _read(await api.get("/api/v2/instance", self._now())).url("configuration", "urls", "streaming") or ""
        base = told.replace("wss://", "https://", 1).replace("ws://", "http://", 1)
        if not base.startswith("https://" if self._server.startswith("https://") else "http"):
            base = self._server
        return f"{base.rstrip('/')}/api/v1/streaming/user"

    async def _listen(self, api: PlatformApi, lines: AsyncIterator[str]) -> None:
        self.health.state = "streaming"
        await self._catch_up(api)  # what came between the first time and the stream
        async for kind, data in _events(lines):
            await self._take(kind, data)

    async def _catch_up(self, api: PlatformApi) -> None:
        """Publish what came since the place that was kept; an account that was never asked begins now."""
        place = (await self._bookmarks.places(self._source)).get(self._source, {}).get("notification")
        if place is None:
            await self._keep(_newest(await self._notifications(api, limit="1")) or "0")
            return
        while True:
            items = await self._notifications(api, min_id=str(place), limit=PAGE_SIZE)
            newest_id = _newest(items)
            if newest_id is None or _order(newest_id) <= _order(str(place)):
                return
            await self._inbox.publish(self._page, reversed(items), self._own)
            await self._keep(newest_id)
            place = newest_id

    async def _notifications(self, api: PlatformApi, **query: str) -> list[Item]:
        raw = await api.get("/api/v1/notifications", self._now(), **query)
        if not raw.lstrip().startswith(b"["):
            raise NotNow("the answer is no list of notifications")
        return _split(raw, self._own)

    async def _take(self, kind: str, data: str) -> None:
        if kind == "notification":
            items = _split(data.encode(), self._own)
            await self._inbox.publish(self._page, items, self._own)
            if newest := _newest(items):
                await self._keep(newest)
        elif kind == "delete" or (kind in {"update", "status.update"} and self._concerns_us(kind, data)):
            event = json.dumps({"event": kind, "payload": data}).encode()
            await self._inbox.publish(self._page, _split(event, self._own), self._own)

    def _concerns_us(self, kind: str, data: str) -> bool:
        """Whether a status of the home timeline is an answer of our own, or the edit of one that mentions us."""
        status = _read(data.encode())
        if status.word("account", "id") == self._own:
            return kind == "status.update" or status.has("in_reply_to_id")
        return kind == "status.update" and any(one.word("id") == self._own for one in status.each("mentions"))

    async def _keep(self, notification: str) -> None:
        await self._bookmarks.keep(self._source, {"notification": notification}, self._now())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """The events of a stream of server-sent events, each with its kind and data."""
    kind, data = "", list[str]()
    async for line in lines:
        name, _, value = line.partition(":")
        if not line:
            if kind and data:
                yield kind, "\n".join(data)
            kind, data = "", []
        elif name == "event":
            kind = value.strip()
        elif name == "data":
            data.append(value.removeprefix(" "))


def _read(raw: bytes) -> Payload:
    """What an answer says. Raises NotNow when it is no JSON: a proxy's page of errors, as a rule."""
    try:
        return Payload(read_json(raw))
    except Malformed as error:
        raise NotNow(f"the answer cannot be read: {error}") from error


def _split(raw: bytes, own: str) -> list[Item]:
    try:
        return split_delivery(raw, own)
    except Malformed as error:
        raise NotNow(f"the answer cannot be read: {error}") from error


def _newest(items: Iterable[Item]) -> str | None:
    """The newest id of notifications, which grow longer and then larger."""
    ids = [found for item in items if (found := Payload(read_json(item.raw)).word("id"))]
    return max(ids, key=_order, default=None)


def _order(number: str) -> tuple[int, str]:
    return len(number), number
