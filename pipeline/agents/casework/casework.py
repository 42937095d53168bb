"""Carries out what an agent orders done to a case; what follows from it follows whoever did it."""

from collections.abc import AsyncIterator
from uuid import UUID

import stamina

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.casework.activities import finish, log, plan
from pipeline.agents.casework.answers import note, reply
from pipeline.agents.casework.commanding import command
from pipeline.agents.casework.desk import WorkDesk, deed_row
from pipeline.agents.casework.fields import assign, hold, resume, set_field
from pipeline.agents.casework.merging import attach, merge, unmerge
from pipeline.agents.casework.resolution import cancel, reactivate, resolve
from pipeline.agents.consequences import Consequences
from pipeline.agents.rules import Rules
from pipeline.domain.activities import RecordName
from pipeline.domain.cases import survivor
from pipeline.domain.casework import CUSTOMER
from pipeline.domain.orders import (
    Assign,
    Attach,
    Cancel,
    Command,
    Done,
    Finish,
    Hold,
    Log,
    Merge,
    Note,
    Order,
    Plan,
    Reactivate,
    Refused,
    Reply,
    Resolve,
    Resume,
    SetField,
    Unmerge,
    unbelievable,
)
from pipeline.errors import Retry
from pipeline.store.casework_ports import Family, WorkWanted
from pipeline.store.ports import Store, Transaction

ATTEMPTS = 8


class Casework:
    """Each order is a transaction of its own; one that changes nothing writes nothing."""

    def __init__(self, store: Store, rules: Rules, consequences: Consequences) -> None:
        self._store = store
        self._rules = rules
        self._consequences = consequences

    async def do(self, case_id: UUID, order: Order, by: Deed) -> Done | Refused:
        """Carry out an order on a case, or on the one that it was merged into.

        Raises LookupError when there is no such case; Retry when the store is away.
        """
        if (refused := unbelievable(order)) is not None:
            return refused
        concerned = {case_id}
        async for attempt in _again():
            with attempt:
                async with self._store.transaction() as tx:
                    return await self._do(case_id, order, by, concerned, tx)
        raise AssertionError("the loop above returns or raises")

    async def _do(self, case_id: UUID, order: Order, by: Deed, concerned: set[UUID], tx: Transaction) -> Done | Refused:
        desk = await self._desk(case_id, order, by, concerned, tx)
        made = carry_out(desk, order)
        if isinstance(made, Refused):
            return made
        if not (desk.batch.events or desk.batch.work):
            return Done(changed=False)
        desk.batch.work.deeds.append(deed_row(desk.case.id, order, by, made))
        await self._consequences(desk.batch, tx)
        return Done(changed=True, activity=made)

    async def _desk(self, case_id: UUID, order: Order, by: Deed, concerned: set[UUID], tx: Transaction) -> WorkDesk:
        """The case with all that the order may be about, locked; more of them than were `concerned` is another try."""
        concerned |= await _others(case_id, order, tx)
        if _about_family(order):
            concerned |= _ids(await tx.family(concerned))
        cases = dict(await tx.lock_cases(concerned))
        case = cases.get(case_id) if isinstance(order, Unmerge) else survivor(case_id, cases)
        if case is None:
            raise LookupError(f"there is no case {case_id}")
        family = await tx.family(cases.keys()) if _about_family(order) else Family()
        desk = WorkDesk(case, Batch(cases=cases), by, self._rules, family)
        desk.facts = await tx.work(_wanted(desk, order))
        if missing := (_ids(family) | _came_from(desk, order)) - cases.keys():
            concerned |= missing
            raise Retry("more cases belong together than were known before they were locked")
        return desk


def carry_out(desk: WorkDesk, order: Order) -> UUID | Refused | None:  # noqa: C901, PLR0911, PLR0912  # an arm an order
    """What an order does on the desk; the activity that it made, if it made one."""
    match order:
        case Reply():
            return reply(desk, order)
        case Note():
            return note(desk, order)
        case Command():
            return command(desk, order)
        case Assign():
            return assign(desk, order)
        case SetField():
            return set_field(desk, order)
        case Hold():
            return hold(desk, order)
        case Resume():
            resume(desk)
        case Resolve():
            return resolve(desk, order)
        case Cancel():
            cancel(desk)
        case Reactivate():
            reactivate(desk)
        case Merge():
            return merge(desk, order)
        case Unmerge():
            return unmerge(desk)
        case Attach():
            return attach(desk, order)
        case Plan():
            return plan(desk, order)
        case Log():
            return log(desk, order)
        case Finish():
            return finish(desk, order)
    return None


def _about_family(order: Order) -> bool:
    """Whether other cases matter that the order does not name."""
    return isinstance(order, Resolve | Merge | Unmerge) or (isinstance(order, SetField) and order.field == "parent")


async def _others(case_id: UUID, order: Order, tx: Transaction) -> set[UUID]:
    """The cases that an order names beside its own."""
    match order:
        case Merge(into=into):
            return {into}
        case Unmerge():
            merges = (await tx.work(WorkWanted(merges={case_id}))).merges
            return {record.into for record in merges.values()}
        case SetField(field="parent", value=UUID() as parent):
            return {parent}
        case Attach(activity=activity):
            known = await tx.work(WorkWanted(activities={activity}))
            return {one.case_id for one in known.activities.values() if one.case_id is not None}
    return set()


def _ids(family: Family) -> set[UUID]:
    of_kind = (family.children, family.ancestors, family.merged)
    return {one for found in of_kind for of_case in found.values() for one in of_case}


def _came_from(desk: WorkDesk, order: Order) -> set[UUID]:
    activity = desk.facts.activities.get(order.activity) if isinstance(order, Attach) else None
    return {activity.case_id} if activity is not None and activity.case_id is not None else set()


def _wanted(desk: WorkDesk, order: Order) -> WorkWanted:  # noqa: PLR0911  # a question an order
    """What the order asks; nothing where the case alone tells."""
    cases = desk.batch.cases.keys()
    match order:
        case Command():
            return WorkWanted(feeds={desk.case.id})
        case Reply():
            return WorkWanted(answers={desk.case.id}, asked={desk.case.id: order.answers})
        case SetField(field=field, value=str(name)) if field in CUSTOMER:
            return WorkWanted(records={RecordName(field, name)})
        case Assign(owner=str(owner)) | Plan(owner=str(owner)):
            return WorkWanted(agents={owner})
        case Resolve() | Cancel() | Merge():
            return WorkWanted(cases=set(cases))
        case Unmerge():
            return WorkWanted(cases=set(cases), merges=set(cases))
        case Attach(activity=activity):
            return WorkWanted(cases=set(cases), activities={activity})
        case Finish(activity=activity):
            return WorkWanted(activities={activity})
    return WorkWanted()


def _again() -> AsyncIterator[stamina.Attempt]:
    """Tries again while others are at the same cases."""
    return stamina.retry_context(on=Retry, attempts=ATTEMPTS, wait_initial=0.02, wait_max=1.0, wait_jitter=0.1)
