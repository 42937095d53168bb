"""One notification, status or streaming event of Mastodon → a post.

Source: Mastodon's API documentation, entities Notification, Status and Account, and the events of streaming.
"""

from dataclasses import replace
from datetime import datetime

from pipeline.parse.html import html_to_text
from pipeline.parse.payload import Payload, parties
from pipeline.parse.post import Author, Change, Media, Post, PostKind, judged
from pipeline.parse.strict_json import read_json

_TALK: dict[str, tuple[PostKind, Change]] = {
    "mention": ("mention", "add"),
    "quote": ("mention", "add"),
    "status": ("post", "add"),
    "update": ("comment", "edit"),
    "quoted_update": ("comment", "edit"),
    "reblog": ("post", "share"),
    "favourite": ("reaction", "add"),
    "reaction": ("reaction", "add"),
}


def parse_notification(notification: Payload, own: str | None) -> Post:
    """What a notification tells; `own` is the id of our account."""
    type_ = notification.word("type") or "unnamed"
    kind, change = _TALK.get(type_, ("other", "other"))
    status = notification.at("status")
    author = _author(notification.at("account"))
    happened = notification.moment("created_at")
    if kind == "other":
        reason = f"{type_.replace('_', ' ').replace('.', ' ')} is no message"
        post = Post(
            platform="mastodon",
            id=notification.word("id"),
            author=author,
            change="other",
            created_at=happened,
            reason=reason,
        )
    elif kind == "reaction" or change == "share":
        post = Post(
            platform="mastodon",
            kind=kind,
            id=notification.word("id"),
            conversation=_conversation(status),
            answers=status.word("id"),
            author=author,
            created_at=happened,
            change=change,
        )
    else:
        post = _status(status, kind, change, happened if change == "edit" else None)
        if type_ == "status":
            post = replace(post, reason="a post of somebody we follow")
    return _finished(post, notification, own)


def parse_status(status: Payload, own: str | None, change: Change = "add") -> Post:
    """What a status tells that came by itself."""
    kind: PostKind = "mention" if status.at("mentions").value else "post"
    post = _status(status, kind, change, status.moment("edited_at") if change == "edit" else None)
    if kind == "post" and change == "add":
        post = replace(post, reason="a post that does not mention us")
    return _finished(post, status, own)


def parse_deleted(payload: Payload) -> Post:
    """What a `delete` of streaming tells: nothing but the id of the status."""
    return judged(Post(platform="mastodon", kind="post", id=payload.word(), change="remove"))


def visibility_of(raw: bytes) -> str | None:
    """Who may see the status that a delivery tells of; None where it does not say."""
    whole = Payload(read_json(raw))
    inner = whole.at("payload").value
    told = Payload(read_json(inner.encode("utf-8", "replace")) if isinstance(inner, str) else inner)
    statuses = (one.at("status") if one.has("status") else one for one in (whole, told))
    return next((found for status in statuses if (found := status.word("visibility"))), None)


def _finished(post: Post, source: Payload, own: str | None) -> Post:
    ours = post.author.id is not None and post.author.id == own
    reason = "" if ours and post.change == "add" else post.reason
    return judged(replace(post, own=ours, reason=reason, defects=tuple(source.defects)))


def _status(status: Payload, kind: PostKind, change: Change, changed_at: datetime | None) -> Post:
    direct = status.word("visibility") == "direct"
    author = _author(status.at("account"))
    return Post(
        platform="mastodon",
        kind="message" if direct else "comment" if kind == "post" and status.has("in_reply_to_id") else kind,
        id=status.word("id"),
        conversation=_conversation(status),
        answers=status.word("in_reply_to_id"),
        author=author,
        text=_text(status),
        attachments=tuple(_media(one) for one in status.each("media_attachments")),
        created_at=status.moment("created_at"),
        change=change,
        changed_at=changed_at,
    )


def _conversation(status: Payload) -> str | None:
    """The parties of a direct message; else what the status answers, or itself where it begins."""
    if status.word("visibility") == "direct":
        mentioned = {mention.word("id") for mention in status.each("mentions")}
        if found := parties({status.word("account", "id"), *mentioned}):
            return found
    return status.word("in_reply_to_id") or status.word("id")


def _author(account: Payload) -> Author:
    name = account.word("display_name") or account.word("username")
    handle = (account.word("acct") or account.word("username") or "").removeprefix("@") or None
    return Author(account.word("id"), name, handle)


def _text(status: Payload) -> str:
    """What a reader sees, under its content warning where there is one."""
    warning = (status.text("spoiler_text") or "").strip()
    text = html_to_text(status.text("content") or "")
    return f"{warning}\n\n{text}".strip() if warning else text


def _media(media: Payload) -> Media:
    return Media(media.word("type") or "unknown", media.url("url") or media.url("remote_url"))
