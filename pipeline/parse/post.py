"""What a parsed item of a social platform is: the typed message that `parse social` prints and intake decides on."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Platform = Literal["facebook", "messenger", "x", "mastodon"]
PostKind = Literal["post", "comment", "message", "mention", "reaction", "delivery", "read", "other"]
Change = Literal["add", "edit", "remove", "hide", "unhide", "share", "other"]


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
    in both directions. `answers` is the item it was written under or reacts to, where the platform tells. `change`
    says what happened to the item, `changed_at` when, where the platform tells that beside `created_at`. `reason`
    says why it opens a case, or why not. Times are aware and in UTC.
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
    change: Change = "add"
    changed_at: datetime | None = None
    edited: bool = False
    removed: bool = False
    opens_case: bool = False
    reason: str = ""
    own: bool = False
    defects: tuple[str, ...] = ()


_CHANGES = {
    "remove": "it was removed",
    "hide": "it was hidden",
    "unhide": "it is shown again, which says nothing new",
    "edit": "an edit changes what was said before",
    "share": "it was shared on, which asks nothing of us",
    "other": "it tells of no new words",
}
_KINDS = {
    "reaction": "a reaction asks nothing of us",
    "delivery": "a receipt of delivery",
    "read": "a receipt of reading",
    "other": "nothing that a customer says",
}
_OPENING = {"post": "a post to us", "comment": "a comment", "message": "a direct message", "mention": "a mention of us"}


def judged(post: Post) -> Post:
    """The post with what becomes of it: a customer's own new words open a case, nothing else does.

    A parser that knows a better reason against it has set `reason` already.
    """
    post = replace(post, edited=post.change == "edit", removed=post.change == "remove")
    reason = post.reason or _KINDS.get(post.kind, "")
    if not reason and post.change != "add":
        reason = _CHANGES[post.change]
    if not reason and post.own:
        reason = "our own page wrote it"
    if reason:
        return replace(post, opens_case=False, reason=reason)
    return replace(post, opens_case=True, reason=_OPENING[post.kind])
