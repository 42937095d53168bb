"""One event of X's Activity API → a post.

Source: X, X Activity API, events and payloads; Post, User and DM event objects of API v2.
"""

from dataclasses import replace

from pipeline.parse.payload import Payload, pair, parties
from pipeline.parse.post import Author, Change, Media, Post, PostKind, judged
from pipeline.parse.x import readable

_KINDS: dict[str, PostKind] = {
    "post.mention.create": "mention",
    "post.quote.create": "mention",
    "post.reply.create": "comment",
    "post.create": "post",
    "post.repost.create": "post",
}


def parse_activity(data: Payload, includes: Payload) -> Post:
    """What the event in `data` tells; `includes` holds the users and media that it names by their ids."""
    event, ours = data.word("event_type") or "unnamed", data.word("filter", "user_id")
    payload = data.at("payload")
    if event in _KINDS:
        post = _written(payload, includes, _KINDS[event], shared=event.startswith("post.repost"))
    elif event == "post.delete":
        post = Post(platform="x", kind="post", id=payload.word("id"), change="remove")
    elif event in {"dm.received", "dm.sent"} and payload.word("sender_id"):
        post = _message(payload, includes, ours)
    elif event.startswith("like."):
        post = _liked(payload, includes)
    else:
        encrypted = event.startswith("chat.")
        reason = "it is encrypted" if encrypted else f"{event.replace('.', ' ').replace('_', ' ')} is no message"
        post = Post(platform="x", id=data.word("event_uuid"), change="other", reason=reason)
    own = post.author.id is not None and post.author.id == ours
    return judged(replace(post, own=own, defects=tuple(data.defects)))


def _written(payload: Payload, includes: Payload, kind: PostKind, *, shared: bool) -> Post:
    edits = payload.at("edit_history_tweet_ids").value
    own_id = payload.word("id")
    first = (Payload(edits[0]).word() if isinstance(edits, list) and edits else None) or own_id
    about = {one.word("type"): one.word("id") for one in payload.each("referenced_tweets")}
    answered = about.get("replied_to")
    note = payload.at("note_tweet")
    whole = note if note.has("text") else payload
    change: Change = "share" if shared or "retweeted" in about else "edit" if first != own_id else "add"
    return Post(
        platform="x",
        kind="comment" if kind == "post" and answered else kind,
        id=first,
        conversation=payload.word("conversation_id") or answered or first,
        answers=answered or about.get("quoted") or about.get("retweeted"),
        author=_author(payload.word("author_id"), includes),
        text=readable(whole.text("text") or "", whole.at("entities")),
        attachments=_media(payload, includes),
        created_at=payload.moment("created_at"),
        change=change,
    )


def _message(payload: Payload, includes: Payload, ours: str | None) -> Post:
    """A direct message; the conversation of two names both, that of a group has a number of its own."""
    sender, talk = payload.word("sender_id"), payload.word("dm_conversation_id")
    both = parties({*talk.split("-")}) if talk else None
    return Post(
        platform="x",
        kind="message",
        id=payload.word("id"),
        conversation=both or (talk or pair(sender, ours)),
        author=_author(sender, includes),
        text=readable(payload.text("text") or "", payload.at("entities")),
        attachments=_media(payload, includes),
        created_at=payload.moment("created_at"),
    )


def _liked(payload: Payload, includes: Payload) -> Post:
    post = payload.word("liked_tweet_id") or payload.word("post_id") or payload.word("tweet_id")
    author = _author(payload.word("user_id") or payload.word("liking_user_id"), includes)
    return Post(platform="x", kind="reaction", id=payload.word("id"), answers=post, conversation=post, author=author)


def _author(user: str | None, includes: Payload) -> Author:
    known = next((one for one in includes.each("users") if user and one.word("id") == user), Payload(None))
    return Author(user, known.word("name"), (known.word("username") or "").removeprefix("@") or None)


def _media(payload: Payload, includes: Payload) -> tuple[Media, ...]:
    keys = payload.at("attachments", "media_keys").value
    wanted = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    known = {one.word("media_key"): one for one in includes.each("media")}
    return tuple(_medium(known[key]) for key in wanted if key in known)


def _medium(media: Payload) -> Media:
    films = [
        (int(rate) if (rate := one.word("bit_rate") or "").isdecimal() else 0, url)
        for one in media.each("variants")
        if one.word("content_type") == "video/mp4" and (url := one.url("url"))
    ]
    return Media(media.word("type") or "photo", max(films)[1] if films else media.url("url"))
