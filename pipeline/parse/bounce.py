"""What a delivery report says: whom it did not reach, why, and which of our mails it was."""

import re

from pipeline.parse.addresses import read_addresses
from pipeline.parse.charset import decode
from pipeline.parse.content import decoded
from pipeline.parse.headers import Headers, read_headers
from pipeline.parse.ids import read_ids
from pipeline.parse.message import Bounce
from pipeline.parse.mime import Part

MAX_REPORT = 65_536
MAX_RECIPIENTS = 50

_ADDRESS = re.compile(r"[A-Za-z0-9._%+=&'/-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.-])([45]\d\d)[ -]")
_MESSAGE_ID = re.compile(r"^[ \t>]*Message-ID:[ \t\r\n]*(<[^<>\r\n]{1,500}>)", re.IGNORECASE | re.MULTILINE)
_NOT_RECIPIENTS = ("mailer-daemon", "postmaster", "mail-daemon", "mail.delivery", "microsoftexchange")
_NAMED = re.compile(r"^[ \t>]*<([^<>@\s]{1,64}@[^<>@\s]{1,255})>:?", re.MULTILINE)  # qmail, Exim, Postfix
_LATE = re.compile(r"\bdelayed\b|\bverzögert|still trying|\bretard|\bretras", re.IGNORECASE)


def read_bounce(raw: bytes, whole: Part, headers: Headers, text: str) -> Bounce:
    """The report's own fields (RFC 3464), else what its free text and the returned mail tell."""
    recipient = status = action = original = None
    for part in whole.walk():
        if part.content_type in {"message/delivery-status", "message/global-delivery-status"}:
            fields = _fields(decoded(raw, part)[:MAX_REPORT])
            recipient = recipient or fields.get("final-recipient") or fields.get("original-recipient")
            status, action = status or fields.get("status"), action or fields.get("action")
        elif part.content_type in {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global"}:
            original = original or _id_of(decoded(raw, part)[:MAX_REPORT])
    if recipient is None and "x-failed-recipients" in headers:
        recipient = headers.text("x-failed-recipients").partition(",")[0].strip() or None
    text = text[:MAX_REPORT]
    if recipient is None:
        recipient = _recipient_in(text, headers)
    if status is None:
        status = _status_in(text)
    if original is None:
        found = _MESSAGE_ID.search(text)
        original = found[1] if found else _answered(headers)
    return Bounce(recipient, status, action or _action(status, whole, headers), original)


def _recipient_in(text: str, headers: Headers) -> str | None:
    """The first address in the report that is neither a mail system's nor whom the report is for."""
    not_meant = {person.address.lower() for person in read_addresses(headers.raw("to")[:MAX_REPORT])}
    for address in (*_NAMED.findall(text), *_ADDRESS.findall(text)):
        if address.lower() not in not_meant and not address.lower().startswith(_NOT_RECIPIENTS):
            found: str = address
            return found
    return None


def _answered(headers: Headers) -> str | None:
    for name in "in-reply-to", "references":
        if ids := read_ids(headers.raw(name)):
            return ids[-1]
    return None


def _action(status: str | None, whole: Part, headers: Headers) -> str | None:
    """What is not said: a report in free text is one of failure unless it speaks of delay."""
    if (status and status[0] == "4") or _LATE.search(headers.text("subject")):
        return "delayed"
    return "failed" if (status and status[0] == "5") or whole.content_type != "multipart/report" else None


def _fields(data: bytes) -> dict[str, str]:
    """The fields of the first recipient that was not reached; `rfc822; a@b` is `a@b`."""
    groups: list[dict[str, str]] = []
    start = 0
    while start < len(data) and len(groups) < MAX_RECIPIENTS:
        headers, following = read_headers(data, start, len(data), [])
        groups.append({name: _value(headers.text(name)) for name in _FIELDS if name in headers})
        start = max(following, start + 1)
    groups = [group for group in groups if group]
    failed = (group for group in groups if group.get("action") == "failed")
    return next(failed, next((group for group in groups if len(group) > 1), {}))


_FIELDS = ("final-recipient", "original-recipient", "status", "action")


def _value(text: str) -> str:
    value = text.partition(";")[2] if ";" in text else text
    value = value.strip().strip("<>")
    found = _STATUS.match(value)
    return found[1] if found else value.lower() if value.isalpha() else value


def _id_of(data: bytes) -> str | None:
    """The Message-ID of a returned mail, or of its headers alone."""
    start = len(data) - len(data.lstrip(b"\r\n"))
    headers, _ = read_headers(data, start, len(data), [])
    ids = read_ids(headers.raw("message-id"))
    if ids:
        return ids[0]
    found = _MESSAGE_ID.search(decode(data)[0])
    return found[1] if found else None


def _status_in(text: str) -> str | None:
    if found := _STATUS.search(text):
        return found[1]
    code = _CODE.search(text)
    return f"{code[1][0]}.0.0" if code else None
