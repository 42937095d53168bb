"""One event of X's Account Activity → a post.

Source: X, Account Activity API, data objects; Tweet, User and Direct Message objects of API v1.1.
"""

import html
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.parse.payload import Payload, pair
from pipeline.parse.post import Author, Media, Post, PostKind, judged

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CREATED_PARTS = 6


def parse_event(kind: str, event: Payload, delivery: Payload) -> Post:
    """What an event of the list `kind` tells; `delivery` names whose subscription it is, and the users."""
    ours = delivery.word("for_user_id")
    match kind:
        case "tweet_create_events":
            post = _tweet(event, ours)
        case "direct_message_events":
            post = _message(event, delivery.at("users"), ours)
        case "tweet_delete_events":
            post = _deleted(event)
        case "favorite_events":
            post = _favourite(event, ours)
        case "direct_message_mark_read_events":
            post = _read(event, delivery.at("users"))
        case _:
            reason = f"{kind.removesuffix('_events').replace('_', ' ')} is no message"
            author = _author(event.at("source"))
            post = Post(platform="x", change="other", author=author, created_at=_created(event), reason=reason)
    own = post.own or (post.author.id is not None and post.author.id == ours)
    return judged(replace(post, own=own, defects=tuple(event.defects)))


def _tweet(tweet: Payload, ours: str | None) -> Post:
    long = tweet.at("extended_tweet")
    full = long if long.has("full_text") else tweet
    own_id = _id(tweet)
    first = tweet.word("edit_history", "initial_tweet_id") or own_id
    author = _author(tweet.at("user"))
    shared = tweet.has("retweeted_status")
    return Post(
        platform="x",
        kind="post" if shared else _kind_of_tweet(tweet, full, author, ours),
        id=first,
        conversation=_conversation(tweet) or first,
        answers=_id(tweet.at("retweeted_status")) if shared else tweet.word("in_reply_to_status_id_str")
        or tweet.word("in_reply_to_status_id") or _id(tweet.at("quoted_status")),
        author=author,
        text=readable(full.text("full_text") or full.text("text") or "", full.at("entities")),
        attachments=tuple(_media(full)),
        created_at=_created(tweet),
        change="share" if shared else "edit" if first != own_id else "add",
    )  # fmt: skip


def _kind_of_tweet(tweet: Payload, full: Payload, author: Author, ours: str | None) -> PostKind:
    answers = tweet.word("in_reply_to_status_id_str") or tweet.word("in_reply_to_status_id")
    if author.id is not None and author.id == ours:
        return "comment" if answers else "post"
    mentioned = {_id(mention) for mention in full.each("entities", "user_mentions")}
    mentioned |= {tweet.word("in_reply_to_user_id_str") or tweet.word("in_reply_to_user_id")}
    if ours in mentioned or _id(tweet.at("quoted_status", "user")) == ours:
        return "mention"
    return "comment" if answers else "post"


def _conversation(tweet: Payload) -> str | None:
    """The conversation's own id where it is told; else the post that this one answers stands for it."""
    names = ("conversation_id_str", "conversation_id", "in_reply_to_status_id_str", "in_reply_to_status_id")
    return next((found for name in names if (found := tweet.word(name))), None)


def _message(event: Payload, users: Payload, ours: str | None) -> Post:
    message = event.at("message_create")
    data = message.at("message_data")
    sender, recipient = message.word("sender_id"), message.word("target", "recipient_id")
    attached = data.at("attachment", "media")
    return Post(
        platform="x",
        kind="message" if event.has("message_create") else "other",
        id=event.word("id"),
        conversation=pair(sender, recipient),
        author=_author(users.at(sender or ""), sender),
        text=readable(data.text("text") or "", data.at("entities")),
        attachments=(_medium(attached),) if attached.names() else (),
        created_at=_created(event),
        own=sender is not None and sender == ours,
    )


def _read(event: Payload, users: Payload) -> Post:
    reader = event.word("sender_id")
    return Post(
        platform="x",
        kind="read",
        conversation=pair(reader, event.word("target", "recipient_id")),
        answers=event.word("last_read_event_id"),
        author=_author(users.at(reader or ""), reader),
        created_at=_created(event),
        changed_at=_created(event),
    )


def _deleted(event: Payload) -> Post:
    status = event.at("status")
    return Post(
        platform="x",
        kind="post",
        id=_id(status),
        author=Author(status.word("user_id")),
        change="remove",
        changed_at=event.moment("timestamp_ms"),
    )


def _favourite(event: Payload, ours: str | None) -> Post:
    status = event.at("favorited_status")
    author = _author(event.at("user"))
    return Post(
        platform="x",
        kind="reaction",
        id=event.word("id"),
        conversation=_conversation(status) or _id(status),
        answers=_id(status),
        author=author,
        created_at=_created(event),
        own=author.id is not None and author.id == ours,
    )


def _id(thing: Payload) -> str | None:
    return thing.word("id_str") or thing.word("id")


def _author(user: Payload, known: str | None = None) -> Author:
    handle = (user.word("screen_name") or "").removeprefix("@") or None
    return Author(_id(user) or known, user.word("name"), handle)


def readable(text: str, entities: Payload) -> str:
    """The text with its shortened links written out, as a reader of X sees it."""
    for link in (*entities.each("urls"), *entities.each("media")):
        short, long = link.url("url"), link.url("expanded_url")
        if short and long:
            text = text.replace(short, long)
    return html.unescape(text)


def _media(full: Payload) -> Iterable[Media]:
    place = "extended_entities" if full.has("extended_entities") else "entities"
    return map(_medium, full.each(place, "media"))


def _medium(media: Payload) -> Media:
    """A picture, or the best film of the variants there are."""
    films = [
        (int(rate) if (rate := variant.word("bitrate") or "").isdecimal() else 0, url)
        for variant in media.each("video_info", "variants")
        if variant.word("content_type") == "video/mp4" and (url := variant.url("url"))
    ]
    url = max(films)[1] if films else media.url("media_url_https") or media.url("media_url")
    return Media(media.word("type") or "photo", url)


def _created(event: Payload) -> datetime | None:
    """The time in milliseconds where there is one, else as X writes it: Mon Dec 23 13:03:29 +0000 2019."""
    for name in ("timestamp_ms", "created_timestamp"):
        if event.has(name) and (moment := event.moment(name)):
            return moment
    parts = (event.word("created_at") or "").split()
    if len(parts) == _CREATED_PARTS and parts[1] in _MONTHS:
        _, month, day, clock, zone, year = parts
        return Payload(f"{year}-{_MONTHS.index(month) + 1:02}-{day:0>2}T{clock}{zone}", event.defects).moment()
    moment = event.moment("created_at")
    return moment.astimezone(UTC) if moment else None
