"""Carries out what an agent does to a case, and tells it as an event."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.consequences import Consequences
from pipeline.domain import casework
from pipeline.domain.cases import Case, survivor
from pipeline.store.ports import NewActivity, Store


@dataclass(slots=True)
class _Desk:
    """One case on the desk of whoever works on it."""

    case: Case
    batch: Batch
    deed: Deed

    def tell(self, kind: str, changed: casework.Changed) -> bool:
        """Keep that the case changed; whether it did."""
        if not changed:
            return False
        self.batch.touch(self.case)
        self.batch.events.append(CaseEvent(kind, self.deed, self.case, changed))
        return True


class Casework:
    """Each deed is a transaction of its own; one that changes nothing writes nothing."""

    def __init__(self, store: Store, consequences: Consequences) -> None:
        self._store = store
        self._consequences = consequences

    async def resolve(self, case_id: UUID, *, text: str, by: Deed) -> None:
        """Solve the case and keep what solved it as an activity."""
        async with self._desk(case_id, by) as desk:
            if desk.tell("case.resolved", casework.resolve(desk.case, at=by.at)):
                desk.batch.activities.append(_resolution(desk.case, text, by))

    async def cancel(self, case_id: UUID, *, by: Deed) -> None:
        """Cancel the case."""
        async with self._desk(case_id, by) as desk:
            desk.tell("case.cancelled", casework.cancel(desk.case))

    async def reactivate(self, case_id: UUID, *, by: Deed) -> None:
        """Work on the case again."""
        async with self._desk(case_id, by) as desk:
            desk.tell("case.reopened", casework.reactivate(desk.case))

    async def set_field(self, case_id: UUID, field: str, value: str, *, by: Deed) -> None:
        """Give the case another status, priority or queue."""
        async with self._desk(case_id, by) as desk:
            kind = "case.status_changed" if field == "status" else "case.updated"
            desk.tell(kind, casework.set_field(desk.case, field, value))

    @asynccontextmanager
    async def _desk(self, case_id: UUID, by: Deed) -> AsyncIterator[_Desk]:
        """The case, or its last survivor, locked; what its change brings about follows at the end."""
        async with self._store.transaction() as tx:
            cases = dict(await tx.lock_cases([case_id]))
            case = survivor(case_id, cases)
            if case is None:
                raise LookupError(f"there is no case {case_id}")
            batch = Batch(cases=cases)
            yield _Desk(case, batch, by)
            if batch.events:
                await self._consequences(batch, tx)


def _resolution(case: Case, text: str, by: Deed) -> NewActivity:
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
        at=by.at,
    )
