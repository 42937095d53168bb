"""One change of a Facebook Page's feed, mentions or ratings → a post.

Source: Meta, Webhooks reference of the Page object (fields feed, mention, ratings), and the Graph API's Post, Comment
and Message for what was fetched.
"""

from pipeline.parse.payload import MAX_LIST, Payload, pair, parties
from pipeline.parse.post import Author, Change, Media, Post, PostKind, judged

FIELDS = frozenset({"feed", "mention", "ratings"})

_POSTS = frozenset({
    "post", "status", "photo", "video", "album", "share", "link", "note", "question", "photo-album", "rating",
})  # fmt: skip
_CHANGES: dict[str, Change] = {
    "add": "add",
    "edit": "edit",
    "edited": "edit",
    "update": "edit",
    "remove": "remove",
    "delete": "remove",
    "hide": "hide",
    "unhide": "unhide",
}


def parse_change(entry: Payload, change: Payload) -> Post:
    """What a change within an entry tells; `entry` names the page and the time of the change."""
    field = change.word("field") or "unnamed"
    changed_at = entry.moment("time")
    if field not in FIELDS:
        reason = f"changes of {field} are none of the feed"
        return judged(Post(platform="facebook", change="other", changed_at=changed_at, reason=reason))
    value = change.at("value")
    item = value.word("item") or ""
    verb = value.word("verb") or "add"
    kind = _kind(field, item)
    author = _author(value)
    post = value.word("post_id") or value.word("open_graph_story_id")
    own_id = _own_id(value, item, post)
    return judged(
        Post(
            platform="facebook",
            kind=kind,
            id=None if kind == "reaction" else own_id,
            conversation=post or own_id,
            answers=_answered(value, kind, post),
            author=author,
            text=value.text("message") or value.text("review_text") or "",
            attachments=_media(value, item),
            created_at=value.moment("created_time"),
            change="share" if item == "share" and verb == "add" else _CHANGES.get(verb, "other"),
            changed_at=changed_at,
            reason=_against(field, item, verb, value),
            own=author.id is not None and author.id == entry.word("id"),
            defects=tuple(value.defects),
        )
    )


def _kind(field: str, item: str) -> PostKind:
    if item in {"like", "reaction"}:
        return "reaction"
    if field == "mention":
        return "mention"
    if item == "comment":
        return "comment"
    return "post" if item in _POSTS else "other"


def _author(value: Payload) -> Author:
    """Who did it; versions of the Graph API before 2.11 and ratings name them otherwise."""
    ids = (value.word(*path) for path in (("from", "id"), ("sender_id",), ("reviewer_id",), ("user_id",)))
    names = (value.word(*path) for path in (("from", "name"), ("sender_name",), ("reviewer_name",)))
    return Author(next(filter(None, ids), None), next(filter(None, names), None))


def _own_id(value: Payload, item: str, post: str | None) -> str | None:
    if item == "comment" or (item != "post" and value.word("comment_id")):
        return value.word("comment_id")
    return post or value.word(f"{item}_id")


def _answered(value: Payload, kind: PostKind, post: str | None) -> str | None:
    if kind == "reaction":
        return value.word("comment_id") or post
    if value.word("comment_id"):
        return value.word("parent_id") or post
    return None


def _media(value: Payload, item: str) -> tuple[Media, ...]:
    found = [Media(kind, url) for kind in ("photo", "video") if (url := value.url(kind))]
    photos = value.at("photos").value
    listed = photos[:MAX_LIST] if isinstance(photos, list) else []
    found += [Media("photo", url) for photo in listed if (url := Payload(photo, value.defects).url())]
    if (link := value.url("link")) and all(media.url != link for media in found):
        found.append(Media(item if item in {"photo", "video"} else "link", link))
    return tuple(found)


def _against(field: str, item: str, verb: str, value: Payload) -> str:
    """Why it opens no case, where the change itself does not say so."""
    if value.flag("is_hidden") and verb == "add":
        return "it was hidden"
    if item == "rating" and verb == "add" and not (value.text("review_text") or "").strip():
        return "a rating without words"
    if not item:
        return f"the change of {field} names no item"
    return ""


def parse_fetched(entry: Payload, fetched: Payload) -> Post:
    """What was missed and then fetched from the Graph API: a post or comment of the feed, or a message."""
    item, kind = fetched.at("item"), fetched.word("kind")
    page = entry.word("id")
    author = Author(item.word("from", "id"), item.word("from", "name"))
    own = author.id is not None and author.id == page
    if kind == "message":
        to = [party.word("id") for party in item.each("to", "data")]
        return judged(
            Post(
                platform="messenger",
                kind="message",
                id=item.word("id"),
                conversation=pair(author.id, to[0] if own and to else page) or parties({author.id, *to}),
                author=author,
                text=item.text("message") or "",
                attachments=tuple(_fetched_files(item)),
                created_at=item.moment("created_time"),
                own=own,
                defects=tuple(item.defects),
            )
        )
    post = fetched.word("post")
    return judged(
        Post(
            platform="facebook",
            kind="comment" if kind == "comment" else "post",
            id=item.word("id"),
            conversation=post or item.word("id"),
            answers=(item.word("parent", "id") or post) if kind == "comment" else None,
            author=author,
            text=item.text("message") or item.text("story") or "",
            attachments=tuple(_fetched_media(item)),
            created_at=item.moment("created_time"),
            reason="it was hidden" if item.flag("is_hidden") else "",
            own=own,
            defects=tuple(item.defects),
        )
    )


def _fetched_files(item: Payload) -> list[Media]:
    return [
        Media(
            (file.word("mime_type") or "file").partition("/")[0],
            file.url("image_data", "url") or file.url("video_data", "url") or file.url("file_url"),
        )
        for file in item.each("attachments", "data")
    ]


def _fetched_media(item: Payload) -> list[Media]:
    shown = [item.at("attachment"), *item.each("attachments", "data")]
    return [
        Media(one.word("type") or "link", one.url("media", "image", "src") or one.url("url"))
        for one in shown
        if one.names()
    ]
