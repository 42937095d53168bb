"""Decides about mails of other systems that tell of one thing: one active case for each thing."""

from collections.abc import Iterator
from uuid import UUID

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import BY_RULE, Casebook
from pipeline.agents.casework.by_rule import resolve_by_rule
from pipeline.agents.casework.desk import new_activity
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.correlating import Correlated
from pipeline.domain.outcomes import Recorded

PART = "correlate"


class Correlations:
    """Is asked before anything else is, so that a robot's mail is neither suppressed nor folded."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case that this thing had last."""
        if message.correlated is not None and message.correlated.key in batch.channels.conversations:
            yield batch.channels.conversations[message.correlated.key]

    def closing(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case that it may resolve."""
        if message.correlated is not None and message.correlated.resolves:
            yield from self.named(message, batch)

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
                self._resolve(message, told, case, batch)
        elif told.resolves:
            message.outcome = Recorded(f"{told}, is over, and no case of it is active")
        elif message.refused is not None:
            message.outcome = message.refused
        else:
            opened = book.open(message, reason=str(told))
            batch.channels.conversations[told.key] = batch.channels.conversed[told.key] = opened.id
            batch.why(opened, PART, str(told), message.received)
        return True

    def _resolve(self, message: Incoming, told: Correlated, case: Case, batch: Batch) -> None:
        says = f"{told}: it is over"
        if message.mail is not None and not message.mail.may_end:
            hindrance: str | None = f"{message.sender} is unproven; the case stays open"
        else:
            hindrance = resolve_by_rule(case, told.rule, says, message, (batch, self._rules))
        batch.why(case, PART, f"{says}, but {hindrance}" if hindrance else says, message.received)
        if hindrance is not None:
            note = new_activity(case, "note", message.received, body=f"{says}, but {hindrance}")
            batch.work.activities.append(note)
