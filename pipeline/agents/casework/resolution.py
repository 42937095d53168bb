"""Carries out that an agent resolves, cancels or reactivates a case."""

from uuid import UUID

from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.domain import casework
from pipeline.domain.billing import billable_s, told_time
from pipeline.domain.cases import Case
from pipeline.domain.casework import STATUSES
from pipeline.domain.orders import Refused, Resolve
from pipeline.domain.resolution import closes_children, correction, lines, objection, total_s


def resolve(desk: WorkDesk, order: Resolve) -> UUID | Refused | None:
    """Solve the case, and its open children where that is wanted: all of them, or none."""
    case = desk.case
    if case.state != "active":
        return None
    if order.status not in STATUSES["resolved"]:
        return Refused(f'no resolved case is "{order.status}"; there are: {", ".join(STATUSES["resolved"])}')
    policy = desk.queue(case).children
    still_open = [child for child in desk.below(case) if child.state == "active"]
    solved = [case, *(still_open if closes_children(order, policy) else ())]
    for one in solved:
        children = [child for child in still_open if one is case and child.parent == case.id]
        if refused := objection(one, order, activities=desk.activities(one), children=children, policy=policy):
            return refused
    seconds = correction(order, lines(desk.activities(case), desk.rules.rounding))
    if isinstance(seconds, Refused):
        return seconds
    made = _solve(desk, case, order, seconds)
    for child in solved[1:]:
        _solve(desk, child, order, 0)
    return made


def _solve(desk: WorkDesk, case: Case, order: Resolve, correction_s: int) -> UUID:
    """Keep what solved it, with the time that took."""
    activities = desk.activities(case)
    billed_s = billable_s(lines(activities, desk.rules.rounding)) + correction_s
    desk.end_open(case)
    if correction_s:
        says = f"billable time set to {told_time(billed_s)}"
        desk.add(
            new_activity(case, "note", desk.at, subject=says, body=order.why, agent=desk.by_agent(),
                         billable_s=correction_s, adjusts=True)
        )  # fmt: skip
    changed = casework.resolve(case, at=desk.at, status=order.status)
    made = desk.add(
        new_activity(case, "resolution", desk.at, subject=case.status, body=order.text, agent=desk.by_agent(),
                     duration_s=total_s(activities), billable_s=billed_s)
    )  # fmt: skip
    desk.tell("case.resolved", case, changed, activity=made)
    return made


def cancel(desk: WorkDesk) -> None:
    """Drop the case, and what it had still to do."""
    if changed := casework.cancel(desk.case):
        desk.end_open(desk.case)
        desk.tell("case.cancelled", desk.case, changed)


def reactivate(desk: WorkDesk) -> None:
    """Work on it again."""
    if changed := casework.reactivate(desk.case):
        desk.tell("case.reopened", desk.case, changed)
