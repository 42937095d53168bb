"""Writes the mails of the demonstration, as mail programs do."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from pipeline.demo.texts import AWAY, NEWSLETTER, RETURNED, Person

_PAPER = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"
_ROBOT = "MAILER-DAEMON@mx.harbourprint.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What every mail says about itself; `references` begins with the first mail of the conversation."""

    sender: Person
    to: str
    message_id: str
    at: datetime
    subject: str
    references: tuple[str, ...] = ()


def plain(draft: Draft, text: str) -> bytes:
    """A mail in plain text."""
    mail = _begun(draft)
    mail.set_content(f"{text}\n\n-- \n{draft.sender.name}\n")
    return mail.as_bytes()


def with_paper(draft: Draft, text: str) -> bytes:
    """A mail in text and HTML with a document attached."""
    mail = _begun(draft)
    mail.set_content(text)
    mail.add_alternative(f"<html><body><p>{escape(text)}</p></body></html>", subtype="html")
    mail.add_attachment(_PAPER, maintype="application", subtype="pdf", filename="delivery note.pdf")
    for number, part in enumerate(one for one in mail.walk() if one.is_multipart()):
        part.set_boundary(f"part-{number}-of-{draft.message_id.strip('<>').partition('@')[0]}")
    return mail.as_bytes()


def reply(draft: Draft, text: str, quoted: str) -> bytes:
    """An answer to the last of `references`, over a quote of what was written before."""
    mail = _begun(draft)
    mail.set_content(f"{text}\n\n{draft.sender.name} wrote:\n" + "".join(f"> {line}\n" for line in quoted.splitlines()))
    return mail.as_bytes()


def away(draft: Draft) -> bytes:
    """An out-of-office notice."""
    mail = _begun(draft)
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content(AWAY)
    return mail.as_bytes()


def newsletter(draft: Draft) -> bytes:
    """A letter to many."""
    mail = _begun(draft)
    mail["List-Id"] = "<spring.cedarworks.example>"
    mail["List-Unsubscribe"] = "<https://cedarworks.example/leave>"
    mail.set_content(NEWSLETTER[1])
    return mail.as_bytes()


def bounce(draft: Draft, recipient: str, returned: str) -> bytes:
    """What a mail server says that could not deliver the mail with the id `returned`."""
    boundary = "returned-mail"
    lines = [
        f"From: Mail Delivery System <{_ROBOT}>",
        f"To: {draft.to}",
        f"Subject: {draft.subject}",
        f"Message-ID: {draft.message_id}",
        f"Date: {format_datetime(draft.at)}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        RETURNED,
        f"--{boundary}",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.harbourprint.example",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        "Action: failed",
        "Status: 5.1.1",
        f"--{boundary}",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {returned}",
        f"To: {recipient}",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _begun(draft: Draft) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(draft.sender.name, addr_spec=draft.sender.address)
    mail["To"] = draft.to
    mail["Subject"] = draft.subject
    mail["Message-ID"] = draft.message_id
    mail["Date"] = format_datetime(draft.at)
    if draft.references:
        mail["In-Reply-To"] = draft.references[-1]
        mail["References"] = " ".join(draft.references)
    return mail
