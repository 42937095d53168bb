"""What platforms allow of an answer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.platforms import Asked, addressed, hindrance, tag_of, weight, words

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def asked(platform: str, kind: str = "comment", **values: object) -> Asked:
    known = {"platform": platform, "kind": kind, "item": "1", "conversation": "1", "author": "7", "handle": None,
             "visibility": None, "at": NOW, **values}  # fmt: skip
    return Asked(**known)  # type: ignore[arg-type]  # any of its fields


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Hello", 5),
        ("über", 4),
        ("Привет", 6),
        ("こんにちは", 10),
        ("see https://example.com/a/very/long/path?with=a&query=too", 27),
        ("👍", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇵🇹 and 👍🏽", 9),
        ("“quoted” \u2013 so…", 15),
        ("e\u0301", 1),
    ],
)
def test_x_counts_letters_of_the_far_east_and_emoji_as_two_and_links_as_23(text: str, length: int) -> None:
    assert weight(asked("x"), text) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Hello", len("@ana Hello")),
        ("@ana@fedi.example Hello", len("@ana Hello")),
        ("see https://example.com/a/very/long/path", len("@ana see ") + 23),
        ("👨‍👩‍👧 e\u0301", len("@ana x e")),
    ],
)
def test_mastodon_counts_whom_it_mentions_without_their_server(text: str, length: int) -> None:
    assert weight(asked("mastodon", handle="ana@fedi.example"), text) == length


def test_mastodon_mentions_who_is_answered_once() -> None:
    ana = asked("mastodon", handle="ana@fedi.example")
    assert addressed(ana, "Hello") == "@ana@fedi.example Hello"
    assert addressed(ana, "Hello @Ana@fedi.example!") == "Hello @Ana@fedi.example!"
    assert addressed(ana, "Ask @ana@fedi.examples") == "@ana@fedi.example Ask @ana@fedi.examples"
    assert addressed(asked("facebook", handle="ana"), "Hello") == "Hello"


@pytest.mark.parametrize(
    ("item", "most"),
    [
        (asked("x"), 280),
        (asked("x", "message"), 10_000),
        (asked("messenger", "message"), 2_000),
        (asked("mastodon"), 500),
        (asked("facebook"), 8_000),
    ],
)
def test_each_platform_has_its_length(item: Asked, most: int) -> None:
    assert hindrance(item, "a" * most, NOW) is None
    assert f"takes {most} characters" in (hindrance(item, "a" * (most + 1), NOW) or "")


def test_a_server_or_a_paying_account_may_allow_more() -> None:
    assert hindrance(asked("mastodon"), "a" * 5_000, NOW, 5_000) is None
    assert hindrance(asked("x"), "a" * 281, NOW, 25_000) is None


def test_nobody_posts_nothing() -> None:
    assert hindrance(asked("facebook"), " \n", NOW) == "Facebook takes no answer without words"


def test_messenger_wants_a_tag_after_a_day_and_nothing_after_a_week() -> None:
    ana = asked("messenger", "message")
    assert tag_of(NOW, NOW + timedelta(hours=24)) is None
    assert tag_of(NOW, NOW + timedelta(hours=24, seconds=1)) == "HUMAN_AGENT"
    assert hindrance(ana, "Yes", NOW + timedelta(days=7)) is None
    assert "within 7 days" in (hindrance(ana, "Yes", NOW + timedelta(days=7, seconds=1)) or "")
    assert hindrance(asked("facebook"), "Yes", NOW + timedelta(days=70)) is None


@given(st.text(alphabet="abc äé!,. \n👍", min_size=1).filter(str.strip))
def test_what_comes_back_says_the_same_however_it_is_addressed_and_spaced(text: str) -> None:
    assert words(f"@ana@fedi.example  {text} ") == words(f"@eva {text}") == words(" ".join(text.split()))
