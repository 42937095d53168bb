"""The ids that a mail's header names, read in one bounded scan of the raw bytes."""

import re
from dataclasses import dataclass
from hashlib import sha256

HEADER_LIMIT = 65_536
"""Bytes of a mail that are searched; a header that goes on after them is not looked at."""

ID_LIMIT = 998
"""Characters of an id that are kept as they are, the longest line of RFC 5322; of a longer one, its digest is."""

_ID = re.compile(rb"<[^<>]*>")
_SPACE = re.compile(rb"[\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True)
class HeaderIds:
    """The mail's own Message-ID and the oldest id it answers; None for what it does not name."""

    message_id: str | None
    root: str | None

    def conversation(self, fallback: str) -> str:
        """What all mails of one conversation have in common, as far as a single one of them can tell."""
        return self.root or self.message_id or fallback


def header_ids(raw: bytes) -> HeaderIds:
    """The ids in a mail's header; broken mails yield what can be found, never an error."""
    head = b"\n" + raw[:HEADER_LIMIT]
    ends = [end for end in (head.find(b"\n\r\n"), head.find(b"\n\n")) if end >= 0]
    if ends:
        head = head[: min(ends) + 1]
    lower = head.lower()
    return HeaderIds(
        message_id=_first_id(head, lower, b"message-id"),
        root=_first_id(head, lower, b"references") or _first_id(head, lower, b"in-reply-to"),
    )


def _first_id(head: bytes, lower: bytes, name: bytes) -> str | None:
    value = _value(head, lower, name)
    bracketed = _ID.search(value)
    if bracketed:
        found = _SPACE.sub(b"", bracketed[0])
    else:
        words = _SPACE.split(value.strip(b"<> \t\r\n"), maxsplit=1)
        found = words[0] or (words[1] if len(words) > 1 else b"")
    if found in {b"", b"<>"}:
        return None
    if len(found) > ID_LIMIT:
        return f"sha256:{sha256(found).hexdigest()}"
    return found.decode("utf-8", "replace")


def _value(head: bytes, lower: bytes, name: bytes) -> bytes:
    """The unfolded value of the first header of that name; empty when there is none."""
    start = lower.find(b"\n" + name)
    while start >= 0:
        after = start + 1 + len(name)
        colon = lower.find(b":", after, after + 16)
        if colon >= 0 and not lower[after:colon].strip(b" \t"):
            end = lower.find(b"\n", colon)
            while end >= 0 and lower[end + 1 : end + 2] in {b" ", b"\t"}:
                end = lower.find(b"\n", end + 1)
            return head[colon + 1 : end if end >= 0 else None]
        start = lower.find(b"\n" + name, after)
    return b""
