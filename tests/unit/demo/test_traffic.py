"""The traffic of the demonstration: what it writes is what the parsers and the desk take it for."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.config.channels import DeviceFeed, Form
from pipeline.demo.posts import PAGE
from pipeline.demo.senders import SPOOL
from pipeline.demo.smtp import stuffed
from pipeline.demo.traffic import BILLING, EXCHANGE, FORM, KINDS, SOCIAL_PAGE, SUPPORT, Delivery, Traffic
from pipeline.parse.call_fields import Site
from pipeline.parse.email import parse_email
from pipeline.parse.iot import Message, read_readings, write_readings
from pipeline.parse.phone import parse_phone
from pipeline.parse.reading import Reading
from pipeline.parse.social import split_delivery
from pipeline.parse.web import parse_form
from pipeline.topics import CHANNELS

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
    places = {one.to for one in some if one.channel != "iot"}
    assert places == {SUPPORT, BILLING, FORM, EXCHANGE, SOCIAL_PAGE}
    assert {one.channel for one in some} == set(CHANNELS)
    assert Counter(one.channel for one in some)["email"] > len(some) / 2
    assert len(some) < SPOOL


def test_the_same_seed_writes_the_same_and_another_run_has_other_ids() -> None:
    assert deliveries(200) == deliveries(200)
    ids, others = ({one.id for one in deliveries(200, run=run) if one.channel != "iot"} for run in ("r", "other"))
    assert not ids & others


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
    repeats = {"again", "two mailboxes", "call", "post", "reading"}
    first = Counter(one.id for one in some if one.kind not in repeats)
    assert max(first.values()) == 1


def test_forms_are_right_and_robots_are_caught(some: list[Delivery]) -> None:
    form = Form(name=FORM, required=("email", "subject", "text"))
    for one in some:
        if one.channel == "web":
            post = parse_form(one.body, one.content_type, form)
            assert (post.malformed, post.errors) == (None, {})
            assert post.trap == (one.kind == "robot")
            assert len(post.attachments) == (1 if one.kind == "form with file" else 0)


def test_calls_ring_before_they_are_answered_or_end(some: list[Delivery]) -> None:
    courses: dict[str, list[str]] = defaultdict(list)
    for one in some:
        if one.channel == "phone":
            (call,) = parse_phone(one.body, Site(None, ZoneInfo("UTC")), "cti")
            assert (call.call_id, call.defects, call.direction) == (one.id, (), "in")
            assert (call.from_ or "").startswith("+44207946")
            courses[one.id].append(str(call.state))
    whole = {tuple(course) for course in courses.values() if len(course) > 1 and course[-1] != "answered"}
    assert whole == {("ringing", "answered", "completed"), ("ringing", "missed")}


def test_deliveries_of_the_page_hold_comments_messages_edits_and_some_twice(some: list[Delivery]) -> None:
    kinds: Counter[tuple[str, str]] = Counter()
    for one in some:
        if one.channel == "social":
            (item,) = split_delivery(one.body)
            assert item.post is not None
            assert (item.post.id, item.post.defects, item.account) == (one.id, (), PAGE)
            kinds[item.post.kind, item.post.change] += 1
    assert set(kinds) == {("comment", "add"), ("comment", "edit"), ("message", "add")}
    bodies = Counter(one.body for one in some if one.channel == "social")
    assert max(bodies.values()) > 1


def test_devices_measure_raise_alarms_and_clear_them(some: list[Delivery]) -> None:
    feed = DeviceFeed(name="plant", topics=("te/+/+/+/+/+/#",))
    kinds: Counter[str] = Counter()
    for one in some:
        if one.channel == "iot":
            (reading,) = read_told(feed, one)
            kinds[reading.type] += 1
            is_alarm = reading.type == "alarm"
            assert one.id == (f"{reading.device} {reading.name} {NOW.isoformat()}" if is_alarm else "")
    assert set(kinds) == {"measurement", "alarm", "alarm_clear"}


def read_told(feed: DeviceFeed, one: Delivery) -> tuple[Reading, ...]:
    """What the parser takes a message of a device for."""
    message = Message(one.to, one.body)
    (delivery,) = read_readings(write_readings([message]), feed, NOW, {})
    assert delivery.told.unreadable is None
    return delivery.told.readings


def test_lines_that_begin_with_a_dot_get_another() -> None:
    assert stuffed(b"a\r\n.\r\n..b\r\n") == b"a\r\n..\r\n...b\r\n.\r\n"
