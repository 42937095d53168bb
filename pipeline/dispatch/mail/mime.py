"""Makes the bytes of a mail: the same letter gives the same bytes each time it is sent."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.dispatch.mail.headers import (
    LINE,
    address_header,
    date_header,
    ids_header,
    text_header,
    token_header,
    wire_address,
)
from pipeline.domain.duplicates import digest

_SCRIPT_SHARE = 3
"""When more than one in so many characters is not ASCII, base64 is shorter than quoted-printable."""

_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail before it is bytes; `subject` and texts as people read them, `headers` as they are to stand."""

    sender: str
    sender_name: str
    recipient: str
    subject: str
    message_id: str
    at: datetime
    text: str
    html: str | None = None
    language: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def build(letter: Letter) -> bytes:
    """The mail, every line of it seven bits unless an address of it is not. Raises NoAddressError."""
    head = [
        date_header("Date", letter.at),
        address_header("From", wire_address(letter.sender), letter.sender_name),
        address_header("To", wire_address(letter.recipient)),
        text_header("Subject", letter.subject),
        ids_header("Message-ID", (letter.message_id,)),
    ]
    if letter.reply_to:
        head.append(address_header("Reply-To", wire_address(letter.reply_to)))
    if letter.in_reply_to:
        head.append(ids_header("In-Reply-To", (letter.in_reply_to,)))
    if letter.references:
        head.append(ids_header("References", letter.references))
    head += [token_header(name, value) for name, value in letter.headers.items()]
    if letter.language:
        head.append(token_header("Content-Language", letter.language))
    head.append("MIME-Version: 1.0\r\n")
    plain = _part("plain", letter.text)
    if letter.html is None:
        content = plain
    else:
        boundary = f"=_{digest('boundary', letter.message_id)}"  # no encoding of ours can hold `=_`
        parts = "".join(f"--{boundary}\r\n{part}\r\n" for part in (plain, _part("html", letter.html)))
        content = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n{parts}--{boundary}--\r\n'
    return ("".join(head) + content).encode()


def _part(subtype: str, text: str) -> str:
    lines = _NOT_TEXT.sub("", text).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    whole = lines.replace("\n", "\r\n") + "\r\n"
    charset, encoding, body = _encoded(whole)
    return f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"


def _encoded(text: str) -> tuple[str, str, str]:
    """Charset, transfer encoding, and the text in them."""
    foreign = sum(not sign.isascii() for sign in text)
    if (
        not foreign
        and "=_" not in text
        and all(len(line) <= LINE and line == line.rstrip() for line in text.split("\r\n"))
    ):
        return "us-ascii", "7bit", text
    raw = text.encode("utf-8", "replace")
    if foreign * _SCRIPT_SHARE > len(text):
        whole = base64.b64encode(raw).decode()
        lines = [whole[place : place + 76] for place in range(0, len(whole), 76)]
        return "utf-8", "base64", "\r\n".join(lines) + "\r\n"
    return "utf-8", "quoted-printable", binascii.b2a_qp(raw, istext=True).decode()
