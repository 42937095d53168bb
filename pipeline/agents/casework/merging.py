"""Carries out that an agent merges cases, takes one out again, or moves an activity from one to another."""

from pipeline.agents.casework.desk import WorkDesk
from pipeline.domain import casework
from pipeline.domain.cases import Case, survivor
from pipeline.domain.merging import Merged
from pipeline.domain.merging import merge as merge_cases
from pipeline.domain.merging import unmerge as unmerge_case
from pipeline.domain.orders import Attach, Merge, Refused
from pipeline.store.casework_ports import Moved


def merge(desk: WorkDesk, order: Merge) -> Refused | None:
    """Put the case into the other one, or into the one that survived it."""
    case, into = desk.case, survivor(order.into, desk.batch.cases)
    if into is None:
        return Refused("there is no such case to merge into")
    done = merge_cases(
        case,
        into,
        at=desk.at,
        activities=desk.activities(case),
        children=desk.children(case),
        ancestors=desk.family.ancestors.get(into.id, ()),
        confirmed=order.confirmed,
    )
    if done is None or isinstance(done, Refused):
        return done
    desk.batch.work.merged.append(done.record)
    desk.batch.participants.extend((into.id, who) for who in done.joined)
    _tell(desk, "case.merged", case, into, done)
    desk.batch.work.moved.extend(Moved(one, into.id) for one in done.activities)
    return None


def unmerge(desk: WorkDesk) -> Refused | None:
    """Take the case out again; named by the survivor, what was merged into it last."""
    merged = _merged(desk)
    record = desk.facts.merges.get(merged.id) if merged is not None else None
    if merged is None or record is None:
        return None
    into = survivor(record.into, desk.batch.cases)
    if into is None:
        return Refused(f"case {merged.number} was merged into one that is no more")
    parents = {case.id: case.parent for case in desk.batch.cases.values()}
    done = unmerge_case(
        merged, into, record, activities=desk.activities(into), children=desk.children(into), parents=parents
    )
    if done is None:
        return None
    desk.batch.work.unmerged.append(merged.id)
    desk.batch.work.left.extend((into.id, who) for who in done.left)
    desk.batch.work.moved.extend(Moved(one, merged.id) for one in done.activities)
    _tell(desk, "case.unmerged", merged, into, done)
    return None


def _merged(desk: WorkDesk) -> Case | None:
    if desk.case.merged_into is not None:
        return desk.case
    last = desk.family.merged.get(desk.case.id, ())
    return desk.batch.cases.get(last[0]) if last else None


def _tell(desk: WorkDesk, kind: str, case: Case, into: Case, done: Merged) -> None:
    desk.tell(kind, case, done.merged, linked=into)
    desk.tell(kind, into, done.survivor, linked=case)
    for child_id, changed in done.children.items():
        desk.tell("case.updated", desk.batch.cases[child_id], changed)


def attach(desk: WorkDesk, order: Attach) -> Refused | None:
    """Move an activity here; the case that its last message left is cancelled."""
    case, activity = desk.case, desk.facts.activities.get(order.activity)
    if activity is None:
        return Refused("there is no such activity to attach")
    if activity.kind == "resolution":
        return Refused("a resolution belongs to the case that it resolved; it is not attached to another")
    if activity.case_id == case.id:
        return None
    came_from = desk.batch.cases.get(activity.case_id) if activity.case_id else None
    desk.batch.work.moved.append(Moved(activity.id, case.id, carries_links=True))
    if came_from is not None:
        desk.tell("activity.moved", came_from, {}, linked=case, activity=activity.id)
    desk.tell("activity.moved", case, {}, linked=came_from, activity=activity.id)
    if came_from is not None and activity.is_message:
        left = [one for one in desk.activities(came_from) if one.is_message and one.id != activity.id]
        if not left and (changed := casework.cancel(came_from)):
            desk.end_open(came_from)
            desk.tell("case.cancelled", came_from, changed)
    return None
