"""What Facebook and Messenger deliver, as posts: whose it is, what it belongs to, and what it opens."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.parse.post import Media, Post
from pipeline.parse.social import change_id, parse_post, split_delivery

PAGE, ANA = "100", "7001"


def delivery(**entry: object) -> bytes:
    return json.dumps({"object": "page", "entry": [{"id": PAGE, "time": 1_700_000_100, **entry}]}).encode()


def change(value: dict[str, object], field: str = "feed") -> Post:
    return parse_post(delivery(changes=[{"field": field, "value": value}]))


def comment(**more: object) -> dict[str, object]:
    return {
        "item": "comment",
        "verb": "add",
        "comment_id": "100_5_9",
        "post_id": "100_5",
        "parent_id": "100_5",
        "from": {"id": ANA, "name": "Ana"},
        "message": "It does not print",
        "created_time": 1_700_000_000,
        **more,
    }


def event(**more: object) -> dict[str, object]:
    return {"sender": {"id": ANA}, "recipient": {"id": PAGE}, "timestamp": 1_700_000_000_123, **more}


def message(**more: object) -> Post:
    return parse_post(delivery(messaging=[event(**more)]))


def test_a_comment_of_a_customer_opens_a_case_under_its_post() -> None:
    post = change(comment(photo="https://cdn.example/a.jpg"))
    assert (post.platform, post.kind, post.id, post.conversation) == ("facebook", "comment", "100_5_9", "100_5")
    assert (post.author.id, post.author.name, post.text) == (ANA, "Ana", "It does not print")
    assert (post.created_at, post.attachments) == (
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        (Media("photo", "https://cdn.example/a.jpg"),),
    )
    assert (post.opens_case, post.reason, post.own) == (True, "a comment", False)


@pytest.mark.parametrize(
    ("more", "edited", "removed"),
    [
        ({"verb": "edited"}, True, False),
        ({"verb": "remove"}, False, True),
        ({"verb": "hide"}, False, False),
        ({"verb": "unhide"}, False, False),
        ({"verb": "mute"}, False, False),
        ({"from": {"id": PAGE, "name": "We"}}, False, False),
    ],
)
def test_what_is_no_new_word_of_a_customer_opens_nothing(
    more: dict[str, object], *, edited: bool, removed: bool
) -> None:
    post = change(comment(**more))
    assert (post.opens_case, post.edited, post.removed) == (False, edited, removed)
    assert post.reason


@pytest.mark.parametrize("item", ["post", "status", "photo", "video", "album", "share"])
def test_all_that_stands_on_a_page_is_a_post(item: str) -> None:
    post = change({"item": item, "verb": "add", "post_id": "100_5", "from": {"id": ANA}, "message": "Hello"})
    assert (post.kind, post.id, post.conversation) == ("post", "100_5", "100_5")
    assert post.opens_case is (item != "share")


def test_a_reaction_points_at_what_it_is_about() -> None:
    post = change({"item": "like", "verb": "add", "post_id": "100_5", "comment_id": "5_9", "sender_id": int(ANA)})
    assert (post.kind, post.answers, post.author.id, post.opens_case) == ("reaction", "5_9", ANA, False)


def test_a_mention_elsewhere_opens_a_case() -> None:
    post = change({"item": "post", "verb": "add", "post_id": "9_9", "message": "Ask them"}, "mention")
    assert (post.kind, post.id, post.opens_case) == ("mention", "9_9", True)


def test_a_rating_counts_when_it_has_words() -> None:
    rating = {"item": "rating", "verb": "add", "open_graph_story_id": 9, "reviewer_id": 7, "reviewer_name": "Ana"}
    assert not change(rating, "ratings").opens_case
    post = change({**rating, "review_text": "Never again"}, "ratings")
    assert (post.id, post.author.name, post.text, post.opens_case) == ("9", "Ana", "Never again", True)


def test_a_message_belongs_to_its_pair_in_both_directions() -> None:
    asked = message(message={"mid": "m_1", "text": "Hello"})
    echo = {"sender": {"id": PAGE}, "recipient": {"id": ANA}, "message": {"mid": "m_2", "text": "Hi", "is_echo": True}}
    answered = parse_post(delivery(messaging=[echo]))
    assert asked.conversation == answered.conversation == f"{PAGE}-{ANA}"
    assert (asked.platform, asked.kind, asked.id, asked.opens_case, asked.own) == (
        "messenger",
        "message",
        "m_1",
        True,
        False,
    )
    assert (answered.own, answered.opens_case, answered.reason) == (True, False, "an echo of our own message")
    assert asked.created_at == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


def test_files_and_places_come_with_their_addresses() -> None:
    attachments = [
        {"type": "image", "payload": {"url": "https://cdn.example/a.png"}},
        {"type": "location", "payload": {"coordinates": {"lat": 12.34, "long": 43.21}}},
        {"type": "fallback", "url": "https://link.example/"},
    ]
    post = message(message={"mid": "m_1", "attachments": attachments})
    assert [media.url for media in post.attachments] == [
        "https://cdn.example/a.png",
        "geo:12.34,43.21",
        "https://link.example/",
    ]
    assert post.opens_case


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"message_edit": {"mid": "m_1", "text": "Hullo"}}, "message"),
        ({"message": {"mid": "m_1", "is_deleted": True}}, "message"),
        ({"reaction": {"mid": "m_1", "action": "react", "emoji": "😢"}}, "reaction"),
        ({"delivery": {"mids": ["m_1"], "watermark": 1}}, "delivery"),
        ({"read": {"watermark": 1}}, "read"),
        ({"optin": {"ref": "x"}}, "other"),
        ({"pass_thread_control": {"new_owner_app_id": "1"}}, "other"),
        ({"postback": {"payload": "GO"}}, "message"),
        ({}, "other"),
    ],
)
def test_what_happens_around_a_conversation_opens_nothing(more: dict[str, object], kind: str) -> None:
    post = message(**more)
    assert (post.kind, post.opens_case) == (kind, False)
    assert post.reason


def test_a_pressed_button_speaks_with_its_title() -> None:
    post = message(postback={"mid": "m_3", "payload": "AGENT", "title": "Talk to somebody"})
    assert (post.kind, post.text, post.opens_case) == ("message", "Talk to somebody", True)


def test_a_conversation_that_another_app_holds_is_only_listened_to() -> None:
    post = parse_post(delivery(standby=[event(message={"mid": "m_1", "text": "Hello"})]))
    assert (post.kind, post.opens_case) == ("message", False)


@pytest.mark.parametrize("kind", ["user", "permissions", "instagram", "whatsapp_business_account", "new_thing"])
def test_an_object_that_means_nothing_to_us_says_so(kind: str) -> None:
    post = parse_post(json.dumps({"object": kind, "entry": [{"id": "0", "changes": [{"field": "x"}]}]}).encode())
    assert (post.kind, post.opens_case) == ("other", False)
    assert post.reason


def test_what_was_fetched_is_what_was_told() -> None:
    told = change(comment())
    item = {
        "id": "100_5_9",
        "message": "It does not print",
        "from": {"id": ANA, "name": "Ana"},
        "created_time": "2023-11-14T22:13:20+0000",
    }
    raw = delivery(fetched=[{"kind": "comment", "post": "100_5", "item": item}])
    fetched = parse_post(raw)
    for field in ("platform", "kind", "id", "conversation", "answers", "author", "text", "created_at", "opens_case"):
        assert getattr(fetched, field) == getattr(told, field), field
    assert change_id(fetched, raw) == change_id(told, b"")


def test_a_message_that_was_fetched_belongs_to_its_pair() -> None:
    item = {"id": "m_1", "message": "Hi", "from": {"id": PAGE}, "to": {"data": [{"id": ANA}]}}
    post = parse_post(delivery(fetched=[{"kind": "message", "item": item}]))
    assert (post.conversation, post.own, post.opens_case) == (f"{PAGE}-{ANA}", True, False)


def test_a_delivery_is_split_into_items_with_their_own_characters() -> None:
    odd = '{ "field":"feed" , "value":{"item":"status","verb":"add","post_id":"1","message":"\\u00e4 \\ud83d\\ude00"} }'
    said = json.dumps(event(message={"mid": "m_1"}))
    entries = f'{{"time":5,"id":"100","messaging":[{said}, 42],"changes":[{odd}]}},{{"id":"101","changes":[]}}'
    raw = f'{{"object":"page","entry":[{entries}]}}'
    items = split_delivery(raw.encode())
    assert [item.post is not None for item in items] == [True, False, True]
    assert odd.encode() in items[2].raw
    assert items[2].post is not None
    assert items[2].post.text == "ä 😀"


def test_one_bad_item_of_a_hundred_leaves_the_others_good() -> None:
    items = [event(message={"mid": f"m_{number}", "text": "x"}) for number in range(99)]
    split = split_delivery(delivery(messaging=[*items[:50], "broken", *items[50:]]))
    assert [number for number, item in enumerate(split) if item.post is None] == [50]
    assert len({change_id(item.post, item.raw) for item in split if item.post}) == 99


def test_half_a_character_and_nul_are_kept_as_a_defect() -> None:
    post = message(message={"mid": "m_1", "text": "a\0b\ud800c"})
    assert post.text == "a\ufffdb\ufffdc"
    assert post.defects == ("text held NUL or half a character",)


def test_a_repetition_has_the_same_id_and_an_edit_another() -> None:
    first, again = change(comment()), change(comment())
    edit = change(comment(verb="edited", message="Now it prints"))
    assert change_id(first, b"") == change_id(again, b"") != change_id(edit, b"")
    later = parse_post(
        json.dumps(
            {
                "object": "page",
                "entry": [
                    {"id": PAGE, "time": 1_700_000_200, "changes": [{"field": "feed", "value": comment(verb="edited")}]}
                ],
            }
        ).encode()
    )
    assert change_id(edit, b"") != change_id(later, b"")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//cdn.example/a", "file:///etc/passwd", " "]
)
def test_what_is_no_address_of_the_web_is_no_link(link: str) -> None:
    assert change(comment(photo=link)).attachments == ()
    assert message(
        message={"mid": "m_1", "attachments": [{"type": "image", "payload": {"url": link}}]}
    ).attachments == (Media("image", None),)
