"""Acknowledgements: whom we tell that a message has come, and how often."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PER_HOUR = 3
PER_DAY = 10
MOST_FROM_FORMS = 50
"""First-time addresses that forms name in an hour; with more, someone makes us write to strangers."""

NOBODY = ("noreply", "no-reply", "donotreply", "do-not-reply", "mailer-daemon", "postmaster", "bounce", "bounces")
"""Local parts whose owners read no mail."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why nobody is told that their message has come."""

    reason: str


def is_nobody(address: str) -> bool:
    """Whether nobody reads what is sent there."""
    local = address.partition("@")[0].partition("+")[0]
    return local in NOBODY or local.startswith(("bounce-", "bounces-", "prvs="))


def too_often(sent: Sequence[datetime], at: datetime) -> Hindrance | None:
    """Whether an address has been told often enough, over all sources."""
    recently = [one for one in sent if at - one < DAY]
    if sum(at - one < HOUR for one in recently) >= PER_HOUR:
        return Hindrance(f"{PER_HOUR} acknowledgements went there within an hour")
    if len(recently) >= PER_DAY:
        return Hindrance(f"{PER_DAY} acknowledgements went there within a day")
    return None


def too_many_strangers(newcomers: Collection[datetime], at: datetime) -> Hindrance | None:
    """Whether forms named more addresses that we did not know than people would within an hour."""
    if sum(timedelta() <= at - one < HOUR for one in newcomers) > MOST_FROM_FORMS:
        return Hindrance(f"forms named more than {MOST_FROM_FORMS} new addresses within an hour")
    return None
