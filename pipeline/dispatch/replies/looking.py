"""Finds, in what a platform tells of a conversation, an answer of which nobody knows whether it is there.

Source: Meta, Graph API (Comment, Conversation); X, API v2 (DM events); Mastodon, API (Context).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.domain.platforms import words
from pipeline.parse.html import html_to_text
from pipeline.parse.payload import Payload
from pipeline.parse.strict_json import Malformed, read_json
from pipeline.store.reply_queue import WaitingReply

SKEW = timedelta(minutes=2)
"""By how much a platform's clock may differ from ours."""


def whose(body: bytes) -> str:
    """The id of the account that the token is of. Raises Malformed when the platform does not say."""
    if own := Payload(read_json(body)).word("id"):
        return own
    raise Malformed("whose the token is")


def found_in(body: bytes, reply: WaitingReply, known: frozenset[str], own: str | None) -> str | None:
    """The id of an item of ours that says the same since it was begun; none of those `known` to be others.

    Ours is what the account `own` wrote; without it, in a conversation of two, what the customer did not.

    Raises Malformed when the platform's answer cannot be read, or does not say who wrote what may be ours, so that
    nothing is posted twice for it.
    """
    since = (reply.begun_at or reply.created_at) - SKEW
    told = Payload(read_json(body))
    if not told.names():
        raise Malformed("the answer is no object")
    same = [
        (id_, author)
        for id_, author, text, at in _items(told, reply)
        if id_ is not None and id_ not in known and at is not None and at >= since and words(text) == reply.words
    ]
    for id_, author in same:
        if author is not None and (author == own if own is not None else author != reply.recipient):
            return id_
    if any(author is None for _, author in same):
        raise Malformed("who wrote the same words")
    return None


_Item = tuple[str | None, str | None, str, datetime | None]


def _items(told: Payload, reply: WaitingReply) -> Iterator[_Item]:
    if reply.platform == "x":
        for one in told.each("data"):
            yield one.word("id"), one.word("sender_id"), one.text("text") or "", one.moment("created_at")
    elif reply.platform == "mastodon":
        for one in told.each("descendants"):
            if one.word("in_reply_to_id") == reply.item:
                text = html_to_text(one.text("content") or "")
                yield one.word("id"), one.word("account", "id"), text, one.moment("created_at")
    else:
        lists = [talk.at("messages") for talk in told.each("data")] if reply.platform == "messenger" else [told]
        for one in (one for listed in lists for one in listed.each("data")):
            yield one.word("id"), one.word("from", "id"), one.text("message") or "", one.moment("created_time")
