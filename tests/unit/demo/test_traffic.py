"""The traffic of the demonstration: what it writes is what the parsers and the desk take it for."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from pipeline.config.channels import Form
from pipeline.demo.senders import SPOOL
from pipeline.demo.smtp import stuffed
from pipeline.demo.traffic import BILLING, FORM, KINDS, SUPPORT, Delivery, Traffic
from pipeline.parse.email import parse_email
from pipeline.parse.web import parse_form

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AUTO = {"away": "auto-reply", "bounce": "bounce", "newsletter": "list"}


def deliveries(count: int = 1500, seed: int = 7, run: str = "r") -> list[Delivery]:
    traffic = Traffic(seed, run, lambda: NOW)
    found: list[Delivery] = []
    while len(found) < count:
        found += traffic.next()
    return found


@pytest.fixture(scope="module")
def some() -> list[Delivery]:
    return deliveries()


def test_every_kind_comes_and_goes_to_a_place_of_ours(some: list[Delivery]) -> None:
    assert {one.kind for one in some} == set(KINDS)
    assert {one.to for one in some} == {SUPPORT, BILLING, FORM}
    assert len(some) < SPOOL


def test_the_same_seed_writes_the_same_and_another_run_has_other_ids() -> None:
    assert deliveries(200) == deliveries(200)
    assert not {one.id for one in deliveries(200)} & {one.id for one in deliveries(200, run="other")}


def test_mails_are_read_without_a_defect_as_what_they_are(some: list[Delivery]) -> None:
    for one in some:
        if one.channel == "email":
            mail = parse_email(one.body, our_domain="cases.demo.example")
            assert mail.message_id == one.id
            assert mail.defects == ()
            assert mail.date == NOW
            assert mail.text.strip()
            if one.kind != "again":
                assert mail.auto == AUTO.get(one.kind), one.kind
            assert (one.sender == "") == (mail.auto in {"auto-reply", "bounce"})


def test_replies_name_the_mails_before_them(some: list[Delivery]) -> None:
    known: set[str] = set()
    for one in some:
        if one.kind == "reply":
            mail = parse_email(one.body, our_domain="cases.demo.example")
            assert mail.references[-1] == mail.in_reply_to[0]
            assert set(mail.references) <= known
            assert mail.subject.startswith("Re: ")
        known.add(one.id)


def test_a_paper_comes_with_html_and_a_document(some: list[Delivery]) -> None:
    paper = next(one for one in some if one.kind == "paper")
    mail = parse_email(paper.body, our_domain="cases.demo.example")
    assert mail.html
    assert [(one.filename, one.content_type) for one in mail.attachments] == [("delivery note.pdf", "application/pdf")]


def test_what_comes_twice_is_the_same_to_the_byte(some: list[Delivery]) -> None:
    bodies = {one.id: one.body for one in some if one.kind not in {"again", "two mailboxes"}}
    twice = [one for one in some if one.kind in {"again", "two mailboxes"}]
    assert len(twice) > 50
    assert all(bodies[one.id] == one.body for one in twice)


def test_only_the_deliveries_that_repeat_share_an_id(some: list[Delivery]) -> None:
    first = Counter(one.id for one in some if one.kind not in {"again", "two mailboxes"})
    assert max(first.values()) == 1


def test_forms_are_right_and_robots_are_caught(some: list[Delivery]) -> None:
    form = Form(name=FORM, required=("email", "subject", "text"))
    for one in some:
        if one.channel == "web":
            post = parse_form(one.body, one.content_type, form)
            assert (post.malformed, post.errors) == (None, {})
            assert post.trap == (one.kind == "robot")
            assert len(post.attachments) == (1 if one.kind == "form with file" else 0)


def test_lines_that_begin_with_a_dot_get_another() -> None:
    assert stuffed(b"a\r\n.\r\n..b\r\n") == b"a\r\n..\r\n...b\r\n.\r\n"
