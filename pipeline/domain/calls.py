"""Calls: what several messages that tell of one call amount to, in whatever order they came."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

SAME_CALL_S = 5
"""An event and a record of one exchange that began within so many seconds, with the same number, are one call."""

REUSED_AFTER = timedelta(hours=12)
"""A call id that comes again after so long is that of another call."""

NO_END_AFTER = timedelta(hours=4)
"""A call whose end nobody has told for so long is taken to be over."""

LOST = "lost"
"""What is told of a call then, by the clock; an end that is told later counts all the same."""

MAX_TOLD = 64
"""Messages about one call that are kept to judge by; no call has so many."""

ENDED = ("completed", "voicemail", "missed", "busy", "failed")
"""How a call may end, what says most first: that one leg was missed says little when another was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTold:
    """What one message says of a call; `record` when it is the exchange's own account of a call that is over."""

    state: str | None = None
    record: bool = False
    direction: str | None = None
    caller: str | None = None
    called: str | None = None
    name: str | None = None
    agent: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    billable_s: int | None = None

    @property
    def began(self) -> datetime | None:
        """The earliest moment that it tells."""
        return self.started_at or self.answered_at or self.ended_at


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call as everything that was told of it says; `name` is the caller's, as the exchange knows it.

    One that is `lost` ended at a time that nobody told.
    """

    state: str
    direction: str
    caller: str | None
    called: str | None
    name: str | None
    agent: str | None
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: int | None
    billable_s: int | None
    lost: bool = False

    @property
    def over(self) -> bool:
        """Whether someone hung up."""
        return self.state in ENDED

    @property
    def party(self) -> str | None:
        """The number at the customer's end; None when it is withheld, or both ends are ours."""
        if self.direction == "internal":
            return None
        return self.called if self.direction == "out" else self.caller


def call_view(told: Iterable[CallTold]) -> CallView:
    """The call that these messages tell of: the same in any order, however often each is told.

    What the exchange's own record says counts before what its events said while the call went on; of several, who
    was reached before who was rung. Talk time is billable, ringing and voicemail are not.
    """
    best = sorted(set(told), key=_rank)
    state = _state(best)
    started_at = _moment(best, lambda one: one.started_at, min)
    answered_at = _moment(best, lambda one: one.answered_at, min) if state in {"answered", "completed"} else None
    ended_at = _moment(best, lambda one: one.ended_at, max) if state in ENDED else None
    counted = _longest(one.duration_s for one in best)
    talked = _longest(one.billable_s for one in best)
    if state == "completed":
        billable_s = talked if talked is not None else _seconds(answered_at, ended_at)
    else:
        billable_s = 0 if state in ENDED else None
    return CallView(
        state=state,
        direction=_first(one.direction for one in best) or "in",
        caller=_first(one.caller for one in best),
        called=_first(one.called for one in best),
        name=_first(one.name for one in best),
        agent=_first(one.agent for one in best),
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ended_at,
        duration_s=counted if counted is not None else _seconds(started_at, ended_at),
        billable_s=billable_s,
        lost=not _is_ended(best) and any(one.state == LOST for one in best),
    )


def is_kept(told: CallTold, before: Collection[CallTold]) -> bool:
    """Whether a message is kept beside those before: when it is new, and they are not too many or it is the first end.

    A call with very many transfers ends too, and its record counts before all events.
    """
    if len(before) < MAX_TOLD:
        return told not in before
    ends = told.state in ENDED or told.ended_at is not None
    return ends and not any((one.state in ENDED or one.ended_at) and one.record >= told.record for one in before)


def opens_case(call: CallView, policy: Collection[str]) -> bool:
    """Whether the desk wants a case for a call that stands so.

    Ways to end are asked of calls that come in. Where every way opens one, so does any call at once, but for those
    between two of us.
    """
    if call.direction == "internal":
        return False
    if {"answered", *ENDED[1:]} <= set(policy):
        return True
    return call.direction == "in" and ("answered" if call.state == "completed" else call.state) in policy


def call_subject(call: CallView) -> str:
    """What a call is called in a list."""
    what = {"missed": "Missed call", "voicemail": "Voicemail", "busy": "Call to a busy line", "failed": "Failed call"}
    if call.direction == "out":
        return f"Call to {call.called or 'a withheld number'}"
    who = call.caller or "a withheld number"
    return f"{what.get(call.state, 'Call')} from {f'{call.name} ({who})' if call.name and call.caller else who}"


def _rank(one: CallTold) -> tuple[bool, bool, tuple[str, ...]]:
    return (not one.record, one.state not in {"completed", "answered"}, tuple(map(str, astuple(one))))


def _state(told: Sequence[CallTold]) -> str:
    states = {one.state for one in told}
    answered = "answered" in states or any(one.answered_at for one in told)
    ended = [state for state in ENDED if state in states]
    if "completed" in ended or "voicemail" in ended:
        return ended[0]
    if _is_ended(told) or LOST in states:
        return "completed" if answered else ended[0] if ended else "missed"
    return "answered" if answered else "ringing"


def _is_ended(told: Iterable[CallTold]) -> bool:
    return any(one.state in ENDED or one.ended_at for one in told)


def _moment(
    told: Sequence[CallTold],
    of: Callable[[CallTold], datetime | None],
    choose: Callable[[Iterable[datetime]], datetime],
) -> datetime | None:
    for record in (True, False):
        if moments := [moment for one in told if one.record is record and (moment := of(one)) is not None]:
            return choose(moments)
    return None


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _longest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return max(0, round((end - start).total_seconds())) if start and end else None
