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


def found_in(body: bytes, reply: WaitingReply, known: frozenset[str]) -> str | None:
    """The id of an item of ours that says the same since it was begun; none of those `known` to be others.

    Raises Malformed when the platform's answer cannot be read, so that nothing is posted twice for it.
    """
    since = (reply.begun_at or reply.created_at) - SKEW
    told = Payload(read_json(body))
    if not told.names():
        raise Malformed("the answer is no object")
    for id_, author, text, at in _items(told, reply):
        if id_ is None or id_ in known or author == reply.recipient or at is None or at < since:
            continue
        if words(text) == reply.words:
            return id_
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
