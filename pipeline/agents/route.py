"""Puts each opened case into its queue."""

from pipeline.agents.batch import Batch
from pipeline.store.ports import Transaction


class Route:
    """A new case waits in the queue of the mailbox or form that its first message came to."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Decide for the cases that this batch opened."""
        for message in batch.messages:
            if message.case is not None and message.case.id in batch.opened and message.outcome is not None:
                case = batch.opened[message.case.id]
                if message.outcome.name == "opened":
                    case.queue = message.queue
