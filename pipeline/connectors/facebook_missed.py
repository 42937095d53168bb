"""Asks Facebook for what its webhooks did not deliver: posts, comments and messages since the place that was kept.

Source: Meta, Graph API (Page feed, Comments, Page conversations, paginated results).
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from pipeline.config import Config
from pipeline.config.channels import Social
from pipeline.connectors.asked import AskedPages, Pace
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.platform_api import NotNow, PlatformApi, token_of
from pipeline.connectors.social import SocialConnector
from pipeline.parse.payload import Payload
from pipeline.parse.social import split_delivery
from pipeline.parse.strict_json import Malformed, elements, members, read_json
from pipeline.store.bookmarks import Bookmarks

SERVER = "https://graph.facebook.com"
VERSION = "/v24.0"

OVERLAP = timedelta(minutes=10)
"""How much is asked for again: a clock may differ, and what was told already is found to be a duplicate."""

LOOK_BACK = timedelta(days=14)
"""How old a post may be whose new comments are still asked for."""

MAX_PAGES = 200
"""Pages of one list that are read in a round."""

PORTION = 500
"""Items that are published at once."""

_TIMEOUT = 30.0
_COMMENT = "id,message,created_time,from,parent{id},is_hidden,attachment"
_COMMENTS = {"filter": "stream", "order": "reverse_chronological", "limit": "100", "fields": _COMMENT}
_FEED = (
    "id,message,story,created_time,updated_time,from,is_hidden,attachments{media_type,type,url,media},"
    f"comments.filter(stream).order(reverse_chronological).limit(100){{{_COMMENT}}}"
)
_MESSAGE = "id,message,created_time,from,to,attachments"
_CONVERSATIONS = f"id,updated_time,messages.limit(50){{{_MESSAGE}}}"


class FacebookConnector(AskedPages):
    """Every [[social]] of Facebook or Messenger that has a page and a token."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        bookmarks: Bookmarks,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = Pace(round=300.0),  # noqa: B008  # frozen
    ) -> None:
        pages = [page for page in config.social if page.platform != "mastodon" and page.is_asked]
        talked = {page.page_id for page in pages if page.platform == "messenger"}
        super().__init__(
            {
                page.name: FacebookPage(
                    page,
                    SocialConnector(config, publisher, now),
                    bookmarks,
                    now,
                    feed=page.platform == "facebook",
                    messages=page.platform == "messenger" or page.page_id not in talked,
                )
                for page in pages
            },
            pace,
        )


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One item in its own characters, and when it was written."""

    kind: str
    raw: str
    at: datetime | None
    post: str | None = None


class FacebookPage:
    """One page of ours: its feed, its messages, or both."""

    def __init__(
        self,
        page: Social,
        inbox: SocialConnector,
        bookmarks: Bookmarks,
        now: Callable[[], datetime],
        *,
        feed: bool,
        messages: bool,
    ) -> None:
        self._page = page
        self._inbox = inbox
        self._bookmarks = bookmarks
        self._now = now
        self._feed = feed
        self._messages = messages

    @property
    def health(self) -> Health:
        """What it did since it started."""
        return self._inbox.health

    async def ask(self) -> None:
        """Fetch what is newer than the place, publish it oldest first, keep the new place."""
        async with httpx.AsyncClient(
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,  # no proxy of the environment gets to see what proves who we are
            transport=httpx.AsyncHTTPTransport(),  # which still knows the authorities of SSL_CERT_FILE
        ) as client:
            api = PlatformApi(self._page.server or SERVER, token_of(self._page), client)
            if self._feed:
                await self._round("feed", lambda since: self._posts(api, since))
            if self._messages:
                await self._round("messages", lambda since: self._said(api, since))
        self.health.state = "asked"

    async def _round(self, what: str, fetch: Callable[[datetime], AsyncIterator[_Fetched]]) -> None:
        """One round of one list; a page that was never asked begins now."""
        source, began = f"facebook/{self._page.name}/{what}", self._now()
        place = (await self._bookmarks.places(source)).get(source, {}).get("until")
        if isinstance(place, int):
            since = datetime.fromtimestamp(place, UTC) - OVERLAP
            found = [item async for item in fetch(since) if item.at is not None and item.at >= since]
            found.sort(key=lambda item: item.at or since)
            for start in range(0, len(found), PORTION):
                delivery = self._delivery(found[start : start + PORTION])
                await self._inbox.publish(self._page, split_delivery(delivery))
        await self._bookmarks.keep(source, {"until": int(began.timestamp())}, began)

    def _delivery(self, found: list[_Fetched]) -> bytes:
        """What was fetched as one delivery; each item stays in its own characters."""
        told = (f'{{"kind":"{item.kind}","post":{json.dumps(item.post)},"item":{item.raw}}}' for item in found)
        page = json.dumps(self._page.page_id)
        return f'{{"object":"page","entry":[{{"id":{page},"fetched":[{",".join(told)}]}}]}}'.encode()

    async def _posts(self, api: PlatformApi, since: datetime) -> AsyncIterator[_Fetched]:
        asked = {"fields": _FEED, "limit": "25", "since": str(int((since - LOOK_BACK).timestamp()))}
        async for text in self._listed(api, f"/{self._page.page_id}/feed", asked):
            fields = dict(members(text))
            post = _payload(text)
            own_id = post.word("id") or ""
            alone = ",".join(f"{json.dumps(name)}:{raw}" for name, raw in fields.items() if name != "comments")
            yield _Fetched("post", f"{{{alone}}}", post.moment("created_time"))
            if (post.moment("updated_time") or since) < since:
                continue
            path = f"/{own_id}/comments"
            async for comment in self._listed(api, path, _COMMENTS, fields.get("comments", "{}"), since):
                yield _Fetched("comment", comment, _payload(comment).moment("created_time"), own_id)

    async def _said(self, api: PlatformApi, since: datetime) -> AsyncIterator[_Fetched]:
        asked = {"platform": "messenger", "fields": _CONVERSATIONS, "limit": "25"}
        async for text in self._listed(api, f"/{self._page.page_id}/conversations", asked, since=since):
            talk = _payload(text)
            path, listed = f"/{talk.word('id')}/messages", dict(members(text)).get("messages", "{}")
            more = {"fields": _MESSAGE, "limit": "50"}
            async for message in self._listed(api, path, more, listed, since):
                yield _Fetched("message", message, _payload(message).moment("created_time"))

    async def _listed(
        self,
        api: PlatformApi,
        path: str,
        query: dict[str, str],
        first: str | None = None,
        since: datetime | None = None,
    ) -> AsyncIterator[str]:
        """The elements of a list over its pages; newest first and no older than `since`, if that is given."""
        text = first if first is not None else await self._page_of(api, path, query)
        for _ in range(MAX_PAGES):
            fields = dict(members(text)) if text.startswith("{") else {}
            for element in elements(fields.get("data", "[]")) if fields.get("data", "[]").startswith("[") else ():
                if not element.startswith("{"):
                    continue
                told = _payload(element)
                written = told.moment("updated_time") or told.moment("created_time")
                if since is not None and written is not None and written < since:
                    return
                yield element
            paging = _payload(fields.get("paging", "{}"))
            after = paging.word("cursors", "after")
            if not (after and paging.has("next")):
                return
            text = await self._page_of(api, path, {**query, "after": after})
        raise NotNow(f"{path} has more pages than can be read in a round")

    async def _page_of(self, api: PlatformApi, path: str, query: dict[str, str]) -> str:
        raw = await api.get(f"{VERSION}{path}", self._now(), **query)
        try:
            read_json(raw)
        except Malformed as error:
            raise NotNow(f"the answer cannot be read: {error}") from error
        return raw.decode("utf-8-sig").strip()


def _payload(text: str) -> Payload:
    return Payload(read_json(text.encode()))
