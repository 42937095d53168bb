"""The desk of whoever works on a case: what they see, and what they change of it."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Deed, Incoming
from pipeline.agents.rules import Rules
from pipeline.config.sections import Queue
from pipeline.domain.activities import Activity
from pipeline.domain.cases import Case
from pipeline.domain.casework import Changed
from pipeline.domain.orders import Order
from pipeline.store.casework_ports import DeedRow, Family, Finished, WorkActivity, WorkFacts


@dataclass(slots=True)
class WorkDesk:
    """One case on the desk, with all cases that the order may be about; they are locked, in `batch.cases`.

    What a rule does is told with the `message` that made it, if one did.
    """

    case: Case
    batch: Batch
    by: Deed
    rules: Rules
    family: Family = field(default_factory=Family)
    facts: WorkFacts = field(default_factory=WorkFacts)
    message: Incoming | None = None

    @property
    def at(self) -> datetime:
        """When it is done."""
        return self.by.at

    def queue(self, case: Case) -> Queue:
        """The policy of the queue that a case waits in; of the first one, when its own is no more."""
        return self.rules.queue(case.queue)

    def activities(self, case: Case) -> list[Activity]:
        """What the case has done and to do, the oldest first."""
        return list(self.facts.of_case.get(case.id, ()))

    def below(self, case: Case) -> list[Case]:
        """The children of a case, and theirs."""
        return [self.batch.cases[one] for one in self.family.children.get(case.id, ()) if one in self.batch.cases]

    def children(self, case: Case) -> list[Case]:
        """The children of a case."""
        return [child for child in self.below(case) if child.parent == case.id]

    def tell(
        self,
        kind: str,
        case: Case,
        changed: Changed,
        *,
        linked: Case | None = None,
        activity: UUID | None = None,
    ) -> None:
        """Keep what happened to a case, and that it changed."""
        self.batch.touch(case)
        told = CaseEvent(kind, self.by, case, changed, linked=linked, activity=activity)
        if self.message is not None:
            told = replace(told, cause=self.message, rule=self.by.actor_id)
        self.batch.events.append(told)

    def tell_if(self, kind: str, case: Case, changed: Changed) -> None:
        """Keep what changed, if anything did."""
        if changed:
            self.tell(kind, case, changed)

    def add(self, activity: WorkActivity) -> UUID:
        """Keep an activity that the agent made."""
        self.batch.work.activities.append(activity)
        return activity.id

    def end_open(self, case: Case) -> None:
        """Cancel what the case has still to do, but for a call in progress."""
        for activity in self.activities(case):
            if activity.state == "open" and not activity.is_call:
                self.batch.work.finished.append(Finished(activity.id, "cancelled", self.at))
                self.disarm(activity.id)

    def disarm(self, activity: UUID) -> None:
        """Remind nobody of it any more."""
        for kind in ("activity.remind", "activity.due"):
            self.batch.disarm(kind, str(activity))

    def by_agent(self) -> str | None:
        """The agent who does it."""
        return self.by.actor_id if self.by.actor == "agent" else None


def deed_row(case: UUID, order: Order, by: Deed, activity: UUID | None = None) -> DeedRow:
    """What somebody ordered, for the journal of the past."""
    return DeedRow(uuid7(), case, by.at, by.actor, by.actor_id, type(order).__name__, asdict(order), activity)


def new_activity(case: Case | None, kind: str, at: datetime, **values: object) -> WorkActivity:
    """A closed internal activity, of a case if there is one, unless the values say otherwise."""
    known: dict[str, object] = {
        "id": uuid7(),
        "case_id": case.id if case else None,
        "kind": kind,
        "direction": "internal",
        "state": "closed",
        "subject": "",
        "body": "",
        "at": at,
        **values,
    }
    return WorkActivity(**known)  # type: ignore[arg-type]  # its fields by name
