"""Webhooks as a way out: walks events for subscriptions, posts them, notes every try."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import orjson
import psycopg
import structlog

from pipeline.departures import Departures
from pipeline.dispatch.webhooks.judging import Delivery, Tried, arrived, ends, judge
from pipeline.dispatch.webhooks.sending import Answer, Post, Sender
from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.event_filters import EventFilter
from pipeline.domain.subscriptions import Subscription
from pipeline.events.cloudevents import MEDIA_TYPE, structured
from pipeline.store.outbox import Published
from pipeline.store.subscriptions import QUEUE
from pipeline.store.webhooks import FORGET, Done, WebhookQueue

LOG_KEPT = timedelta(days=14)
HELD_KEPT = timedelta(days=30)
"""As long as events are."""

FORGET_EVERY = timedelta(hours=1)

REPLAYS = 20
"""Steps of replays in one look, so that the cursors of all others do not wait for them."""

ENOUGH = 10
"""So many failures in a row, and what was to be posted at the same time waits for its next try."""

_log = structlog.get_logger()

Disable = Callable[[psycopg.AsyncConnection], Awaitable[bool]]
"""Disables a subscription on that connection; False when it was disabled before."""


class Notice(Protocol):
    """Tells that a subscription is disabled, in the transaction that disables it."""

    async def __call__(
        self, subscription: Subscription, reason: str, attempts: int, at: datetime, disable: Disable
    ) -> bool:
        """Whether it was news, as `disable` says."""

    async def close(self) -> None:
        """Let go of connections."""


class UnreadableFilterError(Exception):
    """The filter of a subscription does not compile, as it once did; the message says why."""

    def __init__(self, subscription: Subscription, reason: str) -> None:
        super().__init__(reason)
        self.subscription = subscription


@dataclass(slots=True)
class _Endpoint:
    """How an endpoint fares in this process: failures in a row, and when there were too many of them."""

    failures: int = 0
    tripped_at: float = -math.inf

    def note(self, answer: Answer, at: float) -> None:
        self.failures = 0 if answer.delivered else self.failures + 1
        if answer.gone or self.failures >= ENOUGH:
            self.tripped_at = at


class Webhooks:
    """Posts events to who subscribed to them, each at least once, with the id of the event."""

    name = QUEUE
    concurrency = 32

    def __init__(
        self,
        queue: WebhookQueue,
        sender: Sender,
        notice: Notice,
        *,
        source: str,
        types: Sequence[str],
        random: Callable[[], float],
    ) -> None:
        self.departures = Departures()
        self._queue = queue
        self._sender = sender
        self._notice = notice
        self._source = source
        self._types = tuple(types)
        self._random = random
        self._forgotten_at: datetime | None = None
        self._endpoints: dict[UUID, _Endpoint] = {}
        self._replayed = 0

    async def look(self, now: datetime) -> bool:
        """Queue the deliveries of what was published since; whether more waits."""
        try:
            queued = await self._walk()
            replayed = await self._replay()
        except UnreadableFilterError as error:
            await self._disable_unreadable(error, now)
            return True
        await self._forget(now)
        return queued > 0 or replayed

    async def work(self, args: Mapping[str, Any], now: datetime) -> None:
        """Post the events of one job, then note in one transaction what came of it."""
        subscription = await self._queue.find(UUID(args["subscription"]))
        if subscription is None:
            return
        job = Delivery(
            run=args["run"],
            attempt=args["attempt"],
            first_at=datetime.fromisoformat(args["first_at"]) if args["first_at"] else now,
            positions=args["positions"],
        )
        events = await self._queue.events(subscription.id, job.run, job.attempt, job.positions)
        if events is None:
            return
        if len(events) < len(job.positions):
            _log.warning("webhooks: events are kept no longer", subscription=str(subscription.id), job=args)
        watch = _Watch(now)
        tried = await self._tried(subscription, job, events, watch)
        await self._note(subscription, job, tried, watch.now())
        if subscription.ordered:  # its next events wait for nothing else
            await self._walk()

    async def close(self) -> None:
        """Close all connections."""
        await self._sender.close()
        await self._notice.close()
        await self._queue.close()

    async def _walk(self) -> int:
        """Queue what the cursors come past; how many events."""
        return sum([await self._queue.walk(place, self._wants) for place in await self._queue.places()])

    async def _replay(self) -> bool:
        """Queue what replays come past, some steps from where the last look left off; whether more may wait."""
        for _ in range(REPLAYS):
            began, following = self._replayed, await self._queue.walk_replay(self._replayed, self._wants)
            self._replayed = following or 0
            if following is None:
                return began > 0
        return True

    async def _disable_unreadable(self, error: UnreadableFilterError, now: datetime) -> None:
        subscription = error.subscription

        async def disable(connection: psycopg.AsyncConnection) -> bool:
            return await self._queue.disable(subscription, str(error), connection)

        if await self._notice(subscription, str(error), 1, now, disable):
            self.departures.failed["filter"] += 1
            _log.error("webhooks: subscription is disabled", subscription=str(subscription.id), reason=str(error))

    async def _tried(
        self, subscription: Subscription, job: Delivery, events: Sequence[Published], watch: "_Watch"
    ) -> Sequence[Tried]:
        if subscription.state == "disabled":
            return [Tried(event, watch.now(), None) for event in events]
        if subscription.ordered:
            return await self._in_turn(subscription, events, watch)
        asked: list[Tried] = []
        if subscription.failing_since is not None and events:  # one asks for all; each time another, it may be to blame
            turn = (job.attempt - 1) % len(events)
            asked.append(await self._post(subscription, events[turn], watch))
            events = [*events[:turn], *events[turn + 1 :]]
            if not arrived(asked[0]):
                return [*asked, *(Tried(event, watch.now(), None) for event in events)]
        return [*asked, *await asyncio.gather(*(self._post(subscription, event, watch) for event in events))]

    async def _in_turn(
        self, subscription: Subscription, events: Sequence[Published], watch: "_Watch"
    ) -> Sequence[Tried]:
        tried: list[Tried] = []
        for event in events:
            stopped = bool(tried) and not arrived(tried[-1])
            tried.append(Tried(event, watch.now(), None) if stopped else await self._post(subscription, event, watch))
        return tried

    async def _post(self, subscription: Subscription, event: Published, watch: "_Watch") -> Tried:
        endpoint = self._endpoints.setdefault(subscription.id, _Endpoint())
        async with self._sender.turn(subscription.url):
            now = watch.now()
            if endpoint.tripped_at > watch.began:
                return Tried(event, now, None)
            body = structured(
                event_id=event.id, source=self._source, kind=event.type, subject=event.subject, at=event.at,
                key=event.key, seq=event.seq, pos=event.pos, data=event.data.encode(),
            )  # fmt: skip
            post = Post(str(event.id), body, MEDIA_TYPE, subscription.signing(now))
            answer = await self._sender.post(subscription.url, post, now)
            endpoint.note(answer, watch.time())
        if answer.delivered:
            self.departures.sent += 1
            self.departures.last_success = now
        else:
            self.departures.failed[answer.reason] += 1
        return Tried(event, now, answer)

    async def _note(self, subscription: Subscription, job: Delivery, tried: Sequence[Tried], now: datetime) -> None:
        random = self._random()

        def decide(locked: Subscription) -> Done:
            return judge(locked, job, tried, now, random)

        if (reason := ends(subscription, tried, now)) is not None:

            async def disable(connection: psycopg.AsyncConnection) -> bool:
                done = await self._queue.record(subscription.id, decide, connection)
                return done is not None and done.state == "disabled"

            if await self._notice(subscription, reason, job.attempt, now, disable):
                _log.error("webhooks: subscription is disabled", subscription=str(subscription.id), reason=reason)
            return
        await self._queue.record(subscription.id, decide)

    def _wants(self, subscription: Subscription, event: Published) -> bool:
        name = event.type.removeprefix("dev.casestream.").removesuffix(".v1")
        if subscription.types and name not in subscription.types:
            return False
        if not subscription.filter:
            return True
        try:
            wanted = EventFilter.compile(subscription.filter, self._types)
        except BadConditionError as error:
            raise UnreadableFilterError(subscription, f"its filter can be read no more: {error.says}") from error
        return wanted.admits(name, orjson.loads(event.data))

    async def _forget(self, now: datetime) -> None:
        if self._forgotten_at is not None and now - self._forgotten_at < FORGET_EVERY:
            return
        while await self._queue.forget(now - LOG_KEPT, now - HELD_KEPT) == FORGET:
            pass
        self._forgotten_at = now


class _Watch:
    """The time of a job: as it was told, and what has passed since."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.time = asyncio.get_running_loop().time
        self.began = self.time()

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self.time() - self.began)
