"""Decides about mails of other systems that tell of one thing: one active case for each thing."""

from collections.abc import Iterator
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.casebook import BY_RULE, Casebook
from pipeline.agents.casework.desk import new_activity
from pipeline.domain import casework
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.correlating import Correlated
from pipeline.domain.outcomes import Recorded

PART = "correlate"


class Correlations:
    """Is asked before anything else is, so that a robot's mail is neither suppressed nor folded."""

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case that this thing had last."""
        if message.correlated is not None and message.correlated.key in batch.channels.conversations:
            yield batch.channels.conversations[message.correlated.key]

    def decide(self, message: Incoming, book: Casebook) -> bool:
        """Append it to the active case, open one, or keep that it is over; False when it tells of no such thing."""
        told, batch = message.correlated, book.batch
        if told is None or message.standing == "refuted" or message.from_us:
            return False
        last = batch.channels.conversations.get(told.key)
        case = survivor(last, batch.cases) if last is not None else None
        if case is not None and case.state == "active":
            book.append(message, case, by=BY_RULE, reason=str(told), effect=Join())
            if told.resolves:
                _resolve(message, told, case, batch)
        elif told.resolves:
            message.outcome = Recorded(f"{told}, is over, and no case of it is active")
        elif message.refused is not None:
            message.outcome = message.refused
        else:
            opened = book.open(message, reason=str(told))
            batch.channels.conversations[told.key] = batch.channels.conversed[told.key] = opened.id
            batch.why(opened, PART, str(told), message.received)
        return True


def _resolve(message: Incoming, told: Correlated, case: Case, batch: Batch) -> None:
    at = message.received
    changed = casework.resolve(case, at=at, status="problem solved")
    if not changed:
        return
    made = new_activity(case, "resolution", at, subject=case.status, body=f"{told}: it is over")
    batch.work.activities.append(made)
    batch.touch(case)
    batch.why(case, PART, f"{told}: it is over", at)
    batch.events.append(CaseEvent("case.resolved", message, case, changed, activity=made.id, rule=told.rule))
