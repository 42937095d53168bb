"""A mail as its bytes say it: headers, readable text, attachments, and what is automatic or broken about it."""

import html as html_entities
import re
from collections.abc import Collection
from datetime import datetime
from itertools import islice
from urllib.parse import unquote

from pipeline.parse.addresses import MAX_ADDRESSES, read_addresses, read_speaker, read_unanswerable
from pipeline.parse.attachment import attached, unpacked
from pipeline.parse.automatic import classify
from pipeline.parse.body import Body, Section, read_body
from pipeline.parse.bounce import read_bounce
from pipeline.parse.charset import decode
from pipeline.parse.content import decoded
from pipeline.parse.dates import read_date
from pipeline.parse.forwarded import read_forwarded
from pipeline.parse.headers import MAX_DETECTIONS, MAX_VALUE, Headers, read_headers
from pipeline.parse.html import declared_charset, html_to_text
from pipeline.parse.ids import read_case_references, read_ids, read_message_id
from pipeline.parse.invitation import read_invitation
from pipeline.parse.message import Address, Attachment, Email, Invitation
from pipeline.parse.mime import Part, read_parts
from pipeline.parse.own_list import came_by, without_list, writer
from pipeline.parse.protection import read_protection
from pipeline.parse.reply import split_reply
from pipeline.parse.sanitise import is_heavy, sanitise
from pipeline.parse.tnef import is_tnef, read_tnef

MAX_TEXT = 1_048_576  # bytes of all text parts of a mail together; the raw mail keeps the rest
MAX_SUBJECT = 2_000
MAX_DEFECTS = 50
MAX_DATES = 5

_CID = re.compile(r"cid:([^\s\"'<>)]{1,250})", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]{0,200}>")


def parse_email(
    raw: bytes,
    *,
    our_domain: str | None = None,
    our_lists: Collection[str] = (),
    ours: Collection[str] = (),
    with_html: bool = True,
    with_reply: bool = True,
) -> Email:
    """The mail that these bytes are. Never raises; what had to be repaired stands in `defects`.

    `our_domain` is the host of Message-IDs that we write ourselves. What came by one of `our_lists` is judged without
    the list's headers, and its `from_` is who wrote it, which is none of `ours`. Without `with_html` the sanitised
    HTML is left out, without `with_reply` the separation of reply, quote and signature: each costs as much as all
    else, and intake needs neither. The text is the same.
    """
    defects: list[str] = []
    raw, start = _beginning(raw, defects)
    headers, body_start = read_headers(raw, start, len(raw), defects)
    whole = read_parts(raw, headers, body_start, defects)
    if not headers.are_plain:
        headers.assume(next(filter(None, (part.parameters.get("charset", "") for part in whole.walk())), ""))
    body = read_body(whole)
    sources = _Sources(raw, defects)
    text = "\n".join(filter(None, (sources.text(section) for section in body.sections)))[:MAX_TEXT]
    attachments, text = _attachments(raw, body, sources, text, defects)
    invitation, description = _invitation(raw, whole)
    if invitation and not text.strip():
        text = "\n\n".join(filter(None, (invitation.summary, description)))
    message_id = read_message_id(headers.raw("message-id"), defects)
    subject = _subject(headers, defects)
    from_, sender = _speakers(headers, defects)
    via = None
    if came_by(headers, our_lists):
        wrote = writer(headers, from_, {*our_lists, *ours})
        via = from_.address.lower() if from_ is not None and wrote is not from_ else None
        from_, headers = wrote, without_list(headers)
    in_reply_to, references = read_ids(headers.raw("in-reply-to")), _references(headers, defects)
    to, cc = _people(headers, "to", defects), _people(headers, "cc", defects)
    auto = classify(headers, whole, (from_ and from_.address) or headers.raw("from"), message_id, our_domain)
    reply, quoted, signature = split_reply(text) if with_reply else ("", "", "")
    return Email(
        message_id=message_id,
        subject=subject,
        from_=from_,
        sender=sender,
        reply_to=_people(headers, "reply-to", defects),
        to=to,
        cc=cc,
        date=_date(headers, defects),
        in_reply_to=in_reply_to,
        references=references,
        text=text,
        html=sources.html(body) if with_html else None,
        reply=reply,
        quoted=quoted,
        signature=signature,
        attachments=attachments,
        auto=auto,
        bounce=read_bounce(raw, whole, headers, text) if auto == "bounce" else None,
        references_case=read_case_references(
            subject, (*in_reply_to, *references), tuple(a.address for a in (*to, *cc)), our_domain
        ),
        defects=tuple(dict.fromkeys(defects))[:MAX_DEFECTS],
        forwarded=None if auto == "bounce" else read_forwarded(raw, whole, subject, text),
        protection=read_protection(whole, text),
        invitation=invitation,
        via=via,
    )


def read_author(raw: bytes) -> str | None:
    """The address that `parse_email` finds in From, by the same reading; None when the speaker is unknown."""
    defects: list[str] = []
    raw, start = _beginning(raw, defects)
    headers, _ = read_headers(raw, start, len(raw), defects)
    return Email(from_=_speakers(headers, defects)[0]).author


def _beginning(raw: bytes, defects: list[str]) -> tuple[bytes, int]:
    """The bytes, with line breaks we can count on, and where the headers start."""
    if b"\0" in raw:
        defects.append("NUL bytes")
    if b"\r" in raw and b"\n" not in raw:
        defects.append("bare CR as line break")
        raw = raw.replace(b"\r", b"\n")
    start = len(raw) - len(raw.lstrip(b"\r\n")) if raw[:1] in (b"\r", b"\n") else 0
    if raw.startswith(b"\xef\xbb\xbf", start):
        start += 3
    return raw, start


class _Sources:
    """The body's parts, each decoded once."""

    def __init__(self, raw: bytes, defects: list[str]) -> None:
        self._raw = raw
        self._defects = defects
        self._decoded: dict[int, str] = {}
        self._as_text: dict[int, str] = {}
        self._shown: frozenset[str] | None = None
        self._left = MAX_TEXT
        self._detections = 0

    def text(self, section: Section) -> str:
        """The section as plain text: its plain parts unless they are blank, else its HTML."""
        plain = [self._of(part) for part in section.plain]
        if any(text.strip() for text in plain) or not section.html:
            return "\n".join(plain)
        return "\n".join(map(self._html_text, section.html))

    def html(self, body: Body) -> str | None:
        """The body as sanitised HTML; None when no HTML part holds text, or it is too heavy to clean."""
        if not any(self._html_text(part).strip() for section in body.sections for part in section.html):
            return None
        pieces: list[str] = []
        for section in body.sections:
            if section.html:
                pieces += [self._of(part) for part in section.html]
            else:
                pieces += [f"<pre>{html_entities.escape(self._of(part))}</pre>" for part in section.plain]
        source = "\n".join(pieces)
        if is_heavy(source):
            self._defects.append("html too heavy")
            return None
        return sanitise(source)

    def shown_ids(self, body: Body) -> frozenset[str]:
        """The Content-IDs that the HTML shows as images, without `<>` (RFC 2392)."""
        if self._shown is None:
            sources = (self._of(part) for section in body.sections for part in section.html)
            self._shown = frozenset(unquote(found) for source in sources for found in _CID.findall(source))
        return self._shown

    def _html_text(self, part: Part) -> str:
        if (known := self._as_text.get(part.start)) is None:
            known = self._as_text[part.start] = html_to_text(self._of(part))
        return known

    def _of(self, part: Part) -> str:
        known = self._decoded.get(part.start)
        if known is None:
            known = self._decoded[part.start] = self._read(part)
        return known

    def _read(self, part: Part) -> str:
        data = decoded(self._raw, part, self._defects)
        if len(data) > self._left:
            self._defects.append("text too long")
            data = data[: self._left]
        self._left -= len(data)
        charset = part.parameters.get("charset", "")
        if not charset and part.content_type == "text/html":
            charset = declared_charset(data)
        text, sure = decode(data, charset, detect=self._detections < MAX_DETECTIONS)
        if not sure:
            self._detections += 1
            self._defects.append("charset unknown or wrong")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if part.content_type in {"text/enriched", "text/richtext"}:
            text = _MARKUP.sub("", text)
        return text


def _subject(headers: Headers, defects: list[str]) -> str:
    if "subject" not in headers:
        return ""
    subject = headers.text("subject")
    if len(subject) > MAX_SUBJECT:
        defects.append("Subject too long")
    return subject[:MAX_SUBJECT]


def _speakers(headers: Headers, defects: list[str]) -> tuple[Address | None, Address | None]:
    """From and Sender. Two Froms that differ name nobody; of several authors the Sender is the one who speaks."""
    found = [read_speaker(value) for value in headers.all("from")]
    sender = read_speaker(headers.raw("sender"))[0]
    if len(found) > 1:
        defects.append("From more than once")
        if len({speaker.address.lower() if speaker else "" for speaker, _ in found}) > 1:
            return None, sender
    if not found:
        defects.append("no From")
        return None, sender
    speaker, why = found[0]
    if speaker is None:
        defects.append(f"From unusable: {why}")
        if why == "several addresses" and sender is not None:
            authors = {author.address.lower(): author for author in read_addresses(headers.raw("from"))}
            speaker = authors.get(sender.address.lower())
        elif why == "no usable address":
            speaker = read_unanswerable(headers.raw("from"))
    return speaker, sender


def _people(headers: Headers, name: str, defects: list[str]) -> tuple[Address, ...]:
    """The mailboxes of every header of that name."""
    values = headers.all(name)
    if not values:
        return ()
    if len(values) == 1:
        people = read_addresses(values[0])
    else:
        found = (person for value in values for person in read_addresses(value))
        people = tuple(islice(found, MAX_ADDRESSES + 1))
    if len(people) > MAX_ADDRESSES:
        defects.append(f"too many addresses in {name}")
        people = people[:MAX_ADDRESSES]
    if (
        not any(person.address for person in people)
        and any(value.strip(" ,;") for value in values)
        and not any(":" in value for value in values)
    ):
        defects.append(f"{name} unreadable")
    return people


def _references(headers: Headers, defects: list[str]) -> tuple[str, ...]:
    value = headers.raw("references")
    if len(value) > MAX_VALUE:
        defects.append("references too long")
    return read_ids(value)


def _date(headers: Headers, defects: list[str]) -> datetime | None:
    values = headers.all("date")
    date = next(filter(None, map(read_date, values[:MAX_DATES])), None)
    if date is None:
        defects.append("Date unreadable or impossible" if any(values) else "no Date")
    elif len(values) > 1:
        defects.append("Date more than once")
    return date


def _attachments(
    raw: bytes, body: Body, sources: _Sources, text: str, defects: list[str]
) -> tuple[tuple[Attachment, ...], str]:
    """What is attached, that in a winmail.dat as if it were attached itself; its text too when the mail has none."""
    attachments: list[Attachment] = []
    for part in body.attachments:
        data = decoded(raw, part)
        tnef = read_tnef(data) if is_tnef(part) else None
        if tnef is None:
            attachments.append(attached(part, data, lambda: sources.shown_ids(body)))
            continue
        defects.append("winmail.dat unpacked" if tnef.is_whole else "winmail.dat unpacked as far as it goes")
        inner = tnef.text or html_to_text(tnef.html[:MAX_TEXT])
        text = text if text.strip() else inner[:MAX_TEXT]
        attachments += map(unpacked, tnef.files)
        if not tnef.is_whole or not (tnef.files or inner):
            attachments.append(attached(part, data, lambda: sources.shown_ids(body)))
    return tuple(attachments), text


def _invitation(raw: bytes, whole: Part) -> tuple[Invitation | None, str]:
    """The meeting in the first calendar of the mail, with its description."""
    if not whole.children and whole.content_type != "text/calendar":
        return None, ""
    for part in whole.walk():
        if part.content_type == "text/calendar":
            parameters = part.parameters
            return read_invitation(decoded(raw, part), parameters.get("charset", ""), parameters.get("method", ""))
    return None, ""
