"""Resolves cases where a rule says that what they are about is over, unless something stands in the way."""

from collections.abc import Collection
from uuid import UUID

from pipeline.agents.batch import Batch, Deed, Incoming
from pipeline.agents.casework.desk import WorkDesk
from pipeline.agents.casework.resolution import resolve
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, survivor
from pipeline.domain.orders import Refused, Resolve
from pipeline.store.casework_ports import Family, WorkWanted
from pipeline.store.ports import Transaction


class _MoreError(Exception):
    """More cases lie below those that were locked."""

    def __init__(self, cases: set[UUID]) -> None:
        super().__init__(f"{len(cases)} more cases")
        self.cases = cases


async def lock_to_resolve(named: Collection[UUID], closing: Collection[UUID], batch: Batch, tx: Transaction) -> None:
    """Lock the cases `named` and all below those that may be `closing`, and read what these have still to do.

    All are locked in one order. What came to lie below them before they were locked is found then; the locks are given
    back, and taken anew with it.
    """
    if not closing:
        batch.cases |= await tx.lock_cases(named)
        return
    wanted = {*named, *closing, *_below(await tx.family(closing))}
    while True:
        try:
            async with tx.savepoint():
                await _lock(wanted, closing, batch, tx)
                return
        except _MoreError as more:
            wanted |= more.cases


async def _lock(wanted: set[UUID], closing: Collection[UUID], batch: Batch, tx: Transaction) -> None:
    batch.cases |= await tx.lock_cases(wanted)
    ending = {case.id for one in closing if (case := survivor(one, batch.cases)) is not None}
    batch.family = await tx.family(ending)
    below = _below(batch.family)
    if more := below - batch.cases.keys():
        raise _MoreError(more)
    batch.standing = await tx.work(WorkWanted(cases=ending | below))


def _below(family: Family) -> set[UUID]:
    return {child for children in family.children.values() for child in children}


def resolve_by_rule(case: Case, rule: str, says: str, cause: Incoming | Deed, desk: tuple[Batch, Rules]) -> str | None:
    """Resolve a case by a rule, which cancels what was still planned; why that cannot be, if so.

    A call in progress is in the way, and open children where the queue says so; elsewhere they stay open.
    """
    batch, rules = desk
    by = Deed(cause.at, "rule", rule)
    message = cause if isinstance(cause, Incoming) else None
    made = resolve(
        WorkDesk(case, batch, by, rules, batch.family, batch.standing, message),
        Resolve(text=says, cancel_open=True, children="keep"),
    )
    return made.reason if isinstance(made, Refused) else None
