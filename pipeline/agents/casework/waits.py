"""Sets the time limits of cases that rest: when a hold ends, when a customer is reminded, when nobody waits longer."""

from collections.abc import Iterator
from datetime import datetime

from pipeline.agents.batch import Batch, CaseEvent
from pipeline.agents.rules import Rules
from pipeline.config.values import length
from pipeline.domain.cases import Case
from pipeline.domain.casework import RESTING
from pipeline.domain.timers import Timer
from pipeline.store.ports import Transaction

UNTIL, REMIND, UNANSWERED = "case.until", "case.remind", "case.unanswered"
WAITING = "waiting for details"


class Waits:
    """Arms timers when a case begins to rest, disarms them when it is worked on again."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Look at the cases whose status or end of rest changed."""
        for event in batch.events:
            if event.case is not None and ("status" in event.changed or "until" in event.changed):
                self._set(event, event.case, batch)

    def _set(self, event: CaseEvent, case: Case, batch: Batch) -> None:
        rests = case.state == "active" and case.status in RESTING
        if "until" in event.changed:
            if rests and case.until is not None:
                batch.arm(Timer(UNTIL, str(case.id), case.until, case.id, "messages"))
            else:
                batch.disarm(UNTIL, str(case.id))
        if "status" not in event.changed:
            return
        old, new = event.changed["status"]
        if case.status == WAITING and new == WAITING:
            for timer in self._limits(case, event.cause.at):
                batch.arm(timer)
        elif WAITING in {old, new}:
            batch.disarm(REMIND, str(case.id))
            batch.disarm(UNANSWERED, str(case.id))

    def _limits(self, case: Case, since: datetime) -> Iterator[Timer]:
        waiting = self._rules.queue(case.queue).waiting
        if waiting is None:
            return
        closes_at = since + length(waiting.resolve) if waiting.resolve is not None else None
        if waiting.remind is not None:
            data = {"closes_at": closes_at.isoformat() if closes_at else None}
            yield Timer(REMIND, str(case.id), since + length(waiting.remind), case.id, "messages", data)
        if closes_at is not None:
            yield Timer(UNANSWERED, str(case.id), closes_at, case.id, "messages")
