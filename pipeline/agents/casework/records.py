"""Carries out what agents note and plan on records that are no case."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from uuid import UUID

import stamina
from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.casework.desk import new_activity
from pipeline.agents.consequences import Consequences
from pipeline.domain.activities import KnownRecord, RecordName
from pipeline.domain.orders import Done, Finish, Log, Note, OnRecord, Plan, RecordOrder, Refused, unbelievable
from pipeline.domain.timers import Timer
from pipeline.errors import Retry
from pipeline.store.casework_ports import DeedRow, Finished, WorkActivity, WorkFacts, WorkWanted
from pipeline.store.ports import Store, Transaction

ATTEMPTS = 8
REMIND, DUE = "activity.remind", "activity.due"


class RecordWork:
    """Each order is a transaction of its own; the activity that it makes belongs to no case."""

    def __init__(self, store: Store, consequences: Consequences) -> None:
        self._store = store
        self._consequences = consequences

    async def do(self, order: OnRecord, by: Deed) -> Done | Refused:
        """Carry it out. Raises Retry when the store is away."""
        if (refused := unbelievable(order.what)) is not None:
            return refused
        async for attempt in stamina.retry_context(on=Retry, attempts=ATTEMPTS, wait_initial=0.02, wait_max=1.0):
            with attempt:
                async with self._store.transaction() as tx:
                    return await self._do(order, by, tx)
        raise AssertionError("the loop above returns or raises")

    async def _do(self, order: OnRecord, by: Deed, tx: Transaction) -> Done | Refused:
        what = order.what
        facts = await tx.work(
            WorkWanted(
                records={order.record},
                agents={what.owner} if isinstance(what, Plan) and what.owner else (),
                activities={what.activity} if isinstance(what, Finish) else (),
            )
        )
        known = facts.records.get(order.record)
        if known is None:
            return Refused(f'there is no {order.record.kind} "{order.record.name}"; name one by external id')
        record = _called(order.record, known)
        batch = Batch()
        made = _carry_out(batch, what, record, facts, by)
        if isinstance(made, Refused):
            return made
        if not batch.work:
            return Done(changed=False)
        data = {**asdict(what), "regarding": record._asdict()}
        batch.work.deeds.append(DeedRow(uuid7(), None, by.at, by.actor, by.actor_id, type(what).__name__, data, made))
        await self._consequences(batch, tx)
        return Done(changed=True, activity=made)


def _carry_out(
    batch: Batch, what: RecordOrder, record: RecordName, facts: WorkFacts, by: Deed
) -> UUID | Refused | None:
    agent = by.actor_id if by.actor == "agent" else None
    match what:
        case Note():
            return _add(batch, record, new_activity(None, "note", by.at, body=what.text, agent=agent))
        case Log():
            began = by.at - timedelta(seconds=what.duration_s) if what.duration_s is not None else None
            logged = new_activity(
                None, what.kind, by.at, direction=what.direction, subject=what.subject, body=what.text, agent=agent,
                started_at=began, ended_at=by.at, duration_s=what.duration_s,
                billable_s=what.duration_s if what.billable else None,
            )  # fmt: skip
            return _add(batch, record, logged)
        case Plan():
            return _plan(batch, what, record, facts, by.at)
        case Finish():
            return _finish(batch, what, record, facts, by.at)


def _plan(batch: Batch, order: Plan, record: RecordName, facts: WorkFacts, at: datetime) -> UUID | Refused:
    if order.owner is not None and order.owner not in facts.agents:
        return Refused(f'there is no agent "{order.owner}"')
    planned = new_activity(
        None, order.kind, at, state="open", subject=order.subject, body=order.text, agent=order.owner,
        due_at=order.due_at, remind_at=order.remind_at,
    )  # fmt: skip
    for kind, when in ((REMIND, order.remind_at), (DUE, order.due_at)):
        if when is not None:
            batch.arm(Timer(kind, str(planned.id), max(when, at)))
    return _add(batch, record, planned)


def _finish(batch: Batch, order: Finish, record: RecordName, facts: WorkFacts, at: datetime) -> Refused | None:
    activity = facts.activities.get(order.activity)
    if activity is None or activity.record != record:
        return Refused(f"{record.kind} {record.name} has no such activity")
    if activity.state == "open":
        duration_s = None if order.cancelled else order.duration_s
        state = "cancelled" if order.cancelled else "closed"
        billable_s = duration_s if order.billable else None
        batch.work.finished.append(Finished(activity.id, state, at, duration_s, billable_s))
        for kind in (REMIND, DUE):
            batch.disarm(kind, str(activity.id))
    return None


def _add(batch: Batch, record: RecordName, activity: WorkActivity) -> UUID:
    batch.work.activities.append(replace(activity, regarding_kind=record.kind, regarding=record.name))
    return activity.id


def _called(asked: RecordName, known: KnownRecord) -> RecordName:
    """The record by its external id, else by its own, however it was asked for."""
    return RecordName(asked.kind, known.ref.external_id or str(known.ref.id))
