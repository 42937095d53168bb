"""Whatever the bytes, a delivery is split into what PostgreSQL and JSON can hold, or refused as Malformed."""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.parse.social import Item, change_id, split_delivery
from pipeline.parse.strict_json import Malformed, elements, members, read_json

NAMES = (
    "object", "entry", "id", "time", "changes", "messaging", "standby", "fetched", "field", "value", "item", "verb",
    "from", "sender", "recipient", "message", "mid", "text", "attachments", "timestamp", "post_id", "comment_id",
    "for_user_id", "tweet_create_events", "direct_message_events", "tweet_delete_events", "users", "message_create",
    "created_at", "created_time", "user", "entities", "urls", "url", "expanded_url", "type", "account", "status",
    "content", "mentions", "visibility", "event", "payload", "kind", "delivery", "mids", "reaction", "photos",
    "data", "event_type", "filter", "includes", "referenced_tweets", "media_keys", "dm_conversation_id", "sender_id",
)  # fmt: skip
WORDS = (
    "page", "feed", "comment", "add", "edited", "mention", "direct", "notification", "status.update", "delete", "1", "",
    "Mon Dec 23 13:03:29 +0000 2019", "99999999999999999", "1700000000", "a\0b", "\ud800", "[1", "{}", "x" * 600,
)  # fmt: skip

texts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(), max_size=20))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), texts), inner, max_size=6)
    ),
    max_leaves=30,
)


def holds(value: object) -> bool:
    """Whether every text in it can be stored, and every time has a zone."""
    if isinstance(value, str):
        return "\0" not in value and value.encode() is not None
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, dict):
        return all(map(holds, value.values()))
    return all(map(holds, value)) if isinstance(value, list | tuple) else True


def check(raw: bytes) -> None:
    with suppress(Malformed):
        for item in split_delivery(raw, own="1"):
            json.loads(item.raw)
            if item.post is None:
                assert item.problem
            else:
                assert holds(asdict(item.post))
                assert item.post.reason
                assert not (item.post.opens_case and (item.post.own or item.post.edited or item.post.removed))
                assert change_id(item.post, item.raw).encode()


@given(values)
@settings(max_examples=400, deadline=None)
def test_any_json(value: object) -> None:
    check(json.dumps(value).encode())


@given(st.sampled_from(("changes", "messaging", "standby", "fetched")), st.lists(values, max_size=3), texts)
@settings(max_examples=400, deadline=None)
def test_any_item_of_facebook(name: str, items: list[object], page: str) -> None:
    raw = json.dumps({"object": "page", "entry": [{"id": page, "time": 1, name: items}]}).encode()
    check(raw)
    assert len(split_delivery(raw)) == max(1, len(items))


@given(st.sampled_from(("tweet_create_events", "direct_message_events", "favorite_events")), st.lists(values), values)
@settings(max_examples=300, deadline=None)
def test_any_item_of_x(name: str, items: list[object], users: object) -> None:
    check(json.dumps({"for_user_id": "1", name: items, "users": users}).encode())


@given(st.dictionaries(st.sampled_from(NAMES), values, max_size=10))
@settings(max_examples=300, deadline=None)
def test_any_notification_of_mastodon(status: dict[str, object]) -> None:
    check(json.dumps({"type": "mention", "account": {"id": "2"}, "created_at": "x", "status": status}).encode())


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 990 + b"1" + b"}" * 990,
        b'{"object":NaN}',
        b'{"object":1,"object":2}',
        b'{"n":' + b"9" * 10_000_000 + b"}",
        b"\xff\xfe{}",
        b'"text"',
        b"3",
        b'{"unknown":1}',
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_hostile_json_is_refused_or_told(raw: bytes) -> None:
    items: list[Item] = []
    with suppress(Malformed):
        items = split_delivery(raw)
    assert all(item.post is None and item.problem for item in items)


@given(values, st.integers(0, 3))
def test_parts_keep_their_own_characters(value: object, indent: int) -> None:
    text = json.dumps(value, indent=indent or None)
    whole = read_json(text.encode())
    if isinstance(whole, list):
        assert [read_json(part.encode()) for part in elements(text)] == whole
    if isinstance(whole, dict):
        assert {name: read_json(part.encode()) for name, part in members(text)} == whole


def test_a_delivery_of_more_items_than_a_platform_sends_is_refused_in_good_time() -> None:
    raw = b'{"object":"page","entry":[' + b",".join([b"[]"] * 1_000_000) + b"]}"
    with pytest.raises(Malformed, match="more than 5000 items"):
        split_delivery(raw)


@given(st.sampled_from(("post.mention.create", "dm.received", "like.create", "x")), values, values)
@settings(max_examples=300, deadline=None)
def test_any_activity_of_x(kind: str, payload: object, includes: object) -> None:
    data = {"event_type": kind, "filter": {"user_id": "1"}, "payload": payload}
    check(json.dumps({"data": data, "includes": includes}).encode())
