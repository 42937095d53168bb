"""Which mails a machine sent, and what a bounce reports."""

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Bounce

OURS = "cases.example"
DSN = """From: MAILER-DAEMON@mx.example
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

Your mail did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ana@acme.example
Action: failed
Status: 5.1.1 (no such user)

--b
Content-Type: message/rfc822

Message-ID: <77@cases.example>
Subject: Your case

hello
--b--
"""


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Subject: hello", None),
        ("Auto-Submitted: no", None),
        ("Auto-Submitted: auto-replied", "auto-reply"),
        ("Auto-Submitted: auto-generated (cron)", "auto-generated"),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", "auto-generated"),
        ("X-Auto-Response-Suppress: DR", None),
        ("X-Autoreply: yes", "auto-reply"),
        ("X-Autorespond: out", "auto-reply"),
        ("Precedence: auto_reply", "auto-reply"),
        ("Precedence: bulk", "auto-generated"),
        ("Precedence: list", "list"),
        ("List-Id: <users.example>", "list"),
        ("List-Unsubscribe: <mailto:u@x.example>", "list"),
        ("X-Loop: someone@else.example", "auto-generated"),
        (f"X-Loop: support@{OURS}", "loop"),
        (f"X-Casestream-Loop: {OURS}", "loop"),
        (f"Message-ID: <1@{OURS}>", "loop"),
        (f"Message-ID: <1@not{OURS}>", None),
        ("X-Failed-Recipients: a@b.example", "bounce"),
    ],
)
def test_the_first_kind_that_fits(header: str, kind: str | None) -> None:
    assert parse_email(f"From: ana@acme.example\r\n{header}\r\n\r\nhi".encode(), our_domain=OURS).auto == kind


def test_the_order_of_the_kinds() -> None:
    raw = f"Message-ID: <1@{OURS}>\r\nAuto-Submitted: auto-replied\r\nList-Id: x\r\n\r\n".encode()
    assert parse_email(raw, our_domain=OURS).auto == "loop"
    assert parse_email(raw).auto == "auto-reply"


def test_a_delivery_report_names_whom_why_and_which_mail() -> None:
    parsed = parse_email(DSN.encode())
    assert parsed.auto == "bounce"
    assert parsed.bounce == Bounce("ana@acme.example", "5.1.1", "failed", "<77@cases.example>")


def test_a_bounce_in_free_text_is_read_as_far_as_it_goes() -> None:
    parsed = parse_email(
        b"From: postmaster@mx.example\r\nSubject: Delivery has failed\r\n\r\n"
        b"<ana@acme.example>: 550 5.7.1 refused\r\n\r\nMessage-ID: <77@cases.example>\r\n"
    )
    assert parsed.bounce == Bounce("ana@acme.example", "5.7.1", "failed", "<77@cases.example>")


QMAIL = (
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: support@desk.example\r\nSubject: failure notice\r\n\r\n"
    "Hi. This is the program at mx.example.\r\n\r\n<ana@acme.example>:\r\n"
    "198.51.100.4 does not like recipient.\r\nRemote host said: 550 5.1.1 unknown\r\n\r\n"
    "--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <77@cases.example>\r\n"
)
EXCHANGE = (
    "From: Microsoft Exchange <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@acme.example>\r\n"
    "To: support@desk.example\r\nSubject: Unzustellbar: Ihr Fall\r\nIn-Reply-To: <77@cases.example>\r\n\r\n"
    "support@desk.example schrieb an ana@acme.example\r\n\r\n#550 5.1.10 RESOLVER.ADR.RecipientNotFound##\r\n"
)
EXIM = (
    "From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nX-Failed-Recipients: ana@acme.example\r\n"
    "Auto-Submitted: auto-replied\r\nSubject: Mail delivery failed: returning message to sender\r\n\r\n"
    "  ana@acme.example\r\n    host mx [198.51.100.4]\r\n    SMTP error: 550 5.1.1 no such user\r\n\r\n"
    "------ This is a copy of the message. ------\r\n\r\nMessage-ID: <77@cases.example>\r\n"
)
GMAIL = (
    "Return-Path: <>\r\nFrom: Mail Delivery Subsystem <mailer-daemon@mx.example>\r\nTo: support@desk.example\r\n"
    "Subject: Delivery Status Notification (Failure)\r\nReferences: <76@cases.example> <77@cases.example>\r\n\r\n"
    "Your message wasn't delivered to ana@acme.example because the address couldn't be found.\r\n\r\n"
    "550 5.1.1 The account does not exist.\r\n"
)


@pytest.mark.parametrize("raw", [QMAIL, EXCHANGE, EXIM, GMAIL], ids=["qmail", "Exchange", "Exim", "Gmail"])
def test_the_reports_of_mail_systems_are_read_though_they_are_free_text(raw: str) -> None:
    parsed = parse_email(raw.encode())
    assert parsed.auto == "bounce"
    assert parsed.bounce is not None
    assert parsed.bounce.recipient == "ana@acme.example"
    assert str(parsed.bounce.status).startswith("5.1.1")
    assert (parsed.bounce.action, parsed.bounce.original_message_id) == ("failed", "<77@cases.example>")


def test_a_warning_of_delay_is_no_failure() -> None:
    raw = (
        b"From: Mailer-Daemon@mx.example\r\nSubject: Warning: message 1 delayed 24 hours\r\n\r\n"
        b"To <ana@acme.example>\r\n450 4.2.1 busy\r\n"
    )
    assert parse_email(raw).bounce == Bounce("ana@acme.example", "4.2.1", "delayed", None)


@pytest.mark.parametrize(
    "subject", ["Unzustellbar: Ihr Fall", "Undeliverable: your case", "Non remis : votre dossier", "配信不能: x"]
)
def test_a_report_without_a_return_path_is_known_by_its_subject(subject: str) -> None:
    head = f"From: it@acme.example\r\nSubject: {subject}\r\n"
    assert parse_email(f"Return-Path: <>\r\n{head}\r\nx".encode()).auto == "bounce"
    assert parse_email(f"{head}\r\nx".encode()).auto is None
    absent = f"Return-Path: <>\r\nFrom: it@acme.example\r\nSubject: Absent: {subject}\r\n\r\nx"
    assert parse_email(absent.encode()).auto is None


def test_a_report_of_abuse_is_from_a_machine() -> None:  # RFC 5965
    raw = b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nabuse"
    assert parse_email(raw).auto == "auto-generated"


def test_a_read_receipt_is_an_auto_reply() -> None:
    raw = b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nread"
    assert parse_email(raw).auto == "auto-reply"


def test_a_report_whose_original_is_cut_off_is_still_a_bounce() -> None:
    parsed = parse_email(DSN[: DSN.index("--b\nContent-Type: message/rfc822")].encode())
    assert parsed.bounce == Bounce("ana@acme.example", "5.1.1", "failed", None)
