"""The way out by social platforms: answers leave in the order of each conversation, and what became of them is told."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import random
from typing import Any
from uuid import UUID

import structlog

from pipeline.agents.deliveries import Became, Deliveries
from pipeline.config.channels import Social
from pipeline.departures import Departures
from pipeline.dispatch.replies.api import Api
from pipeline.dispatch.replies.sending import send
from pipeline.dispatch.replies.verdicts import Again, Never, Sent, Verdict
from pipeline.domain.retrying import next_try
from pipeline.store.postgres import PostgresStore, PostgresTransaction
from pipeline.store.reply_queue import (
    QUEUE,
    Begun,
    Heard,
    ReplyQueue,
    WaitingReply,
    note_delivered,
    note_failed,
    note_sent,
    note_waits,
)

MOST_AT_ONCE = 100

_log = structlog.get_logger()


class ReplyWay:
    """Any number of processes share the work; of one conversation, one answer is sent at a time."""

    name = QUEUE

    def __init__(
        self,
        queue: ReplyQueue,
        pages: Sequence[Social],
        stores: Sequence[PostgresStore],
        telling: Callable[[PostgresStore], Deliveries[PostgresTransaction]],
        api: Api | None = None,
        random: Callable[[], float] = random,
    ) -> None:
        self.departures = Departures()
        self.concurrency = len(stores) - 1
        self._queue = queue
        self._pages = {f"/social/{page.name}": page for page in pages}
        self._stores = stores
        self._free: asyncio.Queue[Deliveries[PostgresTransaction]] = asyncio.Queue()
        for store in stores[1:]:
            self._free.put_nowait(telling(store))
        self._hearing = telling(stores[0])
        self._api = api or Api()
        self._random = random

    async def look(self, now: datetime) -> bool:
        """Queue what is due; tell what platforms said later of what was sent. Whether more waits."""
        handed = await self._queue.hand_over(now, MOST_AT_ONCE)
        received, turned_up = await self._queue.heard(MOST_AT_ONCE)
        for heard in received:
            await self._tell_delivered(heard)
        for heard in turned_up:
            await self._tell_turned_up(heard, now)
        return handed == MOST_AT_ONCE or len(received) == MOST_AT_ONCE

    async def work(self, args: Mapping[str, Any], now: datetime) -> None:
        """Send an answer, unless it was sent meanwhile or has to wait."""
        begun = await self._queue.begin(UUID(args["reply"]), now)
        if begun is None:
            return
        found = await send(begun, self._pages.get(begun.reply.source), self._api, now)
        if isinstance(found, Again) and found.rests and found.at is not None:
            await self._queue.rest(begun.reply.source, found.at, found.reason)
            self.departures.state = f"{begun.reply.source} rests until {found.at:%Y-%m-%d %H:%M:%S} UTC: {found.reason}"
        async with self._teller() as deliveries:
            await self._tell(begun, found, deliveries, now)

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()
        for store in self._stores:
            await store.close()

    @asynccontextmanager
    async def _teller(self) -> AsyncIterator[Deliveries[PostgresTransaction]]:
        deliveries = await self._free.get()
        try:
            yield deliveries
        finally:
            self._free.put_nowait(deliveries)

    async def _tell(
        self, begun: Begun, found: Verdict, deliveries: Deliveries[PostgresTransaction], now: datetime
    ) -> None:
        reply = begun.reply
        again_at = self._again_at(reply, found, now) if isinstance(found, Again) else None
        match found:
            case Sent(platform_id=known):
                self.departures.sent += 1
                self.departures.last_success, self.departures.state = now, ""
                became = _became(reply, "sent", now, platform_id=known)
                await deliveries.tell(became, lambda tx: note_sent(tx.connection, reply.id, reply.platform, known, now))
            case Again(reason=reason, unsure=unsure) if again_at is not None:
                self.departures.failed[_kind_of(reason)] += 1
                became, due = _became(reply, "queued", now, reason=reason), again_at
                await deliveries.tell(
                    became, lambda tx: note_waits(tx.connection, reply.id, due, reason, unsure=unsure)
                )
            case Again(reason=reason, unsure=unsure) | Never(reason=reason, unsure=unsure):
                self.departures.failed[_kind_of(reason)] += 1
                says = _given_up(reason, unsure=unsure) if isinstance(found, Again) else reason
                became = _became(reply, "failed", now, reason=says)
                await deliveries.tell(became, lambda tx: note_failed(tx.connection, reply.id, says, unsure=unsure))
        _log.info("answer on a platform", activity=str(reply.id), to=reply.target, attempt=reply.attempts + 1,
                  became=type(found).__name__.lower(), reason=getattr(found, "reason", None))  # fmt: skip

    def _again_at(self, reply: WaitingReply, found: Again, now: datetime) -> datetime | None:
        """When to try next: after the pause that grows, and not before the platform wants to hear of us."""
        at = next_try(reply.attempts + 1, reply.created_at, now, self._random())
        return None if at is None else max(at, found.at) if found.at is not None else at

    async def _tell_delivered(self, heard: Heard) -> None:
        became = Became(
            kind="social", state="delivered", target=f"{heard.platform}:{heard.recipient}", at=heard.says,
            attempts=heard.attempts, activity=heard.id,
        )  # fmt: skip
        await self._hearing.tell(became, lambda tx: note_delivered(tx.connection, heard.id))

    async def _tell_turned_up(self, heard: Heard, now: datetime) -> None:
        became = Became(
            kind="social", state="sent", target=f"{heard.platform}:{heard.recipient}", at=now, attempts=heard.attempts,
            activity=heard.id, platform_id=heard.says,
        )  # fmt: skip
        await self._hearing.tell(became, lambda tx: note_sent(tx.connection, heard.id, heard.platform, heard.says, now))


def _became(reply: WaitingReply, state: Any, now: datetime, **values: Any) -> Became:  # noqa: ANN401
    return Became(kind="social", state=state, target=reply.target, at=now, attempts=reply.attempts + 1,
                  activity=reply.id, **values)  # fmt: skip


def _kind_of(reason: str) -> str:
    """The reason without what is of this answer alone, so that figures have few names."""
    return re.split(r"[:;]", reason, maxsplit=1)[0]


def _given_up(reason: str, *, unsure: bool) -> str:
    there = "; it may be there all the same, look on the platform" if unsure else ""
    return f"given up after three days: {reason}{there}"
