"""What a case draws on its entitlement, and gives back, as lines of a ledger.

The ledger follows from how the case stands: what it should have drawn by now, less what its lines say it has. So
judging the same case again, after a crash or by another worker, writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from pipeline.domain.entitlement import Entitlement, told

Transition = Literal[
    "open", "cancel", "resolve", "reactivate", "merge", "unmerge", "spare", "count", "assign", "withdraw", "correct"
]


_Units = dict[UUID | None, tuple[str | None, int]]
"""Units by the activity they are for (None of a case as such), with its channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a case stands, as far as its entitlement is concerned; `channel` is its origin's."""

    state: str
    decrement: bool
    channel: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """A closed billable activity of a case: its channel (None of a task or a note), its billable seconds.

    `adjusts` when it is a correction of the billable time, which may be below zero.
    """

    activity: UUID
    channel: str | None
    seconds: int
    adjusts: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Units that a case drew on an entitlement (below zero: gave back) at a transition.

    `turn` counts the transitions of this case on this entitlement, so that a case which is cancelled twice gives back
    twice, and the same cancelling told twice gives back once. Hours have a line for each activity.
    """

    case_id: UUID
    entitlement: str
    transition: Transition
    turn: int
    units: int
    channel: str | None
    activity: UUID | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one transition does: the entitlement after it, the lines it writes, how many units it could not draw."""

    entitlement: Entitlement
    lines: tuple[Line, ...] = ()
    missing: int = 0

    @property
    def units(self) -> int:
        """Units drawn; below zero, given back."""
        return sum(line.units for line in self.lines)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a transition took of an entitlement (below zero: gave back), and how that stands after it."""

    entitlement: Entitlement
    units: int
    by: Transition

    def __str__(self) -> str:
        terms, left = self.entitlement.terms, self.entitlement.remaining
        rest = "" if left is None else f", {told(terms, left)} left"
        return f"{told(terms, abs(self.units))} of {self.entitlement.external_id}{rest}"


def turn(
    one: Entitlement,
    case_id: UUID,
    standing: Standing | None,
    *,
    by: Transition,
    work: Sequence[Work] = (),
    before: Iterable[Line] = (),
) -> Turn:
    """What a case does to an entitlement when it comes to stand so, `before` being its lines on it so far.

    Without a standing, the case has this entitlement no longer, and gives back all it drew. With `restrict`, no more
    is drawn than there is: of cases all or nothing, of hours as much as is left.
    """
    mine = [line for line in before if line.entitlement == one.external_id and line.case_id == case_id]
    held: _Units = {}
    for line in mine:
        held[line.activity] = (line.channel, held.get(line.activity, (None, 0))[1] + line.units)
    due = _due(one, standing, work) if standing is not None else {}
    number = max((line.turn for line in mine), default=0) + 1
    lines: list[Line] = []
    missing = 0
    for activity, channel, change in _changes(held, due):
        units, room = change, one.room(channel)
        if room is not None and room < change:
            units = room if one.terms.allotment == "hours" else 0
            missing += change - units
        if units:
            one = after(one, channel, units)
            lines.append(Line(case_id, one.external_id, by, number, units, channel, activity))
    return Turn(one, tuple(lines), missing)


def after(one: Entitlement, channel: str | None, units: int) -> Entitlement:
    """The entitlement once so many units more are used."""
    used_by: Mapping[str, int] = one.used_by
    if channel is not None:
        used_by = {**used_by, channel: used_by.get(channel, 0) + units}
    return replace(one, used=one.used + units, used_by=used_by)


def _changes(held: _Units, due: _Units) -> list[tuple[UUID | None, str | None, int]]:
    """What is to be drawn more or less than before, that which is given back first."""
    found: list[tuple[UUID | None, str | None, int]] = []
    for activity in sorted(held.keys() | due.keys(), key=str):
        channel, has = held.get(activity, (None, 0))
        if not has and activity in due:
            channel = due[activity][0]
        found.append((activity, channel, due.get(activity, (None, 0))[1] - has))
    return sorted(found, key=lambda change: change[2] > 0)


def _due(one: Entitlement, standing: Standing, work: Sequence[Work]) -> _Units:
    """Units that a case should have drawn, by activity where they are hours.

    By cases, one from its opening on, but not while it is cancelled; or one while it is resolved. Hours are drawn
    while it is resolved: all that was billable by then.
    """
    if not standing.decrement or standing.state == "cancelled":
        return {}
    resolved = standing.state == "resolved"
    if one.terms.allotment == "hours":
        counted = _corrected([each for each in work if each.seconds < 0 or _counts(one, each.channel)])
        return {each.activity: (each.channel, each.seconds) for each in counted} if resolved else {}
    drawn = one.terms.decrement_on == "open" or resolved
    return {None: (standing.channel, 1)} if drawn and _counts(one, standing.channel) else {}


def _corrected(work: Sequence[Work]) -> list[Work]:
    """The work less the corrections, which are lines below zero: they are taken off the latest work first."""
    off = -sum(each.seconds for each in work if each.seconds < 0)
    found: list[Work] = []
    for each in reversed([each for each in work if each.seconds > 0]):
        taken = min(off, each.seconds)
        off -= taken
        if each.seconds > taken:
            found.append(replace(each, seconds=each.seconds - taken))
    return found[::-1]


def _counts(one: Entitlement, channel: str | None) -> bool:
    return not one.terms.only_listed or channel in one.terms.channels
