"""What a mail is beside its text: protected by a key, or about a meeting."""

from datetime import UTC, datetime

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Email, Invitation

CALENDAR = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
    "UID:77@acme.example\r\nSUMMARY:Look at the printer\\, \r\n together\r\nDESCRIPTION:First floor\\nleft\r\n"
    "DTSTART;TZID=Europe/Berlin:20260302T100000\r\nORGANIZER;CN=Rui:mailto:rui@acme.example\r\n"
    "ATTENDEE;PARTSTAT=ACCEPTED;CN=Ana:mailto:ana@acme.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
MEETING = Invitation(
    method="request",
    uid="77@acme.example",
    summary="Look at the printer, together",
    starts_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
    organizer="rui@acme.example",
    answer=None,
)


def parse(kind: str, body: str) -> Email:
    return parse_email(f"Content-Type: {kind}\r\n\r\n{body}".encode())


@pytest.mark.parametrize(
    ("kind", "body", "protection"),
    [
        ("multipart/signed; boundary=b", "--b\r\n\r\nhi\r\n--b\r\nContent-Type: a/signature\r\n\r\nx", "signed"),
        ("multipart/encrypted; boundary=b", "--b\r\nContent-Type: a/b\r\n\r\nVersion: 1\r\n--b--", "encrypted"),
        ("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "x", "encrypted"),
        ("application/x-pkcs7-mime; smime-type=signed-data; name=smime.p7m", "x", "signed"),
        ("application/pkcs7-mime; name=smime.p7m", "x", "encrypted"),
        ("text/plain", "-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----", "encrypted"),
        ("text/plain", "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\n\ny", "signed"),
        ("text/plain", "They sent -----BEGIN PGP MESSAGE----- to me", None),
        ("text/plain", "hi", None),
    ],
)  # fmt: skip
def test_protection_is_recognised_and_not_opened(kind: str, body: str, protection: str | None) -> None:
    assert parse(kind, body).protection == protection


def test_of_a_signed_text_the_reply_is_what_was_written() -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nIt works now.\n- -- \nAna\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
    )
    assert parse("text/plain", text).reply == "It works now."


def test_an_invitation_says_what_when_and_by_whom() -> None:
    assert parse("text/calendar; method=REQUEST", CALENDAR).invitation == MEETING
    parts = f"--b\r\n\r\nplease come\r\n--b\r\nContent-Type: text/calendar\r\n\r\n{CALENDAR}\r\n--b--"
    parsed = parse("multipart/alternative; boundary=b", parts)
    assert parsed.invitation == MEETING
    assert parsed.text == "please come"


def test_without_a_text_of_its_own_the_invitation_is_the_text() -> None:
    assert parse("text/calendar", CALENDAR).text == "Look at the printer, together\n\nFirst floor\nleft"


def test_an_answer_says_which() -> None:
    answer = parse("text/calendar; method=reply", CALENDAR).invitation
    assert answer is not None
    assert (answer.method, answer.answer) == ("reply", "accepted")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("DTSTART:20260302T090000Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("DTSTART;VALUE=DATE:20260302", None),
        ("DTSTART;TZID=W. Europe Standard Time:20260302T100000", None),
        ("DTSTART;TZID=../../etc/passwd:20260302T100000", None),
        ("DTSTART:20269902T100000Z", None),
    ],
)
def test_a_start_that_is_no_instant_is_left_out(start: str, expected: datetime | None) -> None:
    found = parse("text/calendar", CALENDAR.replace("DTSTART;TZID=Europe/Berlin:20260302T100000", start)).invitation
    assert found is not None
    assert found.starts_at == expected


@pytest.mark.parametrize(
    "body", ["", "BEGIN:VCALENDAR\r\nEND:VCALENDAR", "BEGIN:VEVENT", "x" * 100_000, ";=:" * 100_000]
)
def test_a_calendar_without_an_event_is_no_invitation(body: str) -> None:
    found = parse("text/calendar", body).invitation
    assert found is None or found.summary == ""
