"""Social items: what several deliveries that tell of one item amount to, in whatever order they came."""

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass
from datetime import datetime

from pipeline.domain.duplicates import digest

MAX_TOLD = 100
"""Deliveries about one item that are kept to judge by; who edits more often is read no further, but may remove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostTold:
    """What one delivery says of an item: its text then (None when it says none), that it was edited or removed.

    `hidden` when our page hid it, False when it was shown again.
    """

    at: datetime
    text: str | None = None
    edited: bool = False
    removed: bool = False
    hidden: bool | None = None


@dataclass(frozen=True, slots=True)
class PostView:
    """An item as everything that was told of it says; `earlier` are the texts it had before, oldest first."""

    text: str
    earlier: tuple[str, ...] = ()
    edited: bool = False
    removed: bool = False
    hidden: bool = False


def item_key(platform: str, item: str) -> str:
    """What an item of a platform is known by."""
    return digest("item", platform, item)


def place_key(platform: str, conversation: str) -> str:
    """The post that several authors share."""
    return digest("post", platform, conversation)


def pair_key(platform: str, conversation: str) -> str:
    """The pair that exchanges direct messages."""
    return digest("pair", platform, conversation)


def under_key(platform: str, conversation: str | None, author: str | None) -> str:
    """An author under a post."""
    return digest("under", platform, conversation, author)


def post_view(told: Iterable[PostTold]) -> PostView:
    """The item that these deliveries tell of: the same in any order, however often each is told.

    A text that was never edited is older than any edit; edits follow one another by their time. A removal hides the
    text for good and keeps the fact.
    """
    in_order = sorted(set(told), key=lambda one: (one.edited, one.at, _spelled(one)))
    texts: list[str] = []
    for one in in_order:
        if one.text is not None and one.text not in texts[-1:]:
            texts.append(one.text)
    removed = any(one.removed for one in in_order)
    by_time = sorted(in_order, key=lambda one: (one.at, _spelled(one)))
    shown = next((not one.hidden for one in reversed(by_time) if one.hidden is not None), True)
    return PostView(
        text=texts[-1] if texts else "",
        earlier=tuple(texts[:-1]),
        edited=any(one.edited for one in in_order),
        removed=removed,
        hidden=removed or not shown,
    )


def is_kept(told: PostTold, before: Collection[PostTold]) -> bool:
    """Whether a delivery is kept beside those before: when it is new, and they are not too many or it removes."""
    if len(before) < MAX_TOLD:
        return told not in before
    return told.removed and not any(one.removed for one in before)


def _spelled(one: PostTold) -> tuple[str, ...]:
    return tuple(map(str, astuple(one)))
