"""What X's Activity API delivers, as posts."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.parse.post import Media, Post
from pipeline.parse.social import parse_post, split_delivery

WE, ANA = "222222222", "111111111"
INCLUDES = {
    "users": [{"id": ANA, "name": "Ana", "username": "ana_x"}],
    "media": [{"media_key": "3_1", "type": "photo", "url": "https://p.example/a.jpg"}],
}


def event(kind: str, payload: dict[str, object]) -> bytes:
    data = {"event_uuid": "e1", "filter": {"user_id": WE}, "event_type": kind, "payload": payload, "includes": INCLUDES}
    return json.dumps({"data": data}).encode()


def read(kind: str, payload: dict[str, object]) -> Post:
    return parse_post(event(kind, payload))


def written(**more: object) -> dict[str, object]:
    return {
        "id": "1900",
        "conversation_id": "1800",
        "author_id": ANA,
        "text": "@we help https://t.co/a",
        "created_at": "2026-03-02T09:00:00.000Z",
        "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://contoso.example/a"}]},
        "attachments": {"media_keys": ["3_1", "3_2"]},
        **more,
    }


def test_a_mention_opens_a_case_in_its_conversation() -> None:
    post = read("post.mention.create", written())
    assert (post.platform, post.kind, post.id, post.conversation) == ("x", "mention", "1900", "1800")
    assert (post.author.id, post.author.name, post.author.handle) == (ANA, "Ana", "ana_x")
    assert (post.text, post.opens_case) == ("@we help https://contoso.example/a", True)
    assert (post.created_at, post.attachments) == (
        datetime(2026, 3, 2, 9, tzinfo=UTC),
        (Media("photo", "https://p.example/a.jpg"),),
    )


def test_a_reply_names_what_it_answers_and_a_long_one_is_whole() -> None:
    replied = [{"type": "replied_to", "id": "1850"}]
    post = read("post.reply.create", written(referenced_tweets=replied, note_tweet={"text": "A long story"}))
    assert (post.kind, post.answers, post.text, post.opens_case) == ("comment", "1850", "A long story", True)


@pytest.mark.parametrize(
    ("kind", "payload", "means"),
    [
        ("post.create", written(author_id=WE), "post"),
        ("post.create", written(author_id=WE, referenced_tweets=[{"type": "replied_to", "id": "1"}]), "comment"),
        ("post.repost.create", written(), "post"),
        ("post.reply.create", written(edit_history_tweet_ids=["1890", "1900"]), "comment"),
        ("post.delete", {"id": "1900"}, "post"),
        ("like.create", {"liked_tweet_id": "1900", "user_id": ANA}, "reaction"),
        ("follow.follow", {}, "other"),
        ("chat.received", {"encoded_event": "x"}, "other"),
        ("dm.indicate_typing", {"sender_id": ANA}, "other"),
    ],
)
def test_what_is_no_new_word_of_a_customer_opens_nothing(kind: str, payload: dict[str, object], means: str) -> None:
    post = read(kind, payload)
    assert (post.kind, post.opens_case) == (means, False)
    assert post.reason
    assert (post.edited, post.removed) == ("edit_history_tweet_ids" in payload, kind == "post.delete")


def test_direct_messages_of_both_shapes_belong_to_one_pair() -> None:
    sent = {"id": "5", "sender_id": WE, "dm_conversation_id": f"{WE}-{ANA}", "text": "Hello"}
    answer = read("dm.sent", sent)
    said = {
        "type": "message_create",
        "id": "4",
        "message_create": {"sender_id": ANA, "target": {"recipient_id": WE}, "message_data": {"text": "Help"}},
    }
    legacy = {"direct_message_events": [said, said], "users": {ANA: {"id": ANA, "name": "Ana", "screen_name": "ana_x"}}}
    items = split_delivery(event("dm.received", legacy))
    assert [item.account for item in items] == [WE, WE]
    asked = items[0].post
    assert asked is not None
    assert asked.conversation == answer.conversation == f"{ANA}-{WE}"
    assert (asked.author.handle, asked.opens_case, answer.own, answer.opens_case) == ("ana_x", True, True, False)
    received = read("dm.received", {"id": "6", "sender_id": ANA, "text": "Help"})
    assert (received.conversation, received.opens_case) == (f"{ANA}-{WE}", True)
