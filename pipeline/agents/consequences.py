"""What follows when cases opened or changed, whoever did it: queue, entitlement, promise; then it is all written."""

from collections.abc import Sequence
from typing import Protocol

from pipeline.agents.batch import Batch
from pipeline.agents.changes import changes_of
from pipeline.store.ports import Transaction


class Step(Protocol):
    """A step: looks at the batch, asks the transaction, decides."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Decide what this step is for; leave what is decided already alone, ask nothing that nobody needs."""


class Consequences:
    """Ends the work on a batch, of messages, of an agent or of the clock."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Run all steps, then write what was decided."""
        for step in self._steps:
            await step(batch, tx)
        await tx.write(await changes_of(batch, tx))
