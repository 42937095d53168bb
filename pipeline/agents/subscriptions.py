"""Manages who is told of events: checks what is asked for, keeps it, has things delivered again."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.event_filters import EventFilter
from pipeline.domain.public_addresses import Networks
from pipeline.domain.subscriptions import LONGEST_KEPT, OLD_SECRET_KEPT, Secret, Subscription, rotated
from pipeline.domain.webhook_urls import BadUrl, read_url
from pipeline.egress import NoAddress, NotPublic, Resolve, public_addresses, resolve
from pipeline.errors import Reject
from pipeline.store.subscriptions import PostgresSubscriptions, Try

MAX_DESCRIPTION = 500
MOST_SUBSCRIPTIONS = 1000
MOST_REPLAYS = 10
"""Replays of one subscription that may be open at once."""

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants of a subscription; what is None stays as it is, or as it is usual."""

    url: str | None = None
    description: str | None = None
    types: Sequence[str] | None = None
    filter: str | None = None
    ordered: bool | None = None


class Subscriptions:
    """What the API and the command line do; every refusal is a Reject that names the field."""

    def __init__(
        self,
        store: PostgresSubscriptions,
        types: Sequence[str],
        allowed: Networks = (),
        resolving: Resolve = resolve,
    ) -> None:
        self._store = store
        self._types = tuple(types)
        self._allowed = allowed
        self._resolve = resolving

    async def add(self, asked: Asked, now: datetime, after: int | None = None) -> Subscription:
        """A new one, its secret in it; it hears of what happens from now on, or of all past a position."""
        if asked.url is None:
            raise _wrong({"url": "it is missing"})
        await self._check(asked)
        if len(await self._store.list()) >= MOST_SUBSCRIPTIONS:
            raise Reject(409, f"there are {MOST_SUBSCRIPTIONS} subscriptions already; remove one first")
        subscription = Subscription(
            id=uuid7(), url=asked.url, description=asked.description or "", types=self._named(asked.types or ()),
            filter=(asked.filter or "").strip(), ordered=bool(asked.ordered), secrets=[Secret(_new_secret())],
            state="active", reason="", pos=0, waiting=0, retrying=0, failing_since=None, created_at=now,
        )  # fmt: skip
        return await self._store.create(subscription, after)

    async def list(self) -> Sequence[Subscription]:
        """All of them, the oldest first."""
        return await self._store.list()

    async def find(self, id: UUID) -> Subscription:  # noqa: A002  # its name on the wire
        """The one of that id."""
        found = await self._store.find(id)
        if found is None:
            raise _none(id)
        return found

    async def change(self, id: UUID, asked: Asked) -> Subscription:  # noqa: A002  # the same
        """The one of that id, with what is asked for; events that are queued already go by what it is when they go."""
        await self._check(asked)
        try:
            async with self._store.changing(id) as changing:
                old = changing.subscription
                return await changing.write(
                    replace(
                        old,
                        url=asked.url if asked.url is not None else old.url,
                        description=asked.description if asked.description is not None else old.description,
                        types=self._named(asked.types) if asked.types is not None else old.types,
                        filter=asked.filter.strip() if asked.filter is not None else old.filter,
                        ordered=asked.ordered if asked.ordered is not None else old.ordered,
                    )
                )
        except LookupError as error:
            raise _none(id) from error

    async def disable(self, id: UUID, reason: str) -> Subscription:  # noqa: A002  # the same
        """The same, told nothing more; what is queued for it is held back."""
        try:
            async with self._store.changing(id) as changing:
                old = changing.subscription
                if old.state == "disabled":
                    return old
                return await changing.write(replace(old, state="disabled", reason=reason))
        except LookupError as error:
            raise _none(id) from error

    async def enable(self, id: UUID, start: Literal["stopped", "now"] = "stopped") -> Subscription:  # noqa: A002  # the same
        """The same, told of all that happened meanwhile, or only of what happens from now on."""
        try:
            async with self._store.changing(id) as changing:
                old = changing.subscription
                if old.state == "active":
                    return old
                enabled = replace(old, state="active", reason="", failing_since=None)
                if start == "now":
                    await changing.drop()
                    last = await changing.last_position()
                    return await changing.write(replace(enabled, pos=last, waiting=0, retrying=0))
                held = await changing.release()
                return await changing.write(replace(enabled, waiting=old.waiting + held, retrying=old.retrying + held))
        except LookupError as error:
            raise _none(id) from error

    async def rotate(self, id: UUID, now: datetime, kept: timedelta = OLD_SECRET_KEPT) -> Subscription:  # noqa: A002  # the same
        """The same with a new secret, first; the one before signs beside it for so long."""
        if not timedelta() <= kept <= LONGEST_KEPT:
            raise _wrong({"keep_s": f"it must be from 0 to {int(LONGEST_KEPT.total_seconds())} s"})
        try:
            async with self._store.changing(id) as changing:
                old = changing.subscription
                return await changing.write(replace(old, secrets=rotated(old.secrets, _new_secret(), now, kept)))
        except LookupError as error:
            raise _none(id) from error

    async def remove(self, id: UUID) -> None:  # noqa: A002  # the same
        """No more of it; what is queued for it is not delivered."""
        if not await self._store.remove(id):
            raise _none(id)

    async def deliveries(
        self, id: UUID, limit: int, *, event: UUID | None = None, before: datetime | None = None  # noqa: A002  # the same
    ) -> Sequence[Try]:  # fmt: skip
        """The latest tries to deliver to it, the newest first."""
        await self.find(id)
        return await self._store.deliveries(id, limit, event=event, before=before)

    async def replay_event(self, id: UUID, event: UUID) -> int:  # noqa: A002  # the same
        """Have one event delivered (again), whatever its types and filter say; the number of the replay."""
        await self._active(id)
        place = await self._store.place_of(event)
        if place is None:
            raise _wrong({"event": "there is no such event, or it is kept no longer (30 days)"})
        return await self._replay(id, place, place, picked=True)

    async def replay_range(self, id: UUID, since: datetime, until: datetime) -> int:  # noqa: A002  # the same
        """Have what it wants of all that happened in a time delivered again; the number of the replay."""
        await self._active(id)
        if since >= until:
            raise _wrong({"to": "it must be later than from"})
        found = await self._store.range(since, until)
        if found is None:
            raise _wrong({"from": "nothing happened in that time, or it is kept no longer (30 days)"})
        return await self._replay(id, *found, picked=False)

    async def _replay(self, id: UUID, first: int, last: int, *, picked: bool) -> int:  # noqa: A002  # the same
        try:
            run = await self._store.replay(id, first, last, picked=picked, most=MOST_REPLAYS)
        except LookupError as error:
            raise _none(id) from error
        if run is None:
            raise Reject(409, f"{MOST_REPLAYS} replays of it are open; ask again when one of them has been queued")
        return run

    async def _active(self, id: UUID) -> None:  # noqa: A002  # the same
        if (await self.find(id)).state != "active":
            raise Reject(409, "the subscription is disabled; enable it first, which delivers what it missed")

    async def _check(self, asked: Asked) -> None:
        wrong: dict[str, str] = {}
        if asked.url is not None and (reason := await self._wrong_url(asked.url)) is not None:
            wrong["url"] = reason
        known = {*self._types, *map(_full, self._types)}
        if unknown := [name for name in asked.types or () if name not in known]:
            wrong["types"] = f"there is no type {', '.join(unknown)}; docs/events names all"
        if asked.filter is not None and asked.filter.strip():
            try:
                EventFilter.compile(asked.filter.strip(), self._types)
            except BadConditionError as error:
                wrong["filter"] = f"{error.says} (at character {error.at + 1})"
        if asked.description is not None and not _printable(asked.description):
            wrong["description"] = f"at most {MAX_DESCRIPTION} characters that can be printed"
        if wrong:
            raise _wrong(wrong)

    async def _wrong_url(self, url: str) -> str | None:
        try:
            endpoint = read_url(url)
            await public_addresses(endpoint.host, endpoint.port, self._allowed, self._resolve)
        except (BadUrl, NotPublic) as error:
            return str(error)
        except NoAddress as error:
            return str(error) if error.final else None  # a name server that is away now may answer later
        return None

    def _named(self, types: Sequence[str]) -> tuple[str, ...]:
        """Their short names, each once."""
        short: Mapping[str, str] = {_full(name): name for name in self._types}
        return tuple(dict.fromkeys(short.get(name, name) for name in types))


def _new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _full(name: str) -> str:
    return f"dev.casestream.{name}.v1"


def _printable(text: str) -> bool:
    return len(text) <= MAX_DESCRIPTION and text.isprintable()


def _wrong(errors: Mapping[str, str]) -> Reject:
    return Reject(422, "; ".join(f"{field}: {reason}" for field, reason in errors.items()), errors)


def _none(id: UUID) -> Reject:  # noqa: A002  # the same
    return Reject(404, f"there is no subscription {id}")
