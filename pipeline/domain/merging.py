"""Merging: one case takes in all that another one has, and gives it back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.domain.activities import Activity
from pipeline.domain.cases import MAX_PARTICIPANTS, Case, State
from pipeline.domain.casework import Changed, change, move
from pipeline.domain.orders import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRecord:
    """What came with a merged case into its survivor, and how both stood before.

    `participants` are those that the survivor had not before; `waiting_since` is the survivor's, and `parent` its
    parent where it was `lifted` out of the merged case, whose child it was.
    """

    merged: UUID
    into: UUID
    at: datetime
    state: State
    status: str
    resolved_at: datetime | None = None
    own_waiting_since: datetime | None = None
    waiting_since: datetime | None = None
    activities: tuple[UUID, ...] = ()
    children: tuple[UUID, ...] = ()
    participants: tuple[str, ...] = ()
    lifted: bool = False
    parent: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What merging, or undoing it, changes: which activities and children move, and in which case what changed."""

    record: MergeRecord
    merged: Changed
    survivor: Changed
    activities: Sequence[UUID] = ()
    children: Mapping[UUID, Changed] = field(default_factory=dict)
    joined: Sequence[str] = ()
    left: Sequence[str] = ()


def same_customer(case: Case, other: Case) -> bool:
    """Whether two cases are of one contact or one account; a case of nobody's is anybody's."""
    if (case.contact is None and case.account is None) or (other.contact is None and other.account is None):
        return True
    contacts = case.contact is not None and other.contact is not None and case.contact.id == other.contact.id
    accounts = case.account is not None and other.account is not None and case.account.id == other.account.id
    return contacts or accounts


def merge(
    case: Case,
    into: Case,
    *,
    at: datetime,
    activities: Collection[Activity],
    children: Collection[Case],
    ancestors: Collection[UUID],
    confirmed: bool,
) -> Merged | Refused | None:
    """Put a case into another one, with its activities, its children and its participants; None when it is there.

    The survivor keeps its opening, and all else it says of itself; who waits longest for an answer waits on there.
    Where the case is among its `ancestors` it takes the case's place, so that nobody is their own parent.
    """
    if case.id == into.id or case.merged_into is not None:
        return None
    if into.state != "active":
        return Refused(f"case {into.number} is {into.status}; reactivate it before another one is merged into it")
    if not confirmed and not same_customer(case, into):
        return Refused(f"cases {case.number} and {into.number} are of different customers; say so (confirmed)")
    room = max(0, MAX_PARTICIPANTS - len(into.participants))
    joined = tuple(sorted(case.participants - into.participants))[:room]
    record = MergeRecord(
        merged=case.id,
        into=into.id,
        at=at,
        state=case.state,
        status=case.status,
        resolved_at=case.resolved_at,
        own_waiting_since=case.waiting_since,
        waiting_since=into.waiting_since,
        activities=tuple(activity.id for activity in activities),
        children=tuple(child.id for child in children if child.id != into.id),
        participants=joined,
        lifted=case.id in ancestors,
        parent=into.parent,
    )
    moved = {child.id: change(child, parent=into.id) for child in children if child.id != into.id}
    into.participants |= frozenset(joined)
    changed = change(into, waiting_since=_longest(case.waiting_since, into.waiting_since))
    changed |= change(into, parent=case.parent) if record.lifted else {}
    return Merged(
        record=record,
        merged={**move(case, "cancelled", "merged", None), **change(case, merged_into=into.id)},
        survivor=changed,
        activities=record.activities,
        children={child: how for child, how in moved.items() if how},
        joined=joined,
    )


def unmerge(
    case: Case,
    survivor: Case,
    record: MergeRecord,
    *,
    activities: Collection[Activity],
    children: Collection[Case],
    parents: Mapping[UUID, UUID | None],
) -> Merged | None:
    """Give back what came with a merged case, as far as it still lies with the survivor; what arrived since stays.

    `activities` and `children` are the survivor's now, `parents` those of all cases of both families. Who wrote there
    since stays a participant of both; a child that has come to stand above the case meanwhile stays where it is.
    """
    if case.merged_into is None:
        return None
    came = frozenset(record.activities)
    back = tuple(activity.id for activity in activities if activity.id in came)
    spoke = {activity.sender for activity in activities if activity.id not in came and activity.sender}
    left = tuple(who for who in record.participants if who in survivor.participants and who not in spoke)
    survivor.participants -= frozenset(left)
    now_above = frozenset(above(case.id, parents))
    own = [child for child in children if child.id in frozenset(record.children) and child.id not in now_above]
    moved = {child.id: change(child, parent=case.id) for child in own}
    parents = {**parents, **dict.fromkeys(moved, case.id)}
    owed = survivor.waiting_since == _longest(record.own_waiting_since, record.waiting_since)
    changed = change(survivor, waiting_since=record.waiting_since) if owed else {}
    lifted = record.lifted and survivor.id == record.into and survivor.parent == case.parent
    if lifted and survivor.id not in above(record.parent, parents):
        changed |= change(survivor, parent=record.parent)
    reborn = {
        **change(case, merged_into=None),
        **move(case, record.state, record.status, record.resolved_at),
        **(change(case, waiting_since=record.own_waiting_since) if owed and record.state == "active" else {}),
    }
    return Merged(
        record=record,
        merged=reborn,
        survivor=changed,
        activities=back,
        children={child: how for child, how in moved.items() if how},
        left=left,
    )


def above(case: UUID | None, parents: Mapping[UUID, UUID | None]) -> Iterator[UUID]:
    """The case, its parent, and so on up; each once."""
    seen: set[UUID] = set()
    while case is not None and case not in seen:
        yield case
        seen.add(case)
        case = parents.get(case)


def _longest(*since: datetime | None) -> datetime | None:
    """Since when somebody waits for an answer; not while all are answered."""
    return min((moment for moment in since if moment is not None), default=None)
