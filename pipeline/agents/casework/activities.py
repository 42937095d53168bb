"""Carries out that an agent plans, logs or ends an activity of a case."""

from datetime import datetime, timedelta
from uuid import UUID

from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.domain.answers import answered
from pipeline.domain.orders import Finish, Log, Plan, Refused
from pipeline.domain.timers import Timer
from pipeline.store.casework_ports import Finished


def plan(desk: WorkDesk, order: Plan) -> UUID | Refused:
    """Put down what is to be done, and when to remind of it."""
    if desk.case.state != "active":
        return Refused(f"case {desk.case.number} is {desk.case.status}; reactivate it before something is planned")
    if order.owner is not None and order.owner not in desk.facts.agents:
        return Refused(f'there is no agent "{order.owner}"')
    made = new_activity(
        desk.case, order.kind, desk.at, state="open", subject=order.subject, body=order.text, agent=order.owner,
        due_at=order.due_at, remind_at=order.remind_at,
    )  # fmt: skip
    desk.add(made)
    for kind, at in (("activity.remind", order.remind_at), ("activity.due", order.due_at)):
        if at is not None:
            data = {"kind": made.kind, "subject": made.subject, "owner": made.agent}
            desk.batch.arm(Timer(kind, str(made.id), max(at, desk.at), desk.case.id, data=data))
    desk.tell("case.noted", desk.case, {}, activity=made.id)
    return made.id


def log(desk: WorkDesk, order: Log) -> UUID:
    """Put down what was done, and how long it took; talking to the customer is an answer."""
    made = desk.add(
        new_activity(
            desk.case,
            order.kind,
            desk.at,
            direction=order.direction,
            subject=order.subject,
            body=order.text,
            agent=desk.by_agent(),
            started_at=_began(desk.at, order.duration_s),
            ended_at=desk.at,
            duration_s=order.duration_s,
            billable_s=order.duration_s if order.billable else None,
        )
    )
    talked = order.kind == "phone" and order.direction != "internal" and order.duration_s
    desk.tell("case.noted", desk.case, answered(desk.case, desk.at, str(made)) if talked else {}, activity=made)
    return made


def finish(desk: WorkDesk, order: Finish) -> Refused | None:
    """Close or cancel an activity that is open; one that is not stays as it is."""
    activity = desk.facts.activities.get(order.activity)
    if activity is None or activity.case_id != desk.case.id:
        return Refused(f"case {desk.case.number} has no such activity")
    if activity.is_call:
        return Refused("a call ends when somebody hangs up")
    if activity.state != "open":
        return None
    duration_s = None if order.cancelled else order.duration_s
    desk.batch.work.finished.append(
        Finished(
            activity.id,
            "cancelled" if order.cancelled else "closed",
            desk.at,
            duration_s,
            duration_s if order.billable else None,
        )
    )
    desk.disarm(activity.id)
    desk.tell("case.noted", desk.case, {}, activity=activity.id)
    return None


def _began(at: datetime, duration_s: int | None) -> datetime | None:
    return at - timedelta(seconds=duration_s) if duration_s is not None else None
