"""How far something that left the desk has come: which state may follow which, what is told of it."""

from typing import Literal

State = Literal["queued", "sent", "delivered", "failed"]
Kind = Literal["mail", "social", "command", "webhook"]
"""By what it leaves."""

_LEFT = frozenset({"sent", "delivered"})


def follows(new: State, old: State | None) -> bool:
    """Whether the news is news: what was delivered stays so, and nothing is queued twice.

    What had failed may turn out to have been sent after all, when it comes back to us or is acknowledged.
    """
    match old:
        case None:
            return True
        case "queued":
            return new != "queued"
        case "sent":
            return new in {"delivered", "failed"}
        case "failed":
            return new in _LEFT
    return False


def told_as(new: State, old: State | None) -> Literal["delivery.sent", "delivery.failed"] | None:
    """The event that tells of it; that it arrived tells nothing more, once it is known to have left."""
    if new == "failed":
        return "delivery.failed"
    return "delivery.sent" if new in _LEFT and old not in _LEFT else None
