"""Keeps what waits in queues in step with the cases, and lets go what an absent owner cannot answer."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.channels.call_activity import CALL_BACK
from pipeline.agents.rules import Rules
from pipeline.domain.agents import Agent
from pipeline.domain.cases import Case
from pipeline.domain.outcomes import Quarantined
from pipeline.domain.queues import rank
from pipeline.domain.timers import Timer
from pipeline.store.ports import Transaction
from pipeline.store.queue_ports import ItemKind, QueueItem

PART = "queue"
FILL, OVERFLOW = "queue.fill", "queue.overflow"

_MOVES = frozenset({"queue", "owner", "priority", "state"})
"""What of a case changes how it waits."""


class Queues:
    """A case waits in its queue while it is active and nobody's; a quarantined mail until somebody judges it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Put and take the items of what this batch moved, and arm what time brings about for them."""
        await self._let_go(batch, tx)
        moved = dict(_moved(batch))
        known = await tx.queue_items([case.id for case, _ in moved.values() if case.id not in batch.opened])
        for case, at in moved.values():
            self._move(case, known.get(case.id), at, batch)
        self._others(batch)

    def _others(self, batch: Batch) -> None:
        """What waits that is no case: mails to be judged, calls to be returned, tasks that are nobody's."""
        for item in (*_quarantined(batch), *_calls(batch), *_tasks(batch, self._rules.default_queue)):
            batch.queues.put(item)
        for returned in batch.channels.closed:
            batch.queues.take(CALL_BACK, returned)
        for ended in batch.work.finished:
            batch.queues.take("task", ended.id)
        for (kind, ref), waits in [*batch.queues.items.items()]:
            if kind != "case":
                self._time_overflow(kind, ref, waits, waits.since if waits else None, batch)

    async def _let_go(self, batch: Batch, tx: Transaction) -> None:
        """A customer's message on the case of an owner who is away brings it back to its queue."""
        answered = {event.case.id: event for event in batch.events if _is_customers(event) and event.case is not None}
        owned = {event.case.owner.id for event in answered.values() if event.case and event.case.owner}
        if not owned:
            return
        agents = {agent.ref.id: agent for agent in await tx.agents(ids=owned)}
        for event in answered.values():
            case, cause = event.case, event.cause
            if case is None or case.owner is None or case.state != "active" or not isinstance(cause, Incoming):
                continue
            agent: Agent | None = agents.get(case.owner.id)
            until = self._rules.hours.absent_until(agent, cause.received) if agent else None
            if until is not None:
                owner, case.owner = case.owner, None
                batch.touch(case)
                batch.why(case, PART, f"{owner.name} is away until {until:%Y-%m-%d %H:%M}; it is back in {case.queue}",
                          cause.received)  # fmt: skip
                changed = {"owner": (owner, None)}
                batch.events.append(CaseEvent("case.assigned", cause, case, changed, rule="absent owner"))

    def _move(self, case: Case, known: QueueItem | None, at: datetime, batch: Batch) -> None:
        before = known.owner if known else None
        owner = case.owner.id if case.owner else None
        if case.state != "active":
            batch.queues.take("case", case.id)
            self._time_overflow("case", case.id, None, None, batch)
        else:
            item = self._item(case, known, at, batch)
            batch.queues.put(item)
            if known is None or (known.queue, known.owner) != (item.queue, item.owner):
                self._time_overflow("case", case.id, item, at, batch)
            if item.assign is not None and owner is None:
                batch.arm(Timer(FILL, str(case.id), at, data={"queue": case.queue}))
        if before is not None and (owner != before or case.state != "active") and self._rules.assigns:
            batch.arm(Timer(FILL, f"{before} {case.id}", at, data={"agent": str(before)}))

    def _item(self, case: Case, known: QueueItem | None, at: datetime, batch: Batch) -> QueueItem:
        rule = batch.queues.assigning.get(case.id)
        owner = case.owner.id if case.owner else None
        since, given = at, at if owner else None
        units, assign, skills = self._rules.queue(case.queue).units, None, {}
        if known is not None:
            since, units, assign, skills = known.since, known.units, known.assign, dict(known.skills)
            given = known.given if known.owner == owner else given
        if rule is not None:
            assign, skills = rule.assign, dict(rule.skills)
            units = rule.units if rule.units is not None else units
        return QueueItem(
            kind="case",
            ref=case.id,
            queue=case.queue,
            rank=rank(case.priority),
            since=since,
            owner=owner,
            given=given,
            units=units,
            assign=assign,
            skills=skills,
        )

    def _time_overflow(
        self, kind: ItemKind, ref: UUID, item: QueueItem | None, at: datetime | None, batch: Batch
    ) -> None:
        """What waits too long goes to another queue; who has an owner or is gone waits no more."""
        if not self._rules.overflows:
            return
        waits = item is not None and item.owner is None and at is not None
        due = self._rules.overflows_at(item.queue, at) if waits and item is not None and at is not None else None
        if item is None or due is None:
            batch.disarm(OVERFLOW, f"{kind} {ref}")
            return
        case = ref if kind == "case" else None
        data = {"queue": item.queue, "kind": kind, "ref": str(ref)}
        batch.arm(Timer(OVERFLOW, f"{kind} {ref}", due, case_id=case, data=data))


def _quarantined(batch: Batch) -> Iterator[QueueItem]:
    for message in batch.messages:
        if isinstance(message.outcome, Quarantined):
            yield QueueItem(kind="quarantined", ref=message.id, queue=message.queue, since=message.received)


def _calls(batch: Batch) -> Iterator[QueueItem]:
    for call in batch.channels.activities.values():
        if call.kind == CALL_BACK and call.state == "open" and call.queue is not None:
            yield QueueItem(kind=CALL_BACK, ref=call.id, queue=call.queue, since=call.at)


def _tasks(batch: Batch, default_queue: str) -> Iterator[QueueItem]:
    """Tasks that are nobody's wait in the queues of their cases; those of other records in the default queue."""
    for task in batch.work.activities:
        case = batch.cases.get(task.case_id) if task.case_id else None
        if task.kind != "task" or task.state != "open" or task.agent is not None:
            continue
        if task.regarding is not None:
            yield QueueItem(kind="task", ref=task.id, queue=default_queue, since=task.at)
        elif case is not None:
            yield QueueItem(kind="task", ref=task.id, queue=case.queue, rank=rank(case.priority), since=task.at)


def _moved(batch: Batch) -> Iterator[tuple[UUID, tuple[Case, datetime]]]:
    """The cases whose place in a queue may be another now, with when that came about."""
    for event in batch.events:
        if event.case is not None and (event.type == "case.opened" or not _MOVES.isdisjoint(event.changed)):
            yield event.case.id, (event.case, event.cause.at)


def _is_customers(event: CaseEvent) -> bool:
    """Whether a customer wrote something that joined a case."""
    cause = event.cause
    return (
        event.type == "case.appended"
        and isinstance(cause, Incoming)
        and cause.direction == "in"
        and cause.asks
        and not cause.automatic
        and not (cause.party and cause.party.agent)
    )
