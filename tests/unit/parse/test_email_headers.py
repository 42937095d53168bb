"""Who writes to whom, when, about what: the headers of a mail."""

from datetime import UTC, datetime

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Address, Email


def mail(*headers: str, body: str = "text") -> Email:
    return parse_email("\r\n".join([*headers, "", body]).encode("utf-8"))


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Ana Silva <ana@acme.example>", "Ana Silva", "ana@acme.example"),
        ('"Silva, Ana" <ana@acme.example>', "Silva, Ana", "ana@acme.example"),
        ("Silva, Ana <ana@acme.example>", "Silva, Ana", "ana@acme.example"),
        ("Acme, Inc., Sales <ana@acme.example>", "Acme, Inc., Sales", "ana@acme.example"),
        ("'Ana' <ana@acme.example>", "Ana", "ana@acme.example"),
        ("Ana <mailto:ana@acme.example>", "Ana", "ana@acme.example"),
        ("Ana <<ana@acme.example>>", "Ana", "ana@acme.example"),
        ("Ana <ana@acme.example> <ana@acme.example>", "Ana", "ana@acme.example"),
        ("ana@acme.example (Ana Silva)", "Ana Silva", "ana@acme.example"),
        ("ana@acme.example", "", "ana@acme.example"),
        ("=?utf-8?q?J=C3=BCrgen?= <j@acme.example>", "Jürgen", "j@acme.example"),
        ('"=?utf-8?q?Silva=2C_Ana?=" <ana@acme.example>', "Silva, Ana", "ana@acme.example"),
        ("Jürgen <j@acme.example>", "Jürgen", "j@acme.example"),
        ("=?utf-8?q?Ana_=3Cana=40acme.example=3E?=", "Ana", "ana@acme.example"),
        ("'ana@acme.example'", "", "ana@acme.example"),
        ('"ana silva"@acme.example', "", '"ana silva"@acme.example'),
    ],
)
def test_from_is_read_however_it_is_written(written: str, name: str, address: str) -> None:
    assert mail(f"From: {written}").from_ == Address(name, address)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Support team: ana@acme.example, rui@acme.example;",
        "undisclosed-recipients:;",
        "alice@example.org)bob@",
        "(" * 1000,
        "<>",
        "ana@acme.example, eve@evil.example",
        "Ana <ana@acme.example",
        "ana@@acme.example",
        "Ana <ana@acme.example> <eve@evil.example>",
        "eve@evil.example, Ana <ana@acme.example>",
        '"Ana <ana@acme.example>"',
    ],
)
def test_the_speaker_is_unknown_rather_than_the_wrong_one(written: str) -> None:
    parsed = mail(f"From: {written}")
    assert parsed.from_ is None
    assert parsed.author is None
    assert any(defect.startswith("From unusable") for defect in parsed.defects)


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Ana Silva", "Ana Silva", ""),
        ('"Silva, Ana"', "Silva, Ana", ""),
        ("=?utf-8?q?J=C3=BCrgen?=", "Jürgen", ""),
        ("Cron Daemon <root>", "Cron Daemon", "root"),
    ],
)
def test_a_speaker_without_an_address_is_known_by_name_alone(written: str, name: str, address: str) -> None:
    parsed = mail(f"From: {written}")
    assert parsed.from_ == Address(name, address)
    assert parsed.author is None
    assert "From unusable: no usable address" in parsed.defects


def test_two_froms_that_differ_name_nobody() -> None:
    parsed = mail("From: ana@acme.example", "From: eve@evil.example")
    assert parsed.from_ is None
    assert "From more than once" in parsed.defects


def test_of_several_authors_the_sender_speaks() -> None:
    parsed = mail("From: ana@acme.example, Rui <rui@acme.example>", "Sender: rui@acme.example")
    assert parsed.from_ == Address("Rui", "rui@acme.example")
    assert parsed.sender == Address("", "rui@acme.example")


def test_members_of_a_group_are_recipients() -> None:
    parsed = mail("To: Desk: a@x.example, B <b@x.example>;, c@x.example")
    assert [person.address for person in parsed.to] == ["a@x.example", "b@x.example", "c@x.example"]


@pytest.mark.parametrize(
    "written",
    [
        "Mon, 02 Mar 2026 10:00:00 +0100",
        "2 Mar 2026 09:00:00 GMT",
        "Mon, 2 Mar 2026 04:00:00 EST",
        "2026-03-02T10:00:00+01:00",
        "Mon, 02 Mar 0126 10:00:00 +0100",
        "Mon, 02 Mar 126 10:00:00 +0100",
    ],
)
def test_dates_are_instants_in_utc(written: str) -> None:
    assert mail(f"Date: {written}").date == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("written", ["Fri, 01 Jan 1904 00:00:00 +0000", "1 Jan 2040 00:00:00 +0000", "Mon, 99 Foo"])
def test_an_impossible_date_is_none_with_a_defect(written: str) -> None:
    parsed = mail(f"Date: {written}")
    assert parsed.date is None
    assert "Date unreadable or impossible" in parsed.defects


def test_of_several_dates_the_first_that_can_be_read_counts() -> None:
    parsed = mail("Date: Mon, 2 Mar 2026 at ten", "Date: Mon, 2 Mar 2026 10:00:00 +0100")
    assert parsed.date == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert "Date more than once" in parsed.defects


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Everyone", Address("Everyone", "")),
        ("All of sales", Address("All of sales", "")),
        ("=?iso-8859-2?Q?Namedy=F1ski?= (n@acme.example)", Address("Namedyński", "n@acme.example")),
        ('"Ana <ana@acme.example>"', Address("Ana", "ana@acme.example")),
        ("Ana [ana@acme.example]", Address("Ana", "ana@acme.example")),
        ("n@acme.example (Namedyński)", Address("Namedyński", "n@acme.example")),
    ],
)
def test_a_recipient_is_kept_as_far_as_it_is_named(written: str, expected: Address) -> None:
    assert mail(f"To: {written}").to == (expected,)


def test_an_address_in_a_comment_never_speaks() -> None:
    assert mail("From: Ana (ana@acme.example)").from_ is None


def test_an_absent_date_is_a_defect() -> None:
    assert "no Date" in mail("Subject: s").defects


def test_ids_keep_their_brackets() -> None:
    parsed = mail(
        "Message-ID: <1@a.example>", "In-Reply-To: <0@a.example>", "References: <r@a.example>\r\n <0@a.example>"
    )
    assert parsed.message_id == "<1@a.example>"
    assert parsed.in_reply_to == ("<0@a.example>",)
    assert parsed.references == ("<r@a.example>", "<0@a.example>")


@pytest.mark.parametrize(
    ("header", "defect"),
    [
        ("Message-ID: <[>", "Message-ID without @"),
        ("X-None: 1", "no Message-ID"),
        ("Message-ID:", "no Message-ID"),
        (f"Message-ID: <{'x' * 5000}@a.example>", "Message-ID too long"),
    ],
)
def test_a_broken_message_id_is_a_defect(header: str, defect: str) -> None:
    parsed = mail(header)
    assert defect in parsed.defects
    assert len(parsed.message_id or "") <= 510


def test_long_ids_that_differ_at_the_end_stay_different() -> None:
    one, two = (mail(f"Message-ID: <{'x' * 5000}{n}@a.example>").message_id for n in (1, 2))
    assert one != two


def test_an_encoded_word_that_hides_line_breaks_stays_one_header() -> None:
    parsed = mail("Subject: =?utf-8?q?hello=0D=0ABcc:_eve@evil.example?=")
    assert parsed.subject == "hello Bcc: eve@evil.example"


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("=?utf-8?b?w4Q=?= =?utf-8?b?w5Y=?=", "ÄÖ"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=84?=", "Ä"),
        ("=?iso-8859-1?q?=C4?= and =?utf-8?q?=C3=96?=", "Ä and Ö"),
        ("=?utf-8?q?un finished", "=?utf-8?q?un finished"),
        ("=?x-unknown?q?=C3=84?=", "Ä"),
        ("=?utf-8*en?q?=C3=84?=", "Ä"),
        ("=?iso-2022-jp?b?GyRCLSEbKEI=?=", "①"),
    ],
)
def test_encoded_words_are_decoded_as_far_as_they_go(written: str, subject: str) -> None:
    assert mail(f"Subject: {written}").subject == subject


def test_references_to_cases_are_handed_on_for_the_domain_to_judge() -> None:
    token = f"4711.1.{'a' * 32}"
    parsed = parse_email(
        f"Subject: Re: Printer [#4711-abcdefgh]\r\nTo: support+{token}@cases.example\r\n"
        f"In-Reply-To: <u-1.{token}@cases.example>\r\nReferences: <9.1.{'b' * 32}@other.example>\r\n\r\n".encode(),
        our_domain="cases.example",
    )
    assert parsed.references_case == (
        "[#4711-abcdefgh]",
        f"<u-1.{token}@cases.example>",
        f"<{token}@cases.example>",
    )


def test_a_reference_touched_by_a_letter_is_none() -> None:
    assert mail("Subject: x[#4711-abcdefgh]").references_case == ()
