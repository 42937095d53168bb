"""Numbers the cases that a batch opened."""

from pipeline.agents.batch import Batch
from pipeline.store.ports import Transaction


async def number_cases(batch: Batch, tx: Transaction) -> None:
    """Give those without a number the next ones, in the order in which they were opened."""
    new = [case for case in batch.opened.values() if not case.number]
    for case, number in zip(new, await tx.case_numbers(len(new)), strict=True):
        case.number = number
