"""Escalation: what becomes of a case whose promise is at risk or broken."""

from typing import Any

from pipeline.domain.cases import Case
from pipeline.domain.casework import PRIORITIES


def escalate(case: Case, to_queue: str | None) -> dict[str, tuple[Any, Any]]:
    """It bears the mark, has a priority one step up, and waits in another queue, if there is one for that."""
    higher = PRIORITIES[min(PRIORITIES.index(case.priority) + 1, len(PRIORITIES) - 1)]
    return _set(case, escalated=True, priority=higher, queue=to_queue or case.queue)


def reassign(case: Case) -> dict[str, tuple[Any, Any]]:
    """It is nobody's, so that its queue gives it to someone."""
    return _set(case, owner=None)


def _set(case: Case, **values: object) -> dict[str, tuple[Any, Any]]:
    changed = {}
    for name, value in values.items():
        if (old := getattr(case, name)) != value:
            changed[name] = (old, value)
            setattr(case, name, value)
    return changed
