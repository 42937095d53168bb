"""Lets the parent case of a group of alarms end with its last child, and begin again with one of them."""

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.agents.casework.resolution import resolve
from pipeline.agents.rules import Rules
from pipeline.domain import casework
from pipeline.domain.cases import Case
from pipeline.domain.orders import Refused, Resolve
from pipeline.domain.timers import Timer
from pipeline.errors import Retry
from pipeline.store.casework_ports import Family, WorkFacts, WorkWanted
from pipeline.store.ports import Transaction

CHILDREN = "case.children"
PART = "group"

LATER = timedelta(hours=1)
"""A parent that could not be resolved, since somebody talks on it, is tried again after so long."""


class Families:
    """Has a parent looked at, in a transaction of its own, when a child of it closed or was opened again."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Arm a timer that is due at once; the parent is locked by it and not by who moved the child."""
        for event in batch.events:
            child = event.case
            if child is not None and child.parent is not None and child.origin == "iot" and "state" in event.changed:
                batch.arm(Timer(CHILDREN, str(child.parent), event.cause.at, child.parent))


class FamilyTimers:
    """Resolves, or opens again, parents that a rule opened; what it read for a transaction it forgets with the next."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._family = Family()
        self._facts = WorkFacts()
        self._touched: AbstractSet[UUID] = frozenset()

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # its case is locked
        """Nothing."""
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # every handler has this form
        """The children."""
        return _children(await tx.family({timer.case_id for timer in timers if timer.case_id}))

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Ask on which parents a person did something. Raises Retry when there are more children than were foreseen."""
        parents = {timer.case_id for timer in timers if timer.case_id}
        self._family = await tx.family(parents)
        if _children(self._family) - batch.cases.keys():
            raise Retry("a case got children before it was locked")
        self._facts = await tx.work(WorkWanted(cases=parents))
        self._touched = frozenset(await tx.touched_cases(parents))

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """A person's parent is theirs; it is only told that its children are closed."""
        case = batch.cases.get(timer.case_id) if timer.case_id else None
        if case is None or not _is_groups(case):
            return
        desk = WorkDesk(
            case, batch, replace(cause, actor="rule", actor_id=PART), self._rules, self._family, self._facts
        )
        children = desk.children(case)
        is_over = bool(children) and all(child.state != "active" for child in children)
        if case.state == "active" and is_over:
            self._end(desk, timer)
        elif case.state == "resolved" and children and not is_over and case.id not in self._touched:
            changed = casework.reactivate(case)
            batch.why(case, PART, "one of its children was opened again", desk.at)
            desk.tell("case.reopened", case, changed)

    def _end(self, desk: WorkDesk, timer: Timer) -> None:
        case = desk.case
        if case.id in self._touched:
            says = "all its children are closed; it stays open, since a person works on it"
            desk.add(new_activity(case, "iot", desk.at, subject=says, body=says))
            desk.tell("case.noted", case, {})
            return
        made = resolve(desk, Resolve(text="All its children are closed.", cancel_open=True, children="keep"))
        if isinstance(made, Refused):
            desk.batch.why(case, PART, made.reason, desk.at)
            desk.batch.arm(replace(timer, at=desk.at + LATER))


def _children(family: Family) -> set[UUID]:
    return {child for of_one in family.children.values() for child in of_one}


def _is_groups(case: Case) -> bool:
    """Whether alarms of many devices opened it: then it is no single device's."""
    return case.origin == "iot" and case.device is None
