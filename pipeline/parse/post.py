"""What a parsed item of a social platform is: the typed message that `parse social` prints and intake decides on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Platform = Literal["facebook", "messenger", "x", "mastodon"]
PostKind = Literal["post", "comment", "message", "mention", "reaction", "delivery", "other"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote it; `id` is the platform's own and stable, `handle` has no `@`."""

    id: str | None = None
    name: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, film or file that an item carries, by the address the platform gives for it."""

    kind: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """An item as one delivery tells of it; several may tell of the same `id` (edits, removals, repetitions).

    `conversation` is what its answers share: of a comment its post, of a direct message the pair of parties, the same
    in both directions. `answers` is the item it was written under, where the platform tells. `reason` says why it
    opens a case, or why not. Times are aware and in UTC.
    """

    platform: Platform
    kind: PostKind = "other"
    id: str | None = None
    conversation: str | None = None
    answers: str | None = None
    author: Author = Author()
    text: str = ""
    attachments: tuple[Media, ...] = ()
    created_at: datetime | None = None
    edited: bool = False
    removed: bool = False
    opens_case: bool = False
    reason: str = ""
    own: bool = False
    defects: tuple[str, ...] = ()
