"""Who is told of events by webhook: what they want to hear, by which secrets they know us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

OLD_SECRET_KEPT = timedelta(days=1)
"""How long the secret before signs beside the new one, unless somebody says otherwise."""

LONGEST_KEPT = timedelta(days=30)

DISABLED_AFTER = timedelta(days=3)
"""A subscription that nothing was delivered to for so long, though it was tried, is disabled."""

_A_MOMENT = timedelta(minutes=1)
"""By so much the first failure is noted later than it was begun, at most; the last try comes three days after that."""

Outcome = Literal["delivered", "failed", "given up", "held", "released"]
"""What became of a try: `failed` comes again, `held` does when the subscription is enabled, `released` did."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs until some time; None for as long as there is no newer one."""

    secret: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Somebody who is told of events; `types` are short names, none for all, and so is an empty `filter`."""

    id: UUID
    url: str
    description: str
    types: Sequence[str]
    filter: str
    ordered: bool
    secrets: Sequence[Secret]
    state: Literal["active", "disabled"]
    reason: str
    pos: int
    waiting: int
    retrying: int
    failing_since: datetime | None
    created_at: datetime

    def signing(self, now: datetime) -> list[str]:
        """The secrets that sign at a time, the newest first."""
        return [secret.secret for secret in self.secrets if secret.until is None or secret.until > now]


def rotated(secrets: Sequence[Secret], new: str, now: datetime, kept: timedelta = OLD_SECRET_KEPT) -> list[Secret]:
    """The secrets with a new one first; the one before signs for so long beside it, older ones no more."""
    before = [Secret(secret.secret, now + kept) for secret in secrets[:1] if kept > timedelta()]
    return [Secret(new), *before]


def is_given_up(failing_since: datetime | None, now: datetime) -> bool:
    """Whether nothing was delivered for so long that the subscription is disabled."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER - _A_MOMENT
