"""Reads, of a customer's item on a platform, what an answer to it must know."""

from pipeline.domain.duplicates import digest
from pipeline.domain.platforms import PLATFORMS, Asked
from pipeline.domain.posts import item_key, pair_key, place_key, under_key
from pipeline.parse.mastodon import visibility_of
from pipeline.parse.social import parse_post
from pipeline.parse.strict_json import Malformed
from pipeline.store.reply_ports import StoredItem


def read_item(stored: StoredItem) -> Asked | None:
    """The item that is to be answered; None where its message does not say enough of it."""
    try:
        post = parse_post(stored.raw, stored.facts.get("account"))
    except Malformed:
        return None
    if post.platform not in PLATFORMS or post.id is None or post.author.id is None:
        return None
    return Asked(
        platform=post.platform,
        kind=post.kind,
        item=post.id,
        conversation=post.conversation,
        author=post.author.id,
        handle=post.author.handle,
        visibility=visibility_of(stored.raw) if post.platform == "mastodon" else None,
        at=stored.wrote_at,
    )


def places_of(asked: Asked) -> tuple[str, ...]:
    """The keys under which an answer to it may come back to us."""
    if asked.is_message:
        return (item_key(asked.platform, asked.item), *_pair(asked))
    place = place_key(asked.platform, asked.conversation or asked.item)
    return (item_key(asked.platform, asked.item), place)


def lane_of(asked: Asked, source: str) -> str:
    """The conversation in which answers leave in order."""
    if asked.is_message:
        return next(iter(_pair(asked)), digest("lane", source, asked.author))
    return under_key(asked.platform, asked.conversation or asked.item, asked.author)


def _pair(asked: Asked) -> tuple[str, ...]:
    return (pair_key(asked.platform, asked.conversation),) if asked.conversation else ()
