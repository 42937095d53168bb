"""Takes what social platforms deliver and settles each delivery once the log holds all its items."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from pipeline.config import Config
from pipeline.config.channels import Social
from pipeline.connectors.clients import bucket
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.rate import RateLimit, TooOften
from pipeline.errors import Reject
from pipeline.parse.social import Item, split_delivery
from pipeline.parse.strict_json import Malformed
from pipeline.wire import Envelope

QUESTIONS_A_MINUTE = 30
"""How often one client may ask whether an address is ours; a platform asks once an hour."""

DELIVERIES_A_MINUTE = 60
"""How many deliveries of one client may be refused for their signature; a platform's are not."""

_MAX_KEY = 500


class SocialConnector:
    """Knows the pages and accounts, and publishes what was delivered for them, an envelope an item."""

    def __init__(self, config: Config, publisher: Publisher, now: Callable[[], datetime] = utc_now) -> None:
        self.health = Health()
        self.pages = {page.name: page for page in config.social}
        self._publisher = publisher
        self._now = now
        self._questions = RateLimit(QUESTIONS_A_MINUTE)
        self._forgeries = RateLimit(DELIVERIES_A_MINUTE)

    def find(self, name: str) -> Social:
        """The page of that name. Raises Reject(404), which names none of those there are."""
        page = self.pages.get(name)
        if page is None:
            raise self.refused("unknown page", Reject(404, "there is no such address"))
        return page

    def admit_question(self, client: str) -> None:
        """Let a client ask whether an address is ours, but not guess. Raises TooOften."""
        if wait := self._questions.wait(bucket(client)):
            raise self.refused("too often", TooOften(wait))

    def forged(self, client: str) -> Reject:
        """The refusal of a delivery that the platform did not sign, or of one more by the same client."""
        if wait := self._forgeries.wait(bucket(client)):
            return self.refused("too often", TooOften(wait))
        return self.refused("signature", Reject(401, "the signature is not the platform's"))

    async def receive(self, page: Social, raw: bytes) -> int:
        """How many items the delivery held, once the log has them all.

        Raises Reject(400) when the delivery is none, Retry when the log is away; then the platform sends all of it
        again, and intake knows what it had.
        """
        try:
            items = await asyncio.to_thread(split_delivery, raw)
        except Malformed as problem:
            raise self.refused("malformed", Reject(400, str(problem))) from problem
        await self.publish(page, items)
        return len(items)

    async def publish(self, page: Social, items: Iterable[Item], account: str | None = None) -> None:
        """Publish items, those of one conversation in their order. Raises Retry when the log is away."""
        envelopes = sorted((self._envelope(page, item, account) for item in items), key=attrgetter("key"))
        talks = [list(talk) for _, talk in groupby(envelopes, attrgetter("key"))]
        outcomes = await asyncio.gather(*map(self._publish_talk, talks), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _publish_talk(self, talk: Iterable[Envelope]) -> None:
        for envelope in talk:
            await self._publisher.publish(envelope, self.health)

    def _envelope(self, page: Social, item: Item, account: str | None) -> Envelope:
        """`account` is whose page we are on the platform, where the item itself does not tell."""
        page = self._page_of(page, item)
        facts = {"platform": item.post.platform if item.post else page.platform, "social": page.name}
        if account:
            facts["account"] = account
        return Envelope(
            id=item.id,
            channel="social",
            source=f"/social/{page.name}",
            key=((item.post and item.post.conversation) or item.id)[:_MAX_KEY],
            time=self._now(),
            content_type="application/json",
            raw=item.raw,
            facts=facts,
        )

    def _page_of(self, asked: Social, item: Item) -> Social:
        """Whose item it is: an app has one address for all its pages, and for their feeds and messages alike."""
        platform = item.post.platform if item.post else asked.platform
        of_app = [page for page in self.pages.values() if page.app_secret == asked.app_secret]
        fitting = [page for page in of_app if page.page_id in {None, item.account}]
        fitting.sort(key=lambda page: (page.platform != platform, page.page_id is None, page is not asked))
        return fitting[0] if fitting else asked

    def refused(self, reason: str, refusal: Reject) -> Reject:
        """The refusal, counted under its reason."""
        self.health.refused[reason] += 1
        return refusal
