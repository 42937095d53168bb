"""How mail programs answer: their headers and quotes, as their users' mails show them."""

import email.policy
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import parseaddr

Client = Callable[[EmailMessage, str, str], bytes]
"""Answers a mail with a text, under a Message-ID of its own."""


def _answer(to: EmailMessage, own: str, *, prefix: str, references: bool = True) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP.clone(max_line_length=990))
    message["From"] = f"Customer <{parseaddr(str(to['To']))[1]}>"
    message["To"] = str(to["Reply-To"] or to["From"])
    message["Subject"] = f"{prefix} {to['Subject']}"
    message["Date"] = "Tue, 03 Mar 2026 09:30:00 +0100"
    message["Message-ID"] = own
    if references:
        message["In-Reply-To"] = str(to["Message-ID"])
        message["References"] = " ".join(f"{to['References'] or ''} {to['Message-ID']}".split())
    return message


def _plain(to: EmailMessage) -> str:
    body = to.get_body(("plain",))
    assert body is not None
    found: str = body.get_content()
    return found.replace("\r\n", "\n")


def _html(to: EmailMessage) -> str:
    body = to.get_body(("html", "plain"))
    assert body is not None
    inner = re.search(r"<body>(.*)</body>", body.get_content(), re.DOTALL)
    return inner[1] if inner else f"<pre>{_plain(to)}</pre>"


def outlook(to: EmailMessage, text: str, own: str) -> bytes:
    """Outlook on Windows behind Exchange: a block of headers above what it answers, a Thread-Index."""
    message = _answer(to, own, prefix="AW:")
    message["Thread-Topic"] = str(to["Subject"])
    message["Thread-Index"] = "AQHcp2V0qf0mTzqUeU6yZbXJ8o6oGQ=="
    message["Accept-Language"] = "de-DE, en-US"
    message["Content-Language"] = "de-DE"
    message["X-MS-Has-Attach"] = ""
    head = f"Von: {to['From']}\nGesendet: Montag, 2. März 2026 10:00\nAn: {to['To']}\nBetreff: {to['Subject']}\n"
    message.set_content(f"{text}\n\n{head}\n{_plain(to)}")
    quote = f"<div style='border-top:solid #E1E1E1 1.0pt'><p><b>Von:</b> {to['From']}</p></div>{_html(to)}"
    message.add_alternative(f"<html><body><p class=MsoNormal>{text}</p>{quote}</body></html>", subtype="html")
    return message.as_bytes()


def apple(to: EmailMessage, text: str, own: str) -> bytes:
    """Apple Mail: flowed text, the quote as a cited block."""
    message = _answer(to, own, prefix="Re:")
    message["Mime-Version"] = "1.0 (Mac OS X Mail 16.0 \\(3826.600.51.1.1\\))"
    message["X-Mailer"] = "Apple Mail (2.3826.600.51.1.1)"
    quoted = "\n".join(f"> {line}" for line in _plain(to).splitlines())
    message.set_content(f"{text}\n\n> On 2. Mar 2026, at 10:00, {to['From']} wrote:\n> \n{quoted}\n")
    cited = f'<blockquote type="cite"><div>On 2. Mar 2026, {to["From"]} wrote:</div>{_html(to)}</blockquote>'
    message.add_alternative(f"<html><body>{text}<br>{cited}</body></html>", subtype="html")
    del message["MIME-Version"]
    message["MIME-Version"] = "1.0"
    return message.as_bytes()


def gmail(to: EmailMessage, text: str, own: str) -> bytes:
    """Gmail on the web: an attribution line, the quote in a class of its own."""
    message = _answer(to, own, prefix="Re:")
    quoted = "\n".join(f"> {line}" for line in _plain(to).splitlines())
    message.set_content(f"{text}\n\nOn Mon, Mar 2, 2026 at 10:00 AM {to['From']} wrote:\n\n{quoted}\n")
    quote = f'<div class="gmail_quote"><div class="gmail_attr">On Mon, Mar 2, 2026</div>{_html(to)}</div>'
    message.add_alternative(f'<div dir="ltr">{text}</div><br>{quote}', subtype="html")
    return message.as_bytes()


def old_phone(to: EmailMessage, text: str, own: str) -> bytes:
    """A client that names no message that it answers: only the subject tells."""
    message = _answer(to, own, prefix="RE:", references=False)
    message.set_content(f"{text}\n")
    return message.as_bytes()


CLIENTS: dict[str, Client] = {"outlook": outlook, "apple": apple, "gmail": gmail, "old phone": old_phone}
