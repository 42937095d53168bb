"""One messaging event of Messenger → a post.

Source: Meta, Messenger Platform, webhook events (messages, message_echoes, message_edits, message_reactions,
messaging_postbacks, message_deliveries, message_reads and the events of the handover protocol).
"""

from dataclasses import replace

from pipeline.parse.payload import Payload, pair
from pipeline.parse.post import Author, Media, Post, judged

_OTHERS = (
    "optin", "referral", "account_linking", "policy-enforcement", "policy_enforcement", "app_roles",
    "pass_thread_control", "take_thread_control", "request_thread_control", "payment", "pre_checkout",
    "checkout_update", "game_play", "order", "message_feedback", "messaging_feedback",
)  # fmt: skip


def parse_event(entry: Payload, event: Payload, *, standby: bool) -> Post:
    """What a messaging event within an entry tells; on standby another app holds the conversation."""
    sender, recipient = _party(event, "sender"), _party(event, "recipient")
    page = entry.word("id")
    echo = event.flag("message", "is_echo")
    post = Post(
        platform="messenger",
        conversation=pair(sender, recipient or page),
        author=Author(sender, event.word("sender", "name")),
        created_at=event.moment("timestamp"),
        changed_at=event.moment("timestamp"),
        own=echo or (sender is not None and sender == page),
        reason="another app holds the conversation" if standby else "",
    )
    return judged(replace(_told(post, event, echo=echo), defects=tuple(event.defects)))


def _party(event: Payload, role: str) -> str | None:
    return event.word(role, "id") or event.word(role, "user_ref")


def _told(post: Post, event: Payload, *, echo: bool) -> Post:
    if event.has("message"):
        return _message(post, event.at("message"), echo=echo)
    if event.has("message_edit"):
        edit = event.at("message_edit")
        return replace(post, kind="message", id=edit.word("mid"), text=edit.text("text") or "", change="edit")
    if event.has("postback"):
        return _postback(post, event.at("postback"))
    if event.has("reaction"):
        reaction = event.at("reaction")
        text = reaction.text("emoji") or reaction.text("reaction") or ""
        change = post.change if reaction.word("action") != "unreact" else "remove"
        return replace(post, kind="reaction", answers=reaction.word("mid"), text=text, change=change)
    return _untold(post, event)


def _untold(post: Post, event: Payload) -> Post:
    """Receipts, and what else happens around a conversation."""
    if event.has("delivery"):
        until = event.moment("delivery", "watermark")
        return replace(post, kind="delivery", answers=_last_delivered(event.at("delivery")), changed_at=until)
    if event.has("read"):
        return replace(
            post, kind="read", answers=event.word("read", "mid"), changed_at=event.moment("read", "watermark")
        )
    name = next((name for name in _OTHERS if event.has(name)), None)
    reason = f"{name.replace('_', ' ').replace('-', ' ')} is no message" if name else "no event that we know"
    return replace(post, change="other", reason=reason)


def _message(post: Post, message: Payload, *, echo: bool) -> Post:
    post = replace(
        post,
        kind="message",
        id=message.word("mid"),
        answers=message.word("reply_to", "mid"),
        text=message.text("text") or "",
        attachments=tuple(map(_media, message.each("attachments"))),
    )
    if message.flag("is_deleted"):
        return replace(post, change="remove", reason="it was removed")
    if echo:
        return replace(post, reason="an echo of our own message")
    return post


def _postback(post: Post, postback: Payload) -> Post:
    """A pressed button of ours; Messenger shows its title as the customer's words."""
    title = postback.text("title") or ""
    reason = post.reason or ("" if title.strip() else "a button was pressed that has no words")
    return replace(post, kind="message", id=postback.word("mid"), text=title, reason=reason)


def _last_delivered(delivery: Payload) -> str | None:
    mids = delivery.at("mids").value
    return Payload(mids[-1]).word() if isinstance(mids, list) and mids else None


def _media(attachment: Payload) -> Media:
    """A file by its address; a place on the map as a geo URI (RFC 5870)."""
    kind = attachment.word("type") or "file"
    latitude, longitude = (attachment.word("payload", "coordinates", name) for name in ("lat", "long"))
    if latitude and longitude:
        return Media(kind, f"geo:{latitude},{longitude}")
    return Media(kind, attachment.url("payload", "url") or attachment.url("url"))
