"""Who wrote the mail that a forward carries: the sender whom its first inner headers name."""

import re

from pipeline.parse import phrases
from pipeline.parse.addresses import is_usable, read_speaker
from pipeline.parse.content import decoded
from pipeline.parse.headers import read_headers
from pipeline.parse.introduction import MAX_RULE, field_at, header_block_at, introduction_at, is_rule
from pipeline.parse.message import Address
from pipeline.parse.mime import Part

MAX_LINES = 2_000
MAX_NAME = 200
_MAX_HEADER_LINES = 12
_MAX_RULES = 200
_MAX_OPENING = 65_536

_PREFIX = re.compile(
    rf"\s*(?:\[[^\[\]]{{1,40}}\]\s*){{0,3}}(?:{phrases.FORWARD_PREFIXES})\s?(?:\[\d{{1,3}}\])?[:\uff1a]",
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
    is_answer = _ANSWER.match(subject) is not None
    if _PREFIX.match(subject) or (not is_answer and subject.endswith("(fwd)")):
        return _in_forward(text.split("\n", MAX_LINES))
    if not is_answer:
        opening = text[:200].lstrip()
        if field_at(opening.partition("\n")[0]):
            lines = text.lstrip().split("\n", _MAX_HEADER_LINES)
            return _named_below(lines, 0) if header_block_at(lines, 0) else None
    return _below_rule(text)


def _in_forward(lines: list[str]) -> Address | None:
    """The sender in a text that is a forward for sure, below the first sign of another mail."""
    for index, line in enumerate(lines):
        if is_rule(line):
            return _named_below(lines, index + 1)
        if header_block_at(lines, index):
            return _named_below(lines, index)
        if count := introduction_at(lines, index):
            found = _mailbox(" ".join(lines[index : index + count]))
            return found and Address("", found.address)  # where the name begins, each language says otherwise
    return None


def _below_rule(text: str) -> Address | None:
    """The sender below a rule that says by itself that what follows is forwarded."""
    position = 0
    for _ in range(_MAX_RULES):
        found = text.find("-----", position)
        if found < 0:
            break
        position = text.find("\n", found)
        position = len(text) if position < 0 else position
        line = text[text.rfind("\n", 0, found) + 1 : position]
        if len(line) <= MAX_RULE and line.strip("-_=*> \t\r") and _FORWARDED.search(line) and is_rule(line):
            return _named_below(text[position + 1 :].split("\n", _MAX_HEADER_LINES + 1), 0)
    return None


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
