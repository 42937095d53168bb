"""Answers that leave by a platform: what is asked about the item, the row that waits to be sent, what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item of a customer, as its message came; `wrote_at` is when they wrote last in any."""

    activity: UUID
    source: str
    facts: Mapping[str, str]
    raw: bytes
    wrote_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReply:
    """An answer to be sent; `id` is its activity.

    Answers of one `lane` leave in order. It may come back to us as our own item under one of the keys `places`, with
    the same `words`.
    """

    id: UUID
    case_id: UUID
    source: str
    platform: str
    kind: str
    lane: str
    item: str
    conversation: str | None
    recipient: str
    handle: str | None
    visibility: str | None
    body: str
    asked_at: datetime
    places: Sequence[str]
    words: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitedEcho:
    """An answer that may come back from the platform: sent from here, or by someone who was faster."""

    id: UUID
    case_id: UUID | None
    places: Sequence[str]
    words: str
    platform_id: str | None
