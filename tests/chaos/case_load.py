"""Cases to which things happen, in a database, in transactions as the desk makes them."""

from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

from pipeline.agents.batch import CaseEvent, Deed
from pipeline.agents.events import build_events
from pipeline.domain.cases import Case
from pipeline.store.ports import Changes
from pipeline.store.postgres import PostgresStore

_PRIORITIES = ("low", "normal", "high", "urgent")
_QUEUES = ("Support", "Field service", "Billing")


class CaseLoad:
    """Writes events; about half of the cases are open at any time."""

    def __init__(self, dsn: str, chance: Random) -> None:
        self.written = 0
        self._store = PostgresStore(dsn)
        self._chance = chance
        self._cases: list[Case] = []

    async def write(self, count: int) -> None:
        """At least so many more events, in one transaction."""
        opened: list[Case] = []
        changed: dict[Any, Case] = {}
        events: list[CaseEvent] = []
        cause = Deed(datetime.now(UTC), actor_id="rui")
        while len(events) < count:
            if not self._cases or self._chance.random() < 0.15:
                case = self._another(cause.at)
                opened.append(case)
                events.append(CaseEvent("case.opened", cause, case))
            else:
                case = self._chance.choice(self._cases[-400:])
                changed[case.id] = case
                events += self._happens(case, cause)
        for case in changed.values():
            case.revision += 1
        new = {case.id for case in opened}
        rest = [case for case in changed.values() if case.id not in new]
        changes = Changes(opened=opened, changed=rest, events=build_events(events, {}))
        async with self._store.transaction() as tx:
            await tx.write(changes)
        self.written += len(events)

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    def _another(self, at: datetime) -> Case:
        number = 1001 + len(self._cases)
        case = Case(
            id=uuid4(), title=f"Pump {number} leaks", state="active", status="in progress", priority="normal",
            origin="email", queue="Support", opened_at=at, number=number,
        )  # fmt: skip
        self._cases.append(case)
        return case

    def _happens(self, case: Case, cause: Deed) -> list[CaseEvent]:
        before = (case.state, case.status)
        if case.state != "active":
            case.state, case.status = "active", "in progress"
            return [CaseEvent("case.reopened", cause, case, {"state": (before[0], case.state)})]
        match self._chance.randrange(5):
            case 0:
                case.state, case.status = "resolved", "problem solved"
                return [CaseEvent("case.resolved", cause, case, {"state": (before[0], case.state)})]
            case 1:
                case.state, case.status = "cancelled", "merged"
                other = self._chance.choice(self._cases)
                return [CaseEvent("case.merged", cause, case, {"state": (before[0], case.state)}, linked=other)]
            case 2:
                old, case.queue = case.queue, self._chance.choice(_QUEUES)
                routed = {"queue": (old, case.queue)}
                return [CaseEvent("case.routed", cause, case, routed), CaseEvent("case.updated", cause, case, routed)]
            case _:
                old, case.priority = case.priority, self._chance.choice(_PRIORITIES)
                return [CaseEvent("case.updated", cause, case, {"priority": (old, case.priority)})]
