"""Reads an item of a social platform into a typed message."""

from datetime import UTC

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.channels.told import PostMessage
from pipeline.agents.rules import Rules
from pipeline.agents.text import clean
from pipeline.domain.duplicates import digest
from pipeline.domain.matching import normal_handle
from pipeline.domain.posts import PostTold, item_key, pair_key, place_key, under_key
from pipeline.parse.post import Post
from pipeline.parse.social import change_id, parse_post
from pipeline.parse.strict_json import Malformed
from pipeline.wire import Envelope, Record

MAX_WORD = 400
_SAID = frozenset({"post", "comment", "message", "mention"})
_RECEIPTS = frozenset({"delivery", "read"})
_WORDLESS = frozenset({"remove", "hide", "unhide"})


def read_post(rules: Rules, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
    """The item, or what happened to it. Raises LookupError when it cannot be read, or the desk has no such page."""
    page = rules.social(envelope.source)
    try:
        post = parse_post(raw, envelope.facts.get("account"))
    except Malformed as problem:
        raise LookupError(str(problem)) from problem
    author, own = post.author, post.own
    return Incoming(
        record=record,
        envelope=envelope,
        id=uuid7(),
        source_id=clean((post.id or envelope.id)[:MAX_WORD]),
        kind="social",
        origin=post.platform,
        subject="",
        text=clean(post.text),
        queue=page.queue or rules.default_queue,
        dedupe_key=digest("social", page.name, change_id(post, raw)),
        sender=None if own or not author.id else clean(f"{post.platform}:{author.id}"[:MAX_WORD]),
        sender_kind="social",
        handle=_handle(post),
        sender_name=clean((author.name or author.handle or "")[:MAX_WORD]),
        may_be_new=post.opens_case,
        direction="out" if own else "in",
        post=_message(post, envelope),
        defects=tuple(clean(defect[:MAX_WORD]) for defect in post.defects),
    )


def _handle(post: Post) -> str | None:
    handle = post.author.handle
    return None if post.own or not handle else clean(normal_handle(f"{post.platform}:@{handle}")[:MAX_WORD])


def _message(post: Post, envelope: Envelope) -> PostMessage:
    """Which item it is, and where it stands; what nobody says in words is no item."""
    platform = post.platform
    is_item = post.id is not None and post.kind in _SAID and post.change not in {"share", "other"}
    receipt = post.kind in _RECEIPTS
    pair = post.kind == "message" or receipt
    place = place_key(platform, post.conversation) if post.conversation and not pair else None
    under = under_key(platform, post.conversation or post.id, post.author.id or post.id)
    talk = pair_key(platform, post.conversation) if pair and post.conversation else under
    happened = post.created_at or post.changed_at if post.change == "add" and not receipt else post.changed_at
    at = (happened or envelope.time).astimezone(UTC)
    return PostMessage(
        key=item_key(platform, post.id) if is_item and post.id else None,
        told=PostTold(
            at=at,
            text=None if post.change in _WORDLESS else clean(post.text),
            edited=post.edited,
            removed=post.removed,
            hidden={"hide": True, "unhide": False}.get(post.change),
        ),
        talk=talk,
        place=place,
        answers=item_key(platform, post.answers) if post.answers else None,
        own=post.own,
        id=post.id,
        received_until=at if receipt and not post.own else None,
        opens=post.opens_case,
        reason=post.reason,
    )
