"""What X delivers, as posts."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.parse.post import Media, Post
from pipeline.parse.social import parse_post, split_delivery

WE, ANA = "2975699229", "1205290247124217856"
USERS = {
    WE: {"id": WE, "name": "Contoso", "screen_name": "contoso"},
    ANA: {"id": ANA, "name": "Ana", "screen_name": "ana_x"},
    "9": {"id": "9", "name": "Somebody", "screen_name": "s"},
}


def tweet(author: str = ANA, text: str = "@contoso It does not print", **more: object) -> dict[str, object]:
    return {
        "id": 1206724334791753729,
        "id_str": "1206724334791753729",
        "created_at": "Mon Dec 16 23:54:38 +0000 2019",
        "text": text,
        "user": {"id_str": author, "name": "Ana", "screen_name": "ana_x"},
        "entities": {"user_mentions": [{"id_str": WE, "screen_name": "contoso"}], "urls": []},
        **more,
    }


def read(**events: object) -> Post:
    return parse_post(json.dumps({"for_user_id": WE, **events}).encode())


def direct(sender: str, recipient: str, text: str = "Hello", **data: object) -> dict[str, object]:
    return {
        "type": "message_create",
        "id": "1062",
        "created_timestamp": "1542039186292",
        "message_create": {
            "sender_id": sender,
            "target": {"recipient_id": recipient},
            "message_data": {"text": text, **data},
        },
    }


def test_a_mention_opens_a_case_in_a_conversation_of_its_own() -> None:
    post = read(tweet_create_events=[tweet()])
    assert (post.platform, post.kind, post.id, post.conversation) == (
        "x",
        "mention",
        "1206724334791753729",
        "1206724334791753729",
    )
    assert (post.author.id, post.author.handle, post.opens_case) == (ANA, "ana_x", True)
    assert post.created_at == datetime(2019, 12, 16, 23, 54, 38, tzinfo=UTC)


def test_an_answer_belongs_to_the_conversation_of_what_it_answers() -> None:
    post = read(tweet_create_events=[tweet(in_reply_to_status_id_str="1205", in_reply_to_user_id_str=WE)])
    assert (post.conversation, post.answers, post.opens_case) == ("1205", "1205", True)
    named = read(tweet_create_events=[tweet(in_reply_to_status_id_str="1205", conversation_id_str="1100")])
    assert named.conversation == "1100"


def test_our_own_posts_and_what_is_shared_on_open_nothing() -> None:
    own = read(tweet_create_events=[tweet(author=WE, in_reply_to_status_id_str="5")])
    assert (own.own, own.kind, own.opens_case) == (True, "comment", False)
    shared = read(tweet_create_events=[tweet(retweeted_status=tweet(author=WE))])
    assert (shared.kind, shared.opens_case) == ("post", False)
    assert "shared" in shared.reason


def test_a_long_text_is_read_whole_with_its_links_written_out() -> None:
    links = [{"url": "https://t.co/a1", "expanded_url": "https://contoso.example/manual?x=1&y=2"}]
    long = {"full_text": "Fish &amp; chips https://t.co/a1 and more", "entities": {"urls": links}}
    post = read(tweet_create_events=[tweet(text="Fish… https://t.co/cut", extended_tweet=long)])
    assert post.text == "Fish & chips https://contoso.example/manual?x=1&y=2 and more"


def test_the_best_film_is_the_attachment() -> None:
    variants = [
        {"content_type": "application/x-mpegURL", "url": "https://v.example/list"},
        {"content_type": "video/mp4", "bitrate": 256000, "url": "https://v.example/small.mp4"},
        {"content_type": "video/mp4", "bitrate": 832000, "url": "https://v.example/large.mp4"},
    ]
    media = [
        {"type": "video", "media_url_https": "https://p.example/v.jpg", "video_info": {"variants": variants}},
        {"type": "photo", "media_url_https": "https://p.example/p.jpg"},
    ]
    post = read(tweet_create_events=[tweet(extended_entities={"media": media})])
    assert post.attachments == (
        Media("video", "https://v.example/large.mp4"),
        Media("photo", "https://p.example/p.jpg"),
    )


def test_a_direct_message_belongs_to_its_pair_in_both_directions() -> None:
    asked = read(direct_message_events=[direct(ANA, WE)], users=USERS)
    answered = read(direct_message_events=[direct(WE, ANA)], users=USERS)
    assert asked.conversation == answered.conversation == f"{WE}-{ANA}"
    assert (asked.kind, asked.author.name, asked.author.handle, asked.opens_case) == ("message", "Ana", "ana_x", True)
    assert (answered.own, answered.opens_case) == (True, False)
    assert asked.created_at == datetime(2018, 11, 12, 16, 13, 6, 292_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (
            {"favorite_events": [{"id": "f1", "user": {"id_str": ANA}, "favorited_status": tweet(author=WE)}]},
            "reaction",
        ),
        ({"follow_events": [{"type": "follow", "source": {"id": ANA}, "target": {"id": WE}}]}, "other"),
        ({"direct_message_indicate_typing_events": [{"sender_id": ANA}]}, "other"),
        ({"direct_message_mark_read_events": [{"sender_id": ANA, "last_read_event_id": "1"}]}, "read"),
        ({"tweet_delete_events": [{"status": {"id": "5", "user_id": ANA}, "timestamp_ms": "1432228155593"}]}, "post"),
        ({"user_event": {"revoke": {"source": {"user_id": WE}}}}, "other"),
    ],
)
def test_what_is_no_new_word_opens_nothing(events: dict[str, object], kind: str) -> None:
    post = read(**events)
    assert (post.kind, post.opens_case) == (kind, False)
    assert post.reason
    assert post.removed is ("tweet_delete_events" in events)


def test_each_message_of_a_delivery_takes_its_own_users_along() -> None:
    raw = json.dumps({"for_user_id": WE, "direct_message_events": [direct(ANA, WE), direct("9", WE)], "users": USERS})
    first, second = split_delivery(raw.encode())
    assert first.post is not None
    assert first.post.author.name == "Ana"
    assert set(json.loads(second.raw)["users"]) == {"9", WE}
