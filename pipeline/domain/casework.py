"""Casework: what resolving, cancelling, reactivating or setting a field changes in a case."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.domain.cases import Case, State

STATUSES: Mapping[State, tuple[str, ...]] = {
    "active": ("in progress", "on hold", "waiting for details", "researching"),
    "resolved": ("problem solved", "information provided", "no answer"),
    "cancelled": ("cancelled", "merged"),
}
"""The statuses that a case may have in each state, the one it comes in with first."""

PRIORITIES = ("low", "normal", "high", "urgent")

Changed = Mapping[str, tuple[Any, Any]]
"""What changed, by field: (old, new); empty when nothing did."""


def resolve(case: Case, *, at: datetime) -> Changed:
    """An active case is solved; any other stays as it is."""
    return _move(case, "resolved", resolved_at=at) if case.state == "active" else {}


def cancel(case: Case) -> Changed:
    """An active case is cancelled; any other stays as it is."""
    return _move(case, "cancelled", resolved_at=None) if case.state == "active" else {}


def reactivate(case: Case) -> Changed:
    """A resolved or cancelled case is worked on again; one that was merged away stays merged."""
    if case.state == "active" or case.merged_into is not None:
        return {}
    return _move(case, "active", resolved_at=None)


def set_field(case: Case, field: str, value: str) -> Changed:
    """Status (one of the case's state), priority or queue; the same value again changes nothing."""
    old = getattr(case, field)
    if value == old or (field == "status" and value not in STATUSES[case.state]):
        return {}
    setattr(case, field, value)
    return {field: (old, value)}


def _move(case: Case, state: State, *, resolved_at: datetime | None) -> Changed:
    changed = {"state": (case.state, state), "status": (case.status, STATUSES[state][0])}
    case.state, case.status, case.resolved_at = state, STATUSES[state][0], resolved_at
    return changed
