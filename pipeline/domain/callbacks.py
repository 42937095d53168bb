"""Call-backs: who called in vain is called back, unless somebody has talked with them since."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pipeline.domain.calls import CallView

IN_VAIN = frozenset({"missed", "voicemail"})
TALKED = frozenset({"answered", "completed"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A number at the customer's end: when a call with it was last answered, and the call-back that waits.

    `called_at` is when the last call in vain began, for which the number is to be called back.
    """

    number: str
    answered_at: datetime | None = None
    call_back: UUID | None = None
    called_at: datetime | None = None


def after_call(caller: Caller, call: CallView, began: datetime, *, has_case: bool, new: UUID) -> Caller:
    """The caller as a call with them leaves it; a call-back that begins to wait is called `new`.

    An answered call, whoever made it, closes the call-back for calls that began before. A call in vain asks for one,
    unless it has a case, where it is seen anyway. In whatever order calls are told, a call-back waits in the end if the
    last call in vain began after the last answer.
    """
    if call.state in TALKED:
        answered_at = max(filter(None, (caller.answered_at, call.answered_at or began)))
        caller = replace(caller, answered_at=answered_at)
        if caller.called_at is not None and caller.called_at <= answered_at:
            caller = replace(caller, call_back=None, called_at=None)
        return caller
    asks = call.state in IN_VAIN and call.direction == "in" and not has_case
    if not asks or (caller.answered_at is not None and caller.answered_at >= began):
        return caller
    return replace(caller, call_back=caller.call_back or new, called_at=max(began, caller.called_at or began))
