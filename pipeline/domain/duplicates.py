"""Duplicates: when two deliveries are the same message."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

_WORD = re.compile(r"\w+")

FORM_WINDOW_S = 600
"""Two posts of one form with the same content within so many seconds are one."""


def digest(*facts: object) -> str:
    """A key (32 hex digits) over some facts; None and "" differ."""
    joined = "\0".join("\1" if fact is None else str(fact) for fact in facts)
    return hashlib.blake2b(joined.encode("utf-8", "replace"), digest_size=16).hexdigest()


def mail_key(
    *,
    message_id: str | None,
    sender: str,
    date: datetime | None,
    subject: str,
    text: str,
    files: Sequence[str],
    connector_id: str,
) -> str:
    """The key under which a mail is stored once.

    Same Message-ID, From address and Date is the same mail. Without a Message-ID a digest over From, Date, subject
    and text decides; without a Date either, the connector's own id, since two such mails may well differ. Where the
    text holds no word, the digests of its files speak in its stead.
    """
    spoken = () if _WORD.search(text) else files or ("",)
    if message_id:
        return digest("mail", message_id, sender, date and date.isoformat(), *spoken)
    if date:
        return digest("mail-text", sender, date.isoformat(), subject, text, *spoken)
    return digest("mail-delivery", connector_id)


CALL_WINDOW_S = 12 * 3600
"""The same event of the same call id within so many seconds was sent again; later, the id is another call's."""


def window_keys(key: str, received: datetime, window_s: int = FORM_WINDOW_S) -> tuple[str, ...]:
    """The keys of what counts as the same only within a window: its own window's, then those of both beside it.

    It is stored under the first. Two that came within that time share one, so that both claim it and the second finds
    the first; what came in an earlier window keeps its key and hides nothing that comes later.
    """
    window = int(received.timestamp() // window_s)
    return tuple(digest(key, place) for place in (window, window - 1, window + 1))


def within_window(one: datetime, other: datetime, window_s: int = FORM_WINDOW_S) -> bool:
    """Whether two were received so close to each other that the same content is the same message."""
    return abs((one - other).total_seconds()) <= window_s


def same_text(one: str, other: str) -> bool:
    """Whether one text contains the other once white space, banners and list footers no longer count.

    Words are compared, so that a footer or a banner around the same text does not make another mail of it; an empty
    text is contained in any.
    """
    first, second = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    short, long = sorted((" ".join(first), " ".join(second)), key=len)
    return f" {short} " in f" {long} " if short else True
