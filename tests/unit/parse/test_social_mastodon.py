"""What Mastodon tells, as posts."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.parse.post import Media, Post
from pipeline.parse.social import change_id, parse_post, split_delivery

WE = "11"
ACCOUNT = {"id": "22", "username": "ana", "acct": "ana@fedi.example", "display_name": "Ana"}
CONTENT = (
    '<p><span class="h-card"><a href="https://m.example/@we">@<span>we</span></a></span> It does not print</p>'
    '<p><a href="https://x.example/long"><span class="invisible">https://</span><span class="ellipsis">x.example/lo'
    '</span><span class="invisible">ng</span></a></p>'
)


def status(**more: object) -> dict[str, object]:
    return {
        "id": "103704874086360371",
        "created_at": "2026-03-02T09:00:00.000Z",
        "account": ACCOUNT,
        "content": CONTENT,
        "visibility": "public",
        "in_reply_to_id": None,
        "spoiler_text": "",
        "mentions": [{"id": WE, "username": "we", "acct": "we"}],
        "media_attachments": [{"type": "image", "url": "https://m.example/a.png"}],
        **more,
    }


def notification(kind: str = "mention", **more: object) -> dict[str, object]:
    return {
        "id": "34975861",
        "type": kind,
        "created_at": "2026-03-02T09:00:01Z",
        "account": ACCOUNT,
        "status": status(),
        **more,
    }


def read(value: object, own: str | None = WE) -> Post:
    return parse_post(json.dumps(value).encode(), own)


def test_a_mention_opens_a_case_and_its_html_is_text() -> None:
    post = read(notification())
    assert (post.platform, post.kind, post.id) == ("mastodon", "mention", "103704874086360371")
    assert post.conversation == "103704874086360371"
    assert (post.author.id, post.author.name, post.author.handle) == ("22", "Ana", "ana@fedi.example")
    assert post.text == "@we It does not print\n\nhttps://x.example/long"
    assert post.attachments == (Media("image", "https://m.example/a.png"),)
    assert post.created_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert post.opens_case


def test_a_content_warning_stands_above_the_text() -> None:
    post = read(notification(status=status(spoiler_text="printers", content="<p>argh</p>")))
    assert post.text == "printers\n\nargh"


def test_a_direct_message_belongs_to_its_parties_in_both_directions() -> None:
    asked = read(notification(status=status(visibility="direct", in_reply_to_id="5")))
    ours = status(visibility="direct", account={"id": WE, "acct": "we"}, mentions=[{"id": "22"}], id="6")
    answered = read({"event": "update", "payload": json.dumps(ours)})
    assert asked.conversation == answered.conversation == "11-22"
    assert (asked.kind, asked.opens_case) == ("message", True)
    assert (answered.own, answered.opens_case, answered.reason) == (True, False, "our own page wrote it")


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("favourite", "reaction"),
        ("reblog", "post"),
        ("follow", "other"),
        ("poll", "other"),
        ("update", "comment"),
        ("status", "post"),
        ("admin.sign_up", "other"),
        ("severed_relationships", "other"),
        ("something_new", "other"),
    ],
)
def test_what_is_no_new_word_to_us_opens_nothing(kind: str, means: str) -> None:
    post = read(notification(kind))
    assert (post.kind, post.opens_case, post.edited) == (means, False, kind == "update")
    assert post.reason


def test_edits_and_removals_of_the_stream_are_told_apart_from_the_original() -> None:
    first = read({"stream": ["user"], "event": "notification", "payload": json.dumps(notification())})
    edited = status(edited_at="2026-03-02T10:00:00Z", content="<p>Now it prints</p>")
    edit = read({"event": "status.update", "payload": json.dumps(edited)})
    removal = read({"event": "delete", "payload": "103704874086360371"})
    assert first.id == edit.id == removal.id
    assert (first.opens_case, edit.edited, removal.removed) == (True, True, True)
    assert len({change_id(post, b"") for post in (first, edit, removal)}) == 3


def test_a_page_of_notifications_is_split() -> None:
    items = split_delivery(json.dumps([notification(), notification("favourite", id="7"), 3]).encode())
    assert [item.post.kind if item.post else None for item in items] == ["mention", "reaction", None]
