"""Who wrote the mail that a forward carries: the sender whom its first inner headers name."""

import re

from pipeline.parse import phrases
from pipeline.parse.addresses import is_usable, read_speaker
from pipeline.parse.content import decoded
from pipeline.parse.headers import read_headers
from pipeline.parse.introduction import field_at, header_block_at, introduction_at, is_rule
from pipeline.parse.message import Address
from pipeline.parse.mime import Part

MAX_LINES = 2_000
MAX_NAME = 200
_MAX_HEADER_LINES = 12
_MAX_OPENING = 65_536

_PREFIX = re.compile(
    rf"\s*(?:\[[^\[\]]{{1,40}}\]\s*){{0,3}}(?:{phrases.FORWARD_PREFIXES})\s?(?:\[\d{{1,3}}\])?[:\uff1a]|.{{0,500}}\(fwd\)\s*$",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"[^\s:]{1,6}(?:\[\d{1,3}\])?\s?[:\uff1a]")
_FORWARDED = re.compile(phrases.FORWARDED, re.IGNORECASE)
_ADDRESS = re.compile(r"""[^\s@<>()\[\]",;:\\*]{1,64}@[^\s@<>()\[\]",;:\\*']{1,255}""")
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)


def read_forwarded(raw: bytes, whole: Part, subject: str, text: str) -> Address | None:
    """The first sender inside a forward, be it attached or in the text; None when the mail forwards nothing.

    A mail is a forward by its subject's prefix, by a rule like "Forwarded message", or when it starts with the headers
    of another. An answer that quotes with such headers is none.
    """
    return _attached(raw, whole) or _in_text(subject, text)


def _attached(raw: bytes, whole: Part) -> Address | None:
    if whole.content_type == "message/rfc822":
        return _speaker_of(raw, whole)
    if whole.content_type not in {"multipart/mixed", "multipart/signed", "multipart/related"}:
        return None
    inner = next((part for part in whole.children if part.content_type == "message/rfc822"), None)
    return _speaker_of(raw, inner) if inner else None


def _speaker_of(raw: bytes, part: Part) -> Address | None:
    data = decoded(raw, part)[:_MAX_OPENING].lstrip(b"\r\n")
    headers, _ = read_headers(data, 0, len(data), [])
    return read_speaker(headers.raw("from"))[0]


def _in_text(subject: str, text: str) -> Address | None:
    is_forward = _PREFIX.match(subject) is not None
    if not is_forward and "-----" not in text and not _may_begin_with_headers(subject, text):
        return None
    lines = text.split("\n", MAX_LINES)
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    for index, line in enumerate(lines):
        if "-" in line[:8] or ":" in line[-4:] or "\uff1a" in line[-3:]:
            if is_rule(line) and (is_forward or _FORWARDED.search(line)):
                return _named_below(lines, index + 1)
            if is_forward and introduction_at(lines, index):
                found = _mailbox(" ".join(lines[index : index + introduction_at(lines, index)]))
                return found and Address("", found.address)  # where the name begins, each language says otherwise
        if (is_forward or (index == first and not _ANSWER.match(subject))) and header_block_at(lines, index):
            return _named_below(lines, index)
    return None


def _may_begin_with_headers(subject: str, text: str) -> bool:
    begin = text[:200].lstrip()
    return field_at(begin.partition("\n")[0]) is not None and not _ANSWER.match(subject)


def _named_below(lines: list[str], index: int) -> Address | None:
    """The mailbox in the first header from there that says who wrote."""
    for place in range(index, min(index + _MAX_HEADER_LINES, len(lines))):
        field = field_at(lines[place])
        if field and field[0] == "who":
            value = field[1] if "@" in field[1] else " ".join([field[1], *lines[place + 1 : place + 2]])
            return _mailbox(value)
    return None


def _mailbox(value: str) -> Address | None:
    """The first address in it with the name before it, in angle or square brackets, bold or plain."""
    value = _MAILTO.sub("", value)
    found = _ADDRESS.search(value)
    if found is None or not is_usable(address := found[0].strip("'.")):
        return None
    name = value[: found.start()].strip(" \t>*_<[(\"'\u00a0")
    return Address(name[:MAX_NAME], address)
