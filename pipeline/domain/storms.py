"""Storms: when mails are so alike and so many that they are one matter."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pipeline.domain.duplicates import digest

BURST = timedelta(seconds=60)
MOST_IN_A_BURST = 15
DAY = timedelta(days=1)
MOST_A_DAY = 5
HOUR = timedelta(hours=1)
MOST_NEWCOMERS = 50
"""First-time senders of one text in an hour; more are no people."""

KEPT = 16
MAX_TEXT = 20_000

_DIGITS = re.compile(r"\d+")
_NO_DIGITS = bytes.maketrans(b"0123456789", bytes(10))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail like others: when it came, what it says but for its digits, the case it is on, whether it was folded."""

    at: datetime
    but_digits: str
    case_id: UUID
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """The case that a mail is folded into, and why."""

    case_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what a mail is like others: `text` but for words that hold a digit, `but_digits` but for its digits alone."""

    text: str = ""
    but_digits: str = ""

    def of(self, sender: str) -> str:
        """By what it is like others of its sender."""
        return digest("like", sender, self.text)


def likeness(subject: str, text: str) -> Likeness:
    """What a mail says, however it is spaced and whatever numbers stand in it."""
    whole = but_digits(" ".join(f"{subject}\n{text[:MAX_TEXT]}".casefold().split()))
    return Likeness(digest("text", but_numbers(whole)), digest(whole)[:16])


def but_digits(text: str) -> str:
    """The text with `#` for each row of digits; one that is ASCII is looked through as bytes, at half the time."""
    if not text.isascii() or "\0" in text:
        return _DIGITS.sub("#", text)
    found = text.encode().translate(_NO_DIGITS)
    while b"\0\0" in found:
        found = found.replace(b"\0\0", b"\0")
    return found.replace(b"\0", b"#").decode()


def but_numbers(text: str) -> str:
    """The text, with single spaces between its words, with `#` for each word that holds one."""
    first, *rest = text.split("#")
    if not rest:
        return text
    last = rest.pop()
    between = [part[part.index(" ") : part.rindex(" ") + 1] for part in rest if " " in part]
    begins, ends = first[: first.rfind(" ") + 1], last[last.index(" ") :] if " " in last else ""
    return "#".join([begins, *between, ends])


def fold(arrivals: Sequence[Arrival], at: datetime, but_digits: str, touched: Iterable[datetime]) -> Fold | None:
    """The case that the next like mail of a sender is folded into, if they are too many.

    `arrivals` in their order; `touched` is when people last did something on the cases of these.
    """
    burst = [one for one in arrivals if abs(at - one.at) <= BURST]
    if len(burst) >= MOST_IN_A_BURST:
        return Fold(_one_case(burst), f"more than {MOST_IN_A_BURST} like mails of its sender came within 60 s")
    since = max(touched, default=None)
    same = [one for one in arrivals if one.but_digits == but_digits and abs(at - one.at) <= DAY]
    same = [one for one in same if since is None or one.at > since]
    if len(same) >= MOST_A_DAY:
        reason = f"more than {MOST_A_DAY} mails of its sender within a day differ only in digits"
        return Fold(_one_case(same), reason)
    return None


def kept(arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """As many as tell whether there are too many; the first of those that were folded points to their case."""
    return arrivals[-KEPT:]


def _one_case(arrivals: Sequence[Arrival]) -> UUID:
    return next((one.case_id for one in reversed(arrivals) if one.folded), arrivals[0].case_id)
