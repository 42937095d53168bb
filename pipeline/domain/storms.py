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
MAX_TEXT = 4_000

_DIGITS = re.compile(r"\d+")
_TOLD = re.compile(r"\S*\d\S*")


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


def likeness(sender: str, subject: str, text: str) -> tuple[str, str]:
    """By what a mail of a sender is like others: but for words that hold a digit; and but for its digits alone."""
    whole = " ".join(f"{subject}\n{text[:MAX_TEXT]}".casefold().split())
    return digest("like", sender, _TOLD.sub("#", whole)), digest(_DIGITS.sub("#", whole))[:16]


def text_key(subject: str, text: str) -> str:
    """By what mails of strangers are known to be one text."""
    return digest("text", _TOLD.sub("#", " ".join(f"{subject}\n{text[:MAX_TEXT]}".casefold().split())))


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
