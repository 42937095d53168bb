"""Marks the billable time of cases that are resolved as consumed, and takes the mark away when they are no more."""

from datetime import datetime
from uuid import UUID

from pipeline.agents.batch import Batch
from pipeline.store.ports import Transaction


class Marks:
    """Whoever resolves a case, or works on it again: an agent, a customer's answer, the clock, a device."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Look at the cases whose state changed."""
        last: dict[UUID, datetime | None] = {}
        for event in batch.events:
            if event.case is not None and "state" in event.changed:
                old, new = event.changed["state"]
                if new == "resolved":
                    last[event.case.id] = event.cause.at
                elif old == "resolved":
                    last[event.case.id] = None
        batch.work.consumed.extend((case, at) for case, at in last.items() if at is not None)
        batch.work.restored.extend(case for case, at in last.items() if at is None)
