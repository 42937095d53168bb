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


def of_mailbox(mailbox: str, key: str) -> str:
    """The key of a mail in one mailbox, where each keeps its own."""
    return digest("mailbox", mailbox, key)


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


_BANNER = re.compile(
    r"\[?(?:external|extern|externe|esterno|externo)\b|caution\b|warning\b|attention\b|achtung\b|vorsicht\b|attenzione\b|"
    r"atenci[oó]n\b|aten[cç][aã]o\b|this (?:e-?mail|message) (?:originated|came|was sent) from outside|"
    r"diese (?:e-?mail|nachricht) (?:stammt|kommt) von (?:au(?:ß|ss)erhalb|extern)|you don't often get email from",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*(?:_{5,}|-{5,}|={5,}|--)\s*")
_FOOTER = re.compile(
    r"unsubscribe|mailing list|abbestellen|abmelden|d[ée]sabonner|desinscrever|cancelar a subscri|darse de baja|"
    r"disiscriver|cancellarsi|you received this message because you are subscribed|to stop receiving emails from it",
    re.IGNORECASE,
)
_TAG = re.compile(r"^\s*(?:\[[^\[\]\n]{1,60}\]\s*)+")
_BANNER_LINES = 8
_FOOTER_LINES = 25


def same_text(one: str, other: str) -> bool:
    """Whether one text contains the other once white space, banners, list footers and tags no longer count.

    Words are compared, so that a footer or a banner around the same text does not make another mail of it; an empty
    text is contained in any.
    """
    return _contains(one, other) or _contains(_core(one), _core(other))


def _contains(one: str, other: str) -> bool:
    first, second = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    short, long = sorted((" ".join(first), " ".join(second)), key=len)
    return f" {short} " in f" {long} " if short else True


def _core(text: str) -> str:
    """The text without the banners that mail servers put above it and the footers that lists put below."""
    lines = text.split("\n")
    begins = 0
    for number, line in enumerate(lines[:_BANNER_LINES]):
        if _BANNER.match(line.strip(" *>!#|\t\r")):
            begins = number + 1
    ends = len(lines)
    for number in range(len(lines) - 1, max(begins, len(lines) - _FOOTER_LINES) - 1, -1):
        if _RULE.fullmatch(lines[number]) and _FOOTER.search("\n".join(lines[number:ends])):
            ends = number
    core = _TAG.sub("", "\n".join(lines[begins:ends]))
    return core if _WORD.search(core) else text
