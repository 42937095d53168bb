"""Casework: what resolving, cancelling, reactivating, resting or setting a field changes in a case."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.domain.activities import KnownRecord
from pipeline.domain.cases import Case, State
from pipeline.domain.matching import Ref

STATUSES: Mapping[State, tuple[str, ...]] = {
    "active": ("in progress", "on hold", "waiting for details", "researching"),
    "resolved": ("problem solved", "information provided", "no answer"),
    "cancelled": ("cancelled", "merged"),
}
"""The statuses that a case may have in each state, the one it comes in with first."""

SETTABLE: Mapping[State, tuple[str, ...]] = {**STATUSES, "cancelled": ("cancelled",)}
"""Those that an agent may give it; only a merge makes a case merged."""

RESTING = ("on hold", "waiting for details")
"""The statuses of an active case that nobody works on, which may have an end."""

PRIORITIES = ("low", "normal", "high", "urgent")

CUSTOMER = ("contact", "account", "device")
"""The fields that name a record, by its external id; a contact by an address too."""

FIELDS = (
    "status", "priority", "queue", "severity", "type", "subject", "product", "entitlement", "sla", "title",
    "description", "decrement", *CUSTOMER,
)  # fmt: skip
"""The fields that an agent may set, beside the desk's own."""

OWN = "fields."
"""Stands before the name of one of the desk's own fields."""

Changed = Mapping[str, tuple[Any, Any]]
"""What changed, by field: (old, new); empty when nothing did."""


def resolve(case: Case, *, at: datetime, status: str = "problem solved") -> Changed:
    """An active case is solved; any other stays as it is."""
    return move(case, "resolved", status, at) if case.state == "active" else {}


def cancel(case: Case, *, status: str = "cancelled") -> Changed:
    """An active case is cancelled; any other stays as it is."""
    return move(case, "cancelled", status, None) if case.state == "active" else {}


def reactivate(case: Case) -> Changed:
    """A resolved or cancelled case is worked on again; one that was merged away stays merged."""
    if case.state == "active" or case.merged_into is not None:
        return {}
    return move(case, "active", "in progress", None)


def rest(case: Case, status: str, until: datetime | None) -> Changed:
    """An active case waits or is on hold, maybe until some time; another end of the same rest is a change too."""
    if case.state != "active" or status not in RESTING:
        return {}
    return change(case, status=status, until=until)


def resume(case: Case) -> Changed:
    """A case that rests is worked on again."""
    if case.state != "active" or case.status not in RESTING:
        return {}
    return change(case, status="in progress", until=None)


def assign(case: Case, owner: Ref | None) -> Changed:
    """The case is an agent's, or nobody's."""
    return {} if _same(case.owner, owner) else change(case, owner=owner)


def set_field(case: Case, field: str, value: object) -> Changed:
    """A field, the status one of the case's state; the same value again changes nothing.

    An empty title is none, and stays as it is. Resting has no end when the status is set.
    """
    if field.startswith(OWN):
        return _set_own(case, field.removeprefix(OWN), value)
    if field == "status":
        allowed = value in SETTABLE[case.state] and value != case.status
        return change(case, status=value, until=None) if allowed else {}
    if field == "description":
        return change(case, description=value or "")
    if field == "title" and not (isinstance(value, str) and value.strip()):
        return {}
    return change(case, **{field: value})


def set_customer(case: Case, field: str, known: KnownRecord | None) -> Changed:
    """Whose case it is, or what device it is about; a contact brings the account that they belong to."""
    if known is None:
        return change(case, **{field: None})
    if field == "device":
        return change(case, device=known.ref.external_id)
    new: dict[str, Ref | None] = {field: known.ref}
    if field == "contact" and known.account is not None:
        new["account"] = known.account
    return change(case, **{name: ref for name, ref in new.items() if not _same(getattr(case, name), ref)})


def change(case: Case, **values: object) -> dict[str, tuple[Any, Any]]:
    """Set fields of the case; what had these values before is no change."""
    changed = {}
    for name, value in values.items():
        old = getattr(case, name)
        if old != value:
            changed[name] = (old, value)
            setattr(case, name, value)
    return changed


def move(case: Case, state: State, status: str, resolved_at: datetime | None) -> Changed:
    """The case has another state; closed, it neither rests nor keeps anybody waiting."""
    case.resolved_at = resolved_at
    waits = {} if state == "active" else {"waiting_since": None}
    return change(case, state=state, status=status, until=None, **waits)


def fold(events: Sequence[Changed]) -> Mapping[str, Any]:
    """The values that a case's fields have after all these changes."""
    return {field: new for changed in events for field, (_, new) in changed.items()}


def _set_own(case: Case, name: str, value: object) -> Changed:
    old = case.fields.get(name)
    if old == value:
        return {}
    case.fields = {**case.fields, name: value}
    return {f"{OWN}{name}": (old, value)}


def _same(old: Ref | None, new: Ref | None) -> bool:
    return (old and old.id) == (new and new.id)
