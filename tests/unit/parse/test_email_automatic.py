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


def test_a_report_whose_original_is_cut_off_is_still_a_bounce() -> None:
    parsed = parse_email(DSN[: DSN.index("--b\nContent-Type: message/rfc822")].encode())
    assert parsed.bounce == Bounce("ana@acme.example", "5.1.1", "failed", None)
