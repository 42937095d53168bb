"""A strict reader of mail: says every way in which bytes are not what RFC 5322, 2045 to 2047, 3834 and 8058 ask for.

Two judges, so that neither one's blind spot is ours: rules written from those documents, and the standard library's
parser, told to raise each defect it would forgive.
"""

import base64
import binascii
import email
import email.errors
import email.policy
import re
from collections.abc import Iterator
from datetime import datetime
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

MAX_LINE = 998
MAX_HEADER_LINE = 78
MAX_BODY_LINE = 76
MAX_ENCODED_WORD = 75

ONCE = {"date", "from", "to", "subject", "message-id", "reply-to", "in-reply-to", "references", "mime-version",
        "auto-submitted", "content-type", "content-transfer-encoding", "list-unsubscribe",
        "list-unsubscribe-post"}  # fmt: skip
NEEDED = {"date", "from", "to", "subject", "message-id", "mime-version", "content-type"}

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_ATOM = rf"{_ATEXT}(?:\.{_ATEXT})*"
_QUOTED = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"'
_WORD = r"=\?[A-Za-z0-9-]+\?[bqBQ]\?[!->@-~]*\?="
_ADDR_SPEC = rf"(?:{_DOT_ATOM}|{_QUOTED})@(?:{_DOT_ATOM}|\[[!-Z^-~]*\])"
_MAILBOX = re.compile(rf"(?:{_ADDR_SPEC}|(?:(?:{_ATEXT}|{_QUOTED}|{_WORD}) )*<{_ADDR_SPEC}>)")
_MSG_ID = re.compile(rf"<(?:{_DOT_ATOM}|{_QUOTED})@(?:{_DOT_ATOM}|\[[!-Z^-~]*\])>")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d:\d\d [+-]\d{4}"
)
_NAME = re.compile(rb"[!-9;-~]+")


def faults(raw: bytes, *, utf8: bool = False) -> list[str]:
    """Everything that is wrong with a mail as it goes over the wire; `utf8` allows what RFC 6532 does."""
    return [*_lines(raw, utf8=utf8), *_head(raw, utf8=utf8), *_parts(raw), *_forgiven(raw, utf8=utf8)]


def _lines(raw: bytes, *, utf8: bool) -> Iterator[str]:
    if not raw.endswith(b"\r\n"):
        yield "the last line has no end"
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        yield "a bare CR or LF"
    if b"\0" in raw:
        yield "a NUL"
    for line in raw.split(b"\r\n"):
        if len(line) > MAX_LINE:
            yield f"a line of {len(line)} octets"
    if not utf8 and not raw.isascii():
        yield "octets beyond ASCII, which need 8BITMIME"


def _fields(raw: bytes) -> list[tuple[str, str]]:
    head = raw.partition(b"\r\n\r\n")[0]
    found: list[tuple[str, str]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in {b" ", b"\t"}:
            name, value = found.pop()
            found.append((name, value + line.decode()))
        else:
            name_, colon, value_ = line.partition(b":")
            assert colon, f"{line!r} is no field"
            assert _NAME.fullmatch(name_), f"{name_!r} is no name of a field"
            found.append((name_.decode().lower(), value_.decode().removeprefix(" ")))
    return found


def _head(raw: bytes, *, utf8: bool) -> Iterator[str]:
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if not line.strip():
            yield "a line of blanks only among the headers"
        if len(line) > MAX_HEADER_LINE and b" " in line.strip().partition(b": ")[2]:
            yield f"a header line of {len(line)} octets that could have been folded: {line[:60]!r}"
    fields = _fields(raw)
    names = [name for name, _ in fields]
    yield from (f"{name} stands there {names.count(name)} times" for name in ONCE if names.count(name) > 1)
    yield from (f"{name} is missing" for name in NEEDED - set(names))
    for name, value in fields:
        yield from (f"{name}: {fault}" for fault in _field(name, value, utf8=utf8))


def _field(name: str, value: str, *, utf8: bool) -> Iterator[str]:  # noqa: C901, PLR0912  # an arm a kind of field
    value = re.sub(r"[ \t]+", " ", value) if name != "subject" else value
    if not value.strip():
        yield "empty"
    for word in re.findall(r"=\?\S*", value) if name != "dkim-signature" else ():
        if not re.fullmatch(_WORD, word) or len(word) > MAX_ENCODED_WORD:
            yield f"{word!r} is no encoded word"
        else:
            [(part, charset)] = decode_header(word)
            try:
                assert isinstance(part, bytes)
                part.decode(charset or "ascii")  # RFC 2047, 5: each word holds whole characters
            except (UnicodeDecodeError, LookupError):
                yield f"{word!r} does not decode"
    if name in {"from", "to", "reply-to"} and not utf8 and not _MAILBOX.fullmatch(value):
        yield f"{value!r} is no mailbox"
    if name == "message-id" and not _MSG_ID.fullmatch(value):
        yield f"{value!r} is no Message-ID"
    if name in {"in-reply-to", "references"} and not all(_MSG_ID.fullmatch(one) for one in value.split(" ")):
        yield f"{value!r} are no Message-IDs"
    if name == "date":
        if not _DATE.fullmatch(value):
            yield f"{value!r} is no date"
        elif parsedate_to_datetime(value).strftime("%a") != value[:3]:
            yield f"{value!r} is another day of the week"
        else:
            assert isinstance(parsedate_to_datetime(value), datetime)
    if name == "mime-version" and value != "1.0":
        yield value
    if name == "auto-submitted" and not re.fullmatch(r"no|auto-generated|auto-replied|auto-notified", value):
        yield f"{value!r} is not of RFC 3834"
    if name == "list-unsubscribe-post" and value != "List-Unsubscribe=One-Click":
        yield f"{value!r} is not of RFC 8058"
    if name == "list-unsubscribe" and not re.search(r"<https://[^>\s]+>", value):
        yield "no https address (RFC 8058, 3.1)"


def _parts(raw: bytes) -> Iterator[str]:
    head, _, body = raw.partition(b"\r\n\r\n")
    content_type = dict(_fields(head + b"\r\n\r\n")).get("content-type", "")
    boundary = re.search(r'boundary="([^"]{1,70})"', content_type)
    if not content_type.startswith("multipart/"):
        yield from _leaf(head, body)
        return
    if boundary is None:
        yield "multipart without a boundary in quotes"
        return
    mark = b"--" + boundary[1].encode()
    preamble, *parts = re.split(rb"(?:\A|\r\n)" + re.escape(mark), body)
    if preamble.strip():
        yield "a preamble"
    if not parts or parts[-1] not in {b"--", b"--\r\n"}:
        yield "no closing boundary"
    if len(parts) < 3:
        yield "an alternative of one"
    for part in parts[:-1]:
        inner, _, text = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        yield from _leaf(inner, text)


def _leaf(head: bytes, body: bytes) -> Iterator[str]:
    fields = dict(_fields(head + b"\r\n\r\n"))
    kind = re.fullmatch(r"text/(plain|html); charset=(us-ascii|utf-8)", fields.get("content-type", ""))
    if kind is None:
        yield f"content-type {fields.get('content-type')!r}"
        return
    encoding = fields.get("content-transfer-encoding")
    try:
        text = _decoded(body, encoding or "")
    except (ValueError, binascii.Error) as error:
        yield f"{encoding}: {error}"
        return
    try:
        decoded = text.decode("ascii" if kind[2] == "us-ascii" else "utf-8")
    except UnicodeDecodeError:
        yield f"not {kind[2]}"
        return
    if re.search(r"(?<!\r)\n|\r(?!\n)", decoded):
        yield "line ends of the text are not CRLF (RFC 2046, 4.1.1)"


def _decoded(body: bytes, encoding: str) -> bytes:
    longest = max(map(len, body.split(b"\r\n")))
    match encoding:
        case "7bit":
            if not body.isascii():
                raise ValueError("octets beyond ASCII")
            return body
        case "quoted-printable":
            if longest > MAX_BODY_LINE:
                raise ValueError(f"a line of {longest}")
            if re.search(rb"[ \t]\r\n|[ \t]\Z", body):
                raise ValueError("a blank at the end of a line (RFC 2045, 6.7, 3)")
            if re.search(rb"=(?![0-9A-F]{2}|\r\n)", body) or re.search(rb"[^\t\r\n -~]", body):
                raise ValueError("an octet that must be encoded")
            return binascii.a2b_qp(body)
        case "base64":
            if longest > MAX_BODY_LINE:
                raise ValueError(f"a line of {longest}")
            return base64.b64decode(body.replace(b"\r\n", b""), validate=True)
    raise ValueError("no transfer encoding of a text")


def _forgiven(raw: bytes, *, utf8: bool) -> Iterator[str]:
    """What the standard library's parser would forgive."""
    try:
        message = email.message_from_bytes(raw, policy=email.policy.SMTP.clone(raise_on_defect=True))
        assert isinstance(message, EmailMessage)
        for part in message.walk():
            for name, value in part.items():
                yield from (f"{name}: {defect}" for defect in value.defects if not utf8)
            if not part.is_multipart():
                part.get_content()
    except (email.errors.MessageDefect, email.errors.MessageError, LookupError, ValueError) as error:
        yield f"the standard library: {error!r}"
