"""Carries out what an agent does to a case, and tells it as an event."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import CaseEvent, Deed
from pipeline.agents.events import build_events
from pipeline.domain import casework
from pipeline.domain.cases import Case, survivor
from pipeline.store.ports import Changes, NewActivity, Store, Transaction


class Casework:
    """Each deed is a transaction of its own; one that changes nothing writes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resolve(self, case_id: UUID, *, text: str, at: datetime) -> None:
        """Solve the case and keep what solved it as an activity."""
        async with self._store.transaction() as tx:
            case = await _locked(case_id, tx)
            if changed := casework.resolve(case, at=at):
                changes = _told("case.resolved", case, changed, at)
                changes.activities.append(_resolution(case, text, at))
                await tx.write(changes)

    async def cancel(self, case_id: UUID, *, at: datetime) -> None:
        """Cancel the case."""
        async with self._store.transaction() as tx:
            case = await _locked(case_id, tx)
            if changed := casework.cancel(case):
                await tx.write(_told("case.cancelled", case, changed, at))

    async def reactivate(self, case_id: UUID, *, at: datetime) -> None:
        """Work on the case again."""
        async with self._store.transaction() as tx:
            case = await _locked(case_id, tx)
            if changed := casework.reactivate(case):
                await tx.write(_told("case.reopened", case, changed, at))

    async def set_field(self, case_id: UUID, field: str, value: str, *, at: datetime) -> None:
        """Give the case another status, priority or queue."""
        async with self._store.transaction() as tx:
            case = await _locked(case_id, tx)
            if changed := casework.set_field(case, field, value):
                kind = "case.status_changed" if field == "status" else "case.updated"
                await tx.write(_told(kind, case, changed, at))


async def _locked(case_id: UUID, tx: Transaction) -> Case:
    case = survivor(case_id, await tx.lock_cases([case_id]))
    if case is None:
        raise LookupError(f"there is no case {case_id}")
    return case


def _told(kind: str, case: Case, changed: casework.Changed, at: datetime) -> Changes:
    case.revision += 1
    return Changes(changed=[case], events=build_events([CaseEvent(kind, Deed(at), case, changed)], {}))


def _resolution(case: Case, text: str, at: datetime) -> NewActivity:
    return NewActivity(
        id=uuid7(),
        case_id=case.id,
        kind="resolution",
        direction="internal",
        state="closed",
        subject=case.status,
        body=text,
        sender=None,
        contact_id=None,
        at=at,
    )
