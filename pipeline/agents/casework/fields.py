"""Carries out that an agent sets a field of a case, gives it to somebody, lets it rest."""

from uuid import UUID

from pipeline.agents.casework.desk import WorkDesk
from pipeline.domain import casework
from pipeline.domain.activities import RecordName
from pipeline.domain.cases import Case
from pipeline.domain.casework import CUSTOMER, FIELDS, OWN, PRIORITIES, SETTABLE, STATUSES
from pipeline.domain.fields import wrong_fields
from pipeline.domain.orders import Assign, Hold, Refused, SetField

_TOLD = {"status": "case.status_changed", "queue": "case.routed"}
"""What a field's change is told as, if not as an update."""


def assign(desk: WorkDesk, order: Assign) -> Refused | None:
    """Give the case to an agent, or to nobody."""
    owner = desk.facts.agents.get(order.owner) if order.owner is not None else None
    if order.owner is not None and owner is None:
        return Refused(f'there is no agent "{order.owner}"')
    desk.tell_if("case.assigned", desk.case, casework.assign(desk.case, owner))
    return None


def set_field(desk: WorkDesk, order: SetField) -> Refused | None:
    """Give a field another value."""
    case = desk.case
    if order.field == "parent":
        return _set_parent(desk, order.value)
    if wrong := _wrong(desk, order):
        return Refused(wrong)
    if order.field in CUSTOMER:
        return _set_customer(desk, order.field, order.value)
    kind = _TOLD.get(order.field, "case.updated")
    desk.tell_if(kind, case, casework.set_field(case, order.field, order.value))
    return None


def _set_customer(desk: WorkDesk, field: str, value: object) -> Refused | None:
    known = desk.facts.records.get(RecordName(field, value)) if isinstance(value, str) else None
    if value is not None and known is None:
        return Refused(f'there is no {field} "{value}"; name one by external id')
    desk.tell_if("case.updated", desk.case, casework.set_customer(desk.case, field, known))
    return None


def hold(desk: WorkDesk, order: Hold) -> Refused | None:
    """Let it rest; until a time that is still to come."""
    if order.until is not None and order.until <= desk.at:
        return Refused("it would rest until a time that is over; give a later one (until)")
    desk.tell_if("case.status_changed", desk.case, casework.rest(desk.case, order.status, order.until))
    return None


def resume(desk: WorkDesk) -> None:
    """Go on with it."""
    desk.tell_if("case.status_changed", desk.case, casework.resume(desk.case))


def _set_parent(desk: WorkDesk, value: object) -> Refused | None:
    parent = desk.batch.cases.get(value) if isinstance(value, UUID) else None
    if value is not None and parent is None:
        return Refused("there is no such case to be its parent")
    if parent is not None and desk.case.id in {parent.id, *desk.family.ancestors.get(parent.id, ())}:
        return Refused(f"case {parent.number} is case {desk.case.number}, or below it; it cannot be its parent too")
    changed = casework.change(desk.case, parent=parent.id if parent else None)
    desk.tell_if("case.updated", desk.case, changed)
    return None


def _wrong(desk: WorkDesk, order: SetField) -> str | None:
    """What is wrong with the value, with what would be right."""
    name, value = order.field, order.value
    if name.startswith(OWN):
        return next(iter(wrong_fields({name.removeprefix(OWN): value}, desk.rules.own_fields)), None)
    if name not in FIELDS:
        return f'no agent sets "{name}"; there are: {", ".join(FIELDS)}'
    choices = {
        "status": [status for of_state in STATUSES.values() for status in of_state],
        "priority": PRIORITIES,
        "queue": [*desk.rules.queues],
        "decrement": (True, False),
    }
    if name in choices and value not in choices[name]:
        return f'"{value}" is no {name}; there are: {", ".join(map(str, choices[name]))}'
    if name not in choices and not isinstance(value, str | None):
        return f"{name} is a text"
    return _unfit(desk.case, name, value)


def _unfit(case: Case, name: str, value: object) -> str | None:
    """What this case, as it stands, cannot have."""
    if name == "title" and not (isinstance(value, str) and value.strip()):
        return "a title is never empty"
    if name == "status" and value not in {case.status, *SETTABLE[case.state]}:
        return f'"{value}" is no status of a case that is {case.state}; there are: {", ".join(SETTABLE[case.state])}'
    return None
