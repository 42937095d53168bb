"""Hostile mails, all the way into intake: each becomes a case with its defect, and nobody else's mail suffers."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest
from memory_desk import ANA, EVA, PARTITION, RUI, START, SUPPORT, Desk, mail

from pipeline import app
from pipeline.agents.reading.mail import MAX_COPIED
from pipeline.domain.cases import MAX_PARTICIPANTS
from pipeline.domain.threading import MAX_LINKS
from pipeline.wire import Envelope, Record

LIMIT_S = 10.0  # five times what is promised: other processes share the machine


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LIMIT_S


def settled(desk: Desk) -> list[tuple[str, ...]]:
    """The defects of every stored message, once it is sure that PostgreSQL could hold all that was written."""
    tables = desk.memory.tables
    assert not tables.dead
    for table in (tables.messages, tables.activities, tables.cases, tables.events, tables.contacts):
        written = orjson.dumps(list(table.values()), default=list)
        assert b"\\u0000" not in written
    known = [identity.value for identity in tables.identities]
    keys = [*known, *(address for _, address in tables.participants), *tables.thread_ids]
    assert not any("\0" in key or len(key.encode()) > 2_600 for key in keys)
    return [tuple(message.defects) for message in tables.messages.values()]


def attached(filename: str) -> bytes:
    disposition = f"Content-Disposition: attachment; {filename}"
    return mail("a", headers=f"Content-Type: image/png\n{disposition}")


BROKEN = {
    "NUL in headers and body": (mail("a", subject="a\0b", text="c\0d", headers="X\0Y: z"), "NUL bytes"),
    "1,000 multiparts deep": (
        mail("a", headers="\n".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}" for n in range(1_000))),
        "multipart too deep",
    ),
    "100,000 parts": (
        mail("a", headers="Content-Type: multipart/mixed; boundary=x", text="--x\nContent-Type: a/b\n\na\n" * 100_000),
        "too many parts",
    ),
    "no closing boundary": (
        mail("a", headers="Content-Type: multipart/mixed; boundary=x", text="--x\n\nhello"),
        "multipart without closing boundary",
    ),
    "references of 1 MB": (mail("a", references=[f"<{n}@y>" for n in range(100_000)]), "references too long"),
    "300,000 folded lines": (mail("a", headers="X-Long: a" + "\n b" * 300_000), "x-long too long"),
    "10,000 headers": (mail("a", headers="\n".join(f"X-{n}: y" for n in range(10_000))), "too many headers"),
    "1,000 opening parentheses": (mail("a", sender="(" * 1_000), "From unusable: no usable address"),
    "From twice": (mail("a", headers="From: mallory@evil.example"), "From more than once"),
    "an address behind a parenthesis": (mail("a", sender="alice@example.org)bob@"), "From unusable: no usable address"),
    "From a group": (mail("a", sender="staff: ana@acme.example;"), "From unusable: a group"),
    "From empty": (mail("a", sender=" "), "From unusable: empty"),
    "no From": (mail("a", sender=None), "no From"),
    "a Message-ID that is none": (mail("a", message_id="<[>"), "Message-ID without @"),
    "no Message-ID": (mail("a", message_id=""), "no Message-ID"),
    "an empty Message-ID": (mail("a", message_id="<>"), "no Message-ID"),
    "a Message-ID of 5,000 characters": (mail("a", message_id=f"<{'x' * 5_000}@y>"), "Message-ID too long"),
    **{
        f"charset {charset!r}": (
            mail("a", headers=f'Content-Type: text/plain; charset="{charset}"', text="Grüße"),
            defect,
        )
        for charset, defect in [
            ("zlib", "charset unknown or wrong"),
            ("a\0b", "charset unknown or wrong"),
            ("x-unknown", "charset unknown or wrong"),
            ("utf-7", "charset unknown or wrong"),
            ("base64", "charset unknown or wrong"),
            ("rot13", "charset unknown or wrong"),
            ("../../etc/passwd", "charset unknown or wrong"),
        ]
    },
    "no Date": (mail("a", dated=None), "no Date"),
    **{
        f"Date {date}": (mail("a", dated=None, headers=f"Date: {date}"), "Date unreadable or impossible")
        for date in ["Fri, 01 Jan 1904 00:00:00 +0000", "Sun, 01 Jan 2040 00:00:00 +0000", "Mon, 99 Foo",
                     "Mon, 01 Jan 99999 00:00:00 +0000"]
    },
    "a subject of 1 MB": (mail("a", subject="s" * 1_000_000), "subject too long"),
    "a text of 2 MB": (mail("a", text="0123456789\n" * 200_000), "text too long"),
    "a name of 60 kB": (mail("a", sender=f"{'n' * 60_000} <{ANA}>"), None),
    "bytes that are no text": (mail("a", subject="s").replace(b"Printer", b"\xff\xfe\xed\xa0\x80"), None),
    "a subject of surrogates": (mail("a", subject="x").replace(b"Subject: x", b"Subject: \xed\xa0\x80"), None),
    "an encoded word of surrogates": (mail("a", subject="=?utf-7?q?+2AA-?= =?utf-16le?b?ANg=?="), None),
    "HTML of NUL and surrogates": (
        mail("a", headers="Content-Type: text/html", text="<p>a&#0;&#xD800;&#x110000;&#99999999999;b</p>"), None
    ),
    "an encoded word that hides headers": (
        mail("a", subject="=?utf-8?q?a=0D=0ABcc:_eve@other.example=0D=0A=0D=0Abody?="), None
    ),
    "an attachment out of its folder": (attached('filename="../../etc/passwd"'), None),
    "an attachment behind a zero-width space": (attached("filename*=utf-8''%E2%80%8B.htaccess"), None),
    "an attachment from right to left": (attached("filename*=utf-8''%E2%80%AEgpj.exe"), None),
    "an attachment named in 4 kB": (attached(f'filename="{"x" * 4_000}.png"'), None),
    "an attachment without a name": (attached("x=y"), None),
    "an attachment named NUL": (attached("filename*=utf-8''%00%ED%A0%80"), None),
    "deep HTML": (mail("a", headers="Content-Type: text/html", text="x" + "<div>" * 200_000), None),
    "numbers beyond any case": (mail("a", subject=f"[#{'9' * 18}-aaaaaaaa] [#{'9' * 40}-aaaaaaaa]"), None),
    "case numbers in other digits": (mail("a", subject="[#1\u0660\u0661-aaaaaaaa]", answers="<1.\u0661.x@y>"), None),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "defect"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_a_case_with_its_defect(raw: bytes, defect: str | None) -> None:
    desk = Desk()
    became = desk.one(raw)
    assert (became.outcome, desk.case(became).opened_at) == ("opened", desk.now)
    (defects,) = settled(desk)
    assert defect is None or defect in defects


def test_of_a_mail_that_hides_headers_in_a_word_only_the_subject_is_read() -> None:
    desk = Desk()
    desk.one(BROKEN["an encoded word that hides headers"][0])
    (activity,) = desk.memory.tables.activities.values()
    assert activity.subject == "a Bcc: eve@other.example body"
    assert {address for _, address in desk.memory.tables.participants} == {ANA}


@pytest.mark.parametrize(
    "raw", [BROKEN[name][0] for name in ("1,000 opening parentheses", "From twice", "From a group", "From empty")]
)
def test_who_cannot_be_told_is_nobodys_customer(raw: bytes) -> None:
    desk = Desk()
    assert desk.case(desk.one(raw)).contact is None
    assert not desk.memory.tables.contacts


def test_any_number_of_the_broken_together_spoil_no_batch() -> None:
    desk = Desk()
    small = [raw for raw, _ in BROKEN.values() if len(raw) < 100_000]
    became = desk.receive(*small, mail("honest", sender=EVA, dated=START + timedelta(hours=1)))
    assert became[-1].outcome == "opened"
    settled(desk)


def test_a_message_id_reused_with_another_body_keeps_both() -> None:
    desk = Desk()
    one, other = desk.receive(mail("a", text="It burns."), mail("a", text="Something else entirely."))
    assert (one.outcome, other.outcome) == ("opened", "appended")
    assert [activity.body for activity in desk.memory.tables.activities.values()] == [
        "It burns.\n",
        "Something else entirely.\n",
    ]


@pytest.mark.parametrize(
    ("raw", "content_type", "defect"),
    [
        (b'{"text":"\\u0000"}', "application/json", "a field holds NUL or half a character"),
        (b'{"text":"\\ud800"}', "application/json", "a field holds NUL or half a character"),
        (b"text=%ED%A0%80&email=a%00", "application/x-www-form-urlencoded", "a field holds NUL or half a character"),
        (
            b'--X\r\nContent-Disposition: form-data; name="a\0b"; filename=f\r\n\r\nxx\r\n--X--',
            "multipart/form-data; boundary=X",
            "a field holds NUL or half a character",
        ),
    ],
)
def test_a_form_that_was_acknowledged_is_kept_with_its_defect(raw: bytes, content_type: str, defect: str) -> None:
    desk = Desk('[[form]]\nname = "contact"\nmax_file_size = 1\n')
    envelope = Envelope(
        id="1", channel="web", source="/web/contact", key="1", time=START, content_type=content_type, raw=raw
    )
    record = Record(*PARTITION, 0, b"1", raw, tuple(envelope.headers()))
    asyncio.run(app.build_settler(desk.config, desk.store)([record]))
    (defects,) = settled(desk)
    assert defect in defects


# ---- mail of others is never hidden


def scan(content: str, message_id: str | None = None) -> bytes:
    return mail("a", message_id=message_id, headers="Content-Type: application/pdf", text=content)


@pytest.mark.parametrize("message_id", [None, ""])
def test_mails_without_a_word_are_told_apart_by_their_files(message_id: str | None) -> None:
    desk = Desk()
    first, second, again = (desk.one(scan(content, message_id)) for content in ("one", "two", "one"))
    assert (first.outcome, second.outcome, again.outcome) == ("opened", "opened", "duplicate")
    assert again.case == first.case


def test_an_empty_mail_hides_none_of_the_same_message_id() -> None:
    desk = Desk()
    outcomes = [desk.one(raw).outcome for raw in (mail("a", text="..."), mail("a", text="It burns."), scan("x"))]
    assert outcomes == ["opened", "opened", "opened"]


# ---- nobody gets onto the case of another


@pytest.mark.parametrize("policy", ["case", "account"])
def test_who_was_only_copied_brings_nobody_in(policy: str) -> None:
    desk = Desk(f'[threading]\nparticipants = "{policy}"\n')
    desk.case_with(mail("a", cc=EVA), mail("b", sender=EVA, cc="mallory@evil.example", answers="<a@x>"))
    assert desk.one(mail("c", sender="mallory@evil.example", answers="<a@x>")).outcome == "opened"


def test_a_forged_bounce_brings_nobody_in() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    forged = "Content-Type: multipart/report; report-type=delivery-status; boundary=b"
    text = "--b\n\nSorry.\n--b--"
    desk.one(mail("b", sender=EVA, cc="mallory@evil.example", answers="<a@x>", headers=forged, text=text))
    assert {address for _, address in desk.memory.tables.participants} == {ANA}
    for sender in (EVA, "mallory@evil.example"):
        assert desk.one(mail(sender, sender=sender, answers="<a@x>")).case != case.number


def test_a_stranger_who_copies_the_customer_gets_a_case_of_their_own() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    became = desk.one(mail("b", sender=EVA, to=f"{SUPPORT}, {ANA}, {EVA}", cc=f"{ANA}, {EVA}", answers="<a@x>"))
    assert (became.outcome, desk.case(became).linked_to) == ("opened", case.id)
    assert desk.one(mail("c", sender=EVA, answers="<a@x>")).case != case.number


@pytest.mark.parametrize(
    "sender",
    [
        "an\u0430@acme.example",
        "ana+x@acme.example",
        "ana@acme.example.evil.example",
        "ana@acme\u200b.example",
        "Ana <ana@acme.example>, Eve <eve@other.example>",
        '"ana@acme.example" <eve@other.example>',
        "ana@acme.example <eve@other.example>",
        "eve@other.example (ana@acme.example)",
    ],
)
def test_an_address_that_looks_like_the_customers_is_a_strangers(sender: str) -> None:
    desk = Desk()
    desk.one(mail("a"))
    assert desk.one(mail("b", sender=sender, answers="<a@x>")).outcome == "opened"


def test_a_letter_that_only_becomes_ascii_in_lower_case_is_another_letter() -> None:
    desk = Desk()
    desk.one(mail("a", sender="kim@acme.example"))
    assert desk.one(mail("b", sender="\N{KELVIN SIGN}im@acme.example", answers="<a@x>")).outcome == "opened"


@pytest.mark.parametrize("length", [390, 399, 400, 401, 460, 500, 5_000])
def test_long_ids_that_differ_at_their_end_are_different_conversations(length: int) -> None:
    desk = Desk()
    first = desk.one(mail("a", message_id=f"<{'x' * length}1@y>"))
    joins = desk.one(mail("b", answers=f"<{'x' * length}1@y>"))
    other = desk.one(mail("c", answers=f"<{'x' * length}2@y>"))
    assert (joins.case == first.case, other.case == first.case) == (True, False)
    settled(desk)


def test_automatic_mail_does_not_join_by_its_subject() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    subject = f"Out of office: {desk.tokens.reference(case.number)}"
    assert desk.one(mail("b", subject=subject, headers="Auto-Submitted: auto-replied")).case != case.number
    assert desk.one(mail("c", subject=subject)).case == case.number


def test_the_address_that_leads_to_a_case_takes_no_part_in_it() -> None:
    desk = Desk()
    ours = "support+1001.1.00000000000000000000000000000000@desk.example"
    desk.one(mail("a", to=ours))
    assert desk.one(mail("b", sender=ours, answers="<a@x>")).outcome == "opened"


# ---- no work without end


def test_of_100000_recipients_only_so_many_take_part() -> None:
    desk = Desk()
    to = "\n".join("To: " + ", ".join(f"p{n}.{m}@y.example" for m in range(1_000)) for n in range(100))
    became = desk.one(mail("a", headers=to))
    assert became.outcome == "opened"
    assert len(desk.memory.tables.participants) <= MAX_COPIED + 1
    assert "too many addresses in to" in settled(desk)[0]


def test_a_case_has_only_so_many_participants() -> None:
    desk = Desk()
    for n in range(MAX_PARTICIPANTS // 90 + 2):
        people = ", ".join(f"p{n}.{m}@y.example" for m in range(90))
        desk.one(mail(f"m{n}", cc=people, answers="<m0@x>" if n else ""))
    assert len(desk.memory.tables.participants) == MAX_PARTICIPANTS
    assert desk.one(mail("z", answers="<m0@x>")).outcome == "appended"


def test_an_id_that_very_many_mails_bear_leads_to_the_oldest_alone() -> None:
    desk = Desk()
    first = desk.one(mail("a"))
    spam = [
        mail("a", sender=f"s{n}@y{n}.example", dated=START + timedelta(seconds=n + 1), text=f"It {'very ' * n} burns.")
        for n in range(200)
    ]
    assert len(spam) > MAX_LINKS
    assert {became.outcome for became in desk.receive(*spam)} == {"opened"}
    late = desk.one(mail("late", sender="s199@y199.example", answers="<a@x>"))
    assert late.outcome == "opened"
    assert desk.one(mail("b", answers="<a@x>")).case == first.case


def test_500_mails_of_1000_references_are_one_batch_in_time() -> None:
    desk = Desk()
    references = [f"<{n}@y>" for n in range(1_000)]
    texts = [f"It {'very ' * n} burns." for n in range(500)]
    batch = [mail(f"m{n}", sender=f"s{n}@y{n}.example", references=references, text=t) for n, t in enumerate(texts)]
    assert {became.outcome for became in desk.receive(*batch)} == {"opened"}
    assert len(desk.memory.tables.links) <= 500 * 25


def test_the_broken_mails_of_a_few_stop_no_partition() -> None:
    desk = Desk()
    small = [raw for raw, _ in BROKEN.values() if len(raw) < 100_000]
    for raw in small:
        desk.one(raw)
    assert desk.one(mail("honest", sender=RUI, dated=START + timedelta(hours=1))).outcome == "opened"
    assert all(row.stopped_reason is None for row in desk.memory.tables.ledger.values())
