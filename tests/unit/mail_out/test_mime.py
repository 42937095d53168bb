"""Mails as bytes: a golden set that a strict reader takes, and what people read in them."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mime_lint import faults

from pipeline.dispatch.mail.headers import NoAddressError, wire_address
from pipeline.dispatch.mail.mime import Letter, build

PLAIN = Letter(
    sender="support@desk.example", sender_name="Contoso", recipient="ana@acme.example", subject="Re: Printer",
    message_id="<a1.1001.1.0123456789abcdef0123456789abcdef@cases.desk.example>",
    at=datetime(2026, 3, 2, 10, 0, tzinfo=ZoneInfo("Europe/Berlin")), text="Turn it on.\n",
    headers={"Auto-Submitted": "no", "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"},
)  # fmt: skip

GOLDEN = {
    "plain": PLAIN,
    "answer": replace(PLAIN, in_reply_to="<m1@acme.example>", references=("<m0@acme.example>", "<m1@acme.example>")),
    "long thread": replace(PLAIN, references=tuple(f"<{'x' * 60}{number}@acme.example>" for number in range(12))),
    "umlauts": replace(PLAIN, subject="[#1001-abcdefgh] Re: Störung im Büro, dringend", text="Grüße\nJörg\n"),
    "greek": replace(PLAIN, subject="Ερώτηση " * 20, text="Καλημέρα σας, πώς μπορώ να βοηθήσω;\n" * 9),  # noqa: RUF001  # Greek
    "emoji": replace(PLAIN, subject="🙂" * 60, text="🙂" * 300),
    "name": replace(PLAIN, sender_name="Müller, Jörg (Contoso)"),
    "ascii name with comma": replace(PLAIN, sender_name='Rui "R" Costa, Contoso'),
    "long lines": replace(PLAIN, text=f"{'word ' * 500}\n{'x' * 3000}\n"),
    "blanks at line ends": replace(PLAIN, text="-- \nRui \t\n.\nFrom here\n\n\n"),
    "html": replace(PLAIN, html="<p>Größe: 5 < 6</p>" * 40, language="de"),
    "html that looks like a boundary": replace(PLAIN, text="--=_abc\n--=_abc--\n", html="<p>--=_abc</p>"),
    "line ends of every kind": replace(PLAIN, text="a\rb\r\nc\nd"),
    "empty": replace(PLAIN, text="", subject=""),
    "controls": replace(PLAIN, text="a\0b\x0bc\x7f", subject="a\r\nBcc: eve@evil.example\0"),
    "encoded words of others": replace(PLAIN, subject="=?utf-8?q?hello?= and =?x?="),
    "long word": replace(PLAIN, subject="x" * 700),
    "idn": replace(PLAIN, recipient="ana@bücher.example"),
    "odd local part": replace(PLAIN, recipient="ana maria".replace(" ", "..") + "@acme.example"),
    "reply-to with token": replace(PLAIN, reply_to="support+1001.1.0123456789abcdef0123456789abcdef@desk.example"),
    "bad ids of others": replace(PLAIN, in_reply_to="<no id", references=("<a b@c>", "<ok@acme.example>", "naked")),
}


@pytest.mark.parametrize("letter", GOLDEN.values(), ids=GOLDEN)
def test_a_strict_reader_finds_no_fault(letter: Letter) -> None:
    wanted = [fault for fault in faults(build(letter)) if letter.subject or "subject" not in fault]
    assert wanted == []


def read(letter: Letter) -> EmailMessage:
    message = email.message_from_bytes(build(letter), policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("name", ["umlauts", "greek", "emoji", "encoded words of others", "long word"])
def test_people_read_the_subject_that_was_written(name: str) -> None:
    letter = GOLDEN[name]
    assert read(letter)["Subject"] == letter.subject.strip()


def test_the_reference_stays_legible_without_decoding() -> None:
    assert b"\r\nSubject: [#1001-abcdefgh] Re: =?utf-8?b?" in build(GOLDEN["umlauts"])


@pytest.mark.parametrize("name", ["umlauts", "greek", "emoji", "long lines", "blanks at line ends"])
def test_people_read_the_text_that_was_written(name: str) -> None:
    body = read(GOLDEN[name]).get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").rstrip("\n") == GOLDEN[name].text.rstrip("\n")


def test_nobody_writes_headers_through_a_subject() -> None:
    message = read(GOLDEN["controls"])
    assert message["Bcc"] is None
    assert message["Subject"] == "a Bcc: eve@evil.example"


def test_the_same_letter_is_the_same_bytes() -> None:
    assert build(GOLDEN["html"]) == build(replace(GOLDEN["html"]))


def test_the_date_is_told_in_the_zone_of_the_desk() -> None:
    assert read(PLAIN)["Date"].datetime == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert b"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\n" in build(PLAIN)


def test_an_address_beyond_ascii_is_written_as_it_is_and_a_domain_in_ascii() -> None:
    assert wire_address("ana@bücher.example") == "ana@xn--bcher-kva.example"
    letter = replace(PLAIN, recipient="jörg@bücher.example")
    assert "To: jörg@xn--bcher-kva.example".encode() in build(letter)
    assert faults(build(letter), utf8=True) == []


@pytest.mark.parametrize(
    "address", ["", "ana", "@acme.example", "ana@", "ana@a b", "ana\r\nBcc: x@y@z.example", "ana@-", "a@" + "x" * 300]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(NoAddressError):
        wire_address(address)


@pytest.mark.parametrize(
    ("local", "written"),
    [
        ('"ana"', "ana"),
        ('"ana maria"'.replace(" ", ","), '"ana,maria"'),
        ('"a"b"', '"a\\"b"'),
        (r'"a\"b"', r'"a\"b"'),
        ('"a",eve@evil.example,"b"', r'"a\",eve@evil.example,\"b"'),
        ('"a\\"', r'"a\\"'),
    ],
)
def test_a_quoted_local_part_is_quoted_as_a_whole(local: str, written: str) -> None:
    assert wire_address(f"{local}@acme.example") == f"{written}@acme.example"


@pytest.mark.parametrize(
    "host",
    [
        "[127.0.0.1]",
        "[10.0.0.7]",
        "[IPv6:::1]",
        "[ipv6:fd00::1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1",
        "[169.254.169.254]",
        "127.1",
        "0x7f.0x1",
        "[7f.1]",
    ],
)
def test_no_mail_goes_to_a_private_host_by_its_number(host: str) -> None:
    with pytest.raises(NoAddressError):
        wire_address(f"ana@{host}")
    assert wire_address("ana@[8.8.8.8]") == "ana@[8.8.8.8]"


@given(local=st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=20))
def test_whatever_the_local_part_its_ends_are_where_it_is_quoted(local: str) -> None:
    found = wire_address(f"{local}@acme.example").removesuffix("@acme.example")
    assert re.fullmatch(r'"([^"\\]|\\.)*"|[^"\\@,<>()\[\]:;]+', found)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(subject=TEXT, text=TEXT, name=TEXT, html=st.none() | TEXT)
def test_no_fault_whatever_people_write(subject: str, text: str, name: str, html: str | None) -> None:
    letter = replace(PLAIN, subject=f"Re: {subject}", text=text, sender_name=name, html=html)
    assert faults(build(letter)) == []
