"""A delivery of a social platform → its items, each with its own bytes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from pipeline.parse import facebook, mastodon, messenger, x, x_activity
from pipeline.parse.payload import Payload
from pipeline.parse.post import Post, judged
from pipeline.parse.strict_json import Malformed, elements, members, read_json

ENTRY_LISTS = ("changes", "messaging", "standby", "fetched")
"""Where an entry of Facebook holds items; `fetched` is ours, for what was missed and asked of the Graph API."""

MAX_ITEMS = 5_000
"""Items of one delivery; Facebook sends a thousand at most."""

_KEPT = ("id", "time", "uid")
_META_OBJECTS = {
    "instagram": "Instagram is not taken",
    "whatsapp_business_account": "WhatsApp is not taken",
    "user": "changes of a user's profile are no message",
    "permissions": "changes of permissions are no message",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One item: `raw` is a delivery of it alone, in its own bytes; `post` is None where it cannot be read.

    `account` is whose page or subscription it was delivered for, where the platform tells.
    """

    raw: bytes
    post: Post | None
    problem: str = ""
    account: str | None = None

    @property
    def id(self) -> str:
        """The same for every delivery of one change of one item; of what cannot be read, a digest."""
        return change_id(self.post, self.raw) if self.post else f"unreadable:{_digest(self.raw)}"


def split_delivery(raw: bytes, own: str | None = None) -> list[Item]:
    """The items of a delivery, in its order; one that cannot be read is there with its problem.

    Raises Malformed when the delivery as a whole is no JSON of a platform that we know.
    """
    whole = read_json(raw)
    try:
        alone = list(islice(_alone(whole, raw.decode("utf-8-sig")), MAX_ITEMS + 1))
    except RecursionError as error:
        raise Malformed("the JSON is nested too deep") from error
    if len(alone) > MAX_ITEMS:
        raise Malformed(f"the delivery holds more than {MAX_ITEMS} items")
    return [_item(one.encode(), own) for one in alone]


def parse_post(raw: bytes, own: str | None = None) -> Post:
    """What a delivery of one item tells; `own` is our account where the platform does not name it.

    Raises Malformed when it cannot be read.
    """
    return _read(read_json(raw), own)


def change_id(post: Post, raw: bytes) -> str:
    """The same for every delivery of one change of one item: a repetition is a duplicate, an edit is not."""
    if post.id is None:
        return f"{post.platform}:{post.kind}:{_digest(raw)}"
    if post.kind in {"reaction", "other"}:  # their ids are counted apart from those of posts
        return f"{post.platform}:{post.kind}:{post.id}"
    if post.change in {"add", "remove", "share"}:
        return f"{post.platform}:{post.id}:{post.change}"
    moment = post.changed_at or post.created_at
    when = f"{moment.timestamp():.3f}" if moment else _digest(raw)
    return f"{post.platform}:{post.id}:{post.change}:{when}"


def _read(value: object, own: str | None) -> Post:
    if not isinstance(value, dict):
        raise Malformed("the item is no object")
    delivery = Payload(value)
    if "entry" in value or "object" in value:
        return _of_meta(delivery)
    if kind := next((name for name in value if name.endswith(("_events", "_event"))), None):
        return x.parse_event(kind, _only(delivery, kind), delivery)
    if delivery.at("data").has("event_type"):
        includes = delivery.at("includes") if delivery.has("includes") else delivery.at("data", "includes")
        return x_activity.parse_activity(delivery.at("data"), includes)
    if "event" in value and "payload" in value:
        return _of_stream(delivery, own)
    if "type" in value and ("account" in value or "created_at" in value):
        return mastodon.parse_notification(delivery, own)
    if "content" in value and "account" in value:
        return mastodon.parse_status(delivery, own)
    raise Malformed("no platform that we know sends such an item")


def _item(raw: bytes, own: str | None) -> Item:
    try:
        value = read_json(raw)
    except Malformed as problem:
        return Item(raw, None, str(problem))
    account = _account(Payload(value))
    try:
        return Item(raw, _read(value, own), account=account)
    except Malformed as problem:
        return Item(raw, None, str(problem), account)


def _account(delivery: Payload) -> str | None:
    entry = next(delivery.each("entry"), Payload(None))
    return entry.word("id") or delivery.word("for_user_id") or delivery.word("data", "filter", "user_id")


def _digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()[:32]


def _alone(whole: object, text: str) -> Iterator[str]:
    """Each item as a delivery of its own."""
    if isinstance(whole, list):
        yield from elements(text)
        return
    if not isinstance(whole, dict):
        raise Malformed("the delivery is no object")
    if isinstance(whole.get("entry"), list):
        yield from _alone_of_meta(text)
    elif any(name.endswith(("_events", "_event")) for name in whole):
        yield from _alone_of_x(text)
    elif Payload(whole).at("data", "payload").has("direct_message_events"):
        yield from _alone_of_x(_as_account_activity(whole, text))
    else:
        yield text


def _alone_of_meta(text: str) -> Iterator[str]:
    top = dict(members(text))
    found = False
    for entry in elements(top["entry"]):
        for alone in _alone_of_entry(entry):
            found = True
            yield _object({"object": top.get("object", "null"), "entry": f"[{alone}]"})
    if not found:
        yield text


def _alone_of_entry(entry: str) -> Iterator[str]:
    if not entry.startswith("{"):
        yield entry
        return
    fields = dict(members(entry))
    kept = {name: fields[name] for name in _KEPT if name in fields}
    lists = [name for name in fields if name in ENTRY_LISTS and fields[name].startswith("[")]
    if not lists:
        yield entry
    for name in lists:
        for element in elements(fields[name]):
            yield _object({**kept, name: f"[{element}]"})


def _as_account_activity(whole: object, text: str) -> str:
    """The Activity API wraps direct messages as the Account Activity API delivers them."""
    data = dict(members(dict(members(text))["data"]))
    ours = Payload(whole).word("data", "filter", "user_id")
    return _object({"for_user_id": json.dumps(ours), **dict(members(data["payload"]))})


def _alone_of_x(text: str) -> Iterator[str]:
    top = dict(members(text))
    users = dict(members(top["users"])) if top.get("users", "").startswith("{") else {}
    kept = {name: top[name] for name in ("for_user_id",) if name in top}
    found = False
    for name in (name for name in top if name.endswith(("_events", "_event"))):
        for element in elements(top[name]) if top[name].startswith("[") else (top[name],):
            found = True
            named = _object({user: users[user] for user in _parties(element) if user in users})
            yield _object({**kept, **({"users": named} if users else {}), name: f"[{element}]"})
    if not found:
        yield text


def _parties(element: str) -> Iterable[str]:
    """The users that an event of X names by their id alone."""
    event = Payload(read_json(element.encode()))
    paths = (
        ("sender_id",),
        ("target", "recipient_id"),
        ("message_create", "sender_id"),
        ("message_create", "target", "recipient_id"),
    )
    return dict.fromkeys(found for path in paths if (found := event.word(*path)))


def _object(fields: dict[str, str]) -> str:
    """An object of values that stay in their own characters."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items()) + "}"


def _of_meta(delivery: Payload) -> Post:
    kind = delivery.word("object")
    if kind != "page":
        reason = _META_OBJECTS.get(kind or "", f"{kind or 'an unnamed object'} is not taken")
        return judged(Post(platform="facebook", change="other", reason=reason))
    entry = _only(delivery, "entry")
    name = next((name for name in ENTRY_LISTS if entry.has(name)), None)
    if name is None:
        return judged(Post(platform="facebook", change="other", reason="the entry holds no item"))
    element = _only(entry, name)
    match name:
        case "changes":
            return facebook.parse_change(entry, element)
        case "fetched":
            return facebook.parse_fetched(entry, element)
        case _:
            return messenger.parse_event(entry, element, standby=name == "standby")


def _of_stream(delivery: Payload, own: str | None) -> Post:
    event, payload = delivery.word("event"), delivery.at("payload").value
    if event == "delete":
        return mastodon.parse_deleted(delivery.at("payload"))
    inner = Payload(read_json(payload.encode("utf-8", "replace")) if isinstance(payload, str) else payload)
    if event == "notification":
        return mastodon.parse_notification(inner, own)
    if event in {"update", "status.update"}:
        return mastodon.parse_status(inner, own, "edit" if event == "status.update" else "add")
    return judged(Post(platform="mastodon", change="other", reason=f"{event} is no message"))


def _only(delivery: Payload, name: str) -> Payload:
    """The one element of the list of that name. Raises Malformed when there is none, or it is no object."""
    element = next(delivery.each(name), None)
    if element is None or not isinstance(element.value, dict):
        raise Malformed(f"{name} holds no item that is an object")
    return element
