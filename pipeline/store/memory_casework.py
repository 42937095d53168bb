"""What casework asks and writes, in memory."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.activities import Activity, KnownRecord, RecordName
from pipeline.domain.matching import Identity, Ref
from pipeline.domain.threading import ThreadLink
from pipeline.store.casework_ports import (
    Correspondence,
    Family,
    Finished,
    Moved,
    WorkActivity,
    WorkChanges,
    WorkFacts,
    WorkWanted,
)
from pipeline.store.channel_ports import ToldActivity
from pipeline.store.delivery_ports import Leaving
from pipeline.store.memory_replies import known_asked
from pipeline.store.ports import NewActivity

if TYPE_CHECKING:
    from pipeline.store.memory import Tables

Row = NewActivity | ToldActivity | WorkActivity


def known_family(tables: "Tables", cases: Collection[UUID]) -> Family:
    """The children below these cases, the parents above them, what was merged into them."""
    merges = sorted(tables.merges.values(), key=lambda record: (record.at, record.merged), reverse=True)
    return Family(
        children=_kept({case: sorted(_below(tables, case, set())) for case in cases}),
        ancestors=_kept({case: _above(tables, case) for case in cases}),
        merged=_kept({case: [record.merged for record in merges if record.into == case] for case in cases}),
    )


def known_work(tables: "Tables", wanted: WorkWanted) -> WorkFacts:
    """What is known."""
    rows = sorted(tables.activities.values(), key=lambda row: (row.at, row.id))
    activities = [_activity(tables, row) for row in rows if row.case_id in wanted.cases or row.id in wanted.activities]
    agents = {agent.external_id: agent for agent in tables.agents.values() if agent.external_id}
    return WorkFacts(
        of_case=_kept({case: [one for one in activities if one.case_id == case] for case in wanted.cases}),
        activities={one.id: one for one in activities},
        merges={case: tables.merges[case] for case in wanted.merges if case in tables.merges},
        agents={name: agents[name] for name in wanted.agents if name in agents},
        asked=known_asked(tables, wanted.asked),
        feeds={case: found for case in wanted.feeds if (found := _feed(tables, case)) is not None},
        answers={case: _answer(tables, case) for case in wanted.answers if case in tables.cases},
        records={name: known for name in wanted.records if (known := _record(tables, name)) is not None},
    )


def _record(tables: "Tables", record: RecordName) -> KnownRecord | None:
    match record.kind:
        case "contact":
            by_address = tables.identities.get(Identity("email", record.name.lower()), (None, None))[0]
            named = [one for one, (ref, _) in tables.contacts.items() if record.name in {ref.external_id, str(ref.id)}]
            found = next(iter(named), by_address)
            if found is None:
                return None
            ref, account = tables.contacts[tables.survivors.get(found, found)]
            return KnownRecord(ref, tables.accounts[account] if account else None)
        case "account":
            refs = [ref for ref in tables.accounts.values() if ref.external_id == record.name]
            return KnownRecord(refs[0]) if refs else None
        case "device":
            device = tables.devices.get(record.name)
            return KnownRecord(device.ref, device.account) if device else None
        case "entitlement" if record.name in tables.entitlements:
            id_ = UUID(hashlib.md5(record.name.encode(), usedforsecurity=False).hexdigest())
            return KnownRecord(Ref(id_, record.name, record.name))
    return None


def write_work(tables: "Tables", changes: WorkChanges) -> None:
    """Write what there is."""
    for case in changes.restored:
        for row in _of_case(tables, case):
            tables.consumed.pop(row.id, None)
    tables.activities.update({activity.id: activity for activity in changes.activities})
    for finished in changes.finished:
        _finish(tables, finished)
    for moved in changes.moved:
        _move(tables, moved)
    for id_, agent in changes.owned:
        _own(tables, id_, agent)
    for case, at in changes.consumed:
        _consume(tables, case, at)
    tables.merges.update({record.merged: record for record in changes.merged})
    for case in changes.unmerged:
        tables.merges.pop(case, None)
    for pair in changes.left:
        tables.participants.pop(pair, None)
    tables.deeds.update({deed.id: deed for deed in changes.deeds})
    tables.replies.update({reply.id: reply for reply in changes.replies})
    tables.deliveries.update(
        {one.id: Leaving(one.id, None, one.delivery) for one in changes.activities if one.delivery}
    )


def _kept(found: dict[UUID, list[UUID]] | dict[UUID, list[Activity]]) -> dict:  # type: ignore[type-arg]  # of either
    return {case: known for case, known in found.items() if known}


def _below(tables: "Tables", case: UUID, seen: set[UUID]) -> set[UUID]:
    for child in tables.cases.values():
        if child.parent == case and child.id not in seen:
            seen.add(child.id)
            _below(tables, child.id, seen)
    return seen


def _above(tables: "Tables", case: UUID) -> list[UUID]:
    found: list[UUID] = []
    row = tables.cases.get(case)
    while row is not None and row.parent is not None and row.parent not in found:
        found.append(row.parent)
        row = tables.cases.get(row.parent)
    return found


def _of_case(tables: "Tables", case: UUID) -> Iterable[Row]:
    return [row for row in tables.activities.values() if row.case_id == case]


def _billable(row: Row) -> int:
    return 0 if isinstance(row, NewActivity) else row.billable_s or 0


def _activity(tables: "Tables", row: Row) -> Activity:
    timed = None if isinstance(row, NewActivity) else row
    return Activity(
        id=row.id,
        case_id=row.case_id,
        kind=row.kind,
        direction=row.direction,
        state=row.state,
        at=row.at,
        subject=row.subject,
        sender=row.sender,
        owner=timed.agent if timed else None,
        duration_s=timed.duration_s if timed else None,
        billable_s=timed.billable_s if timed else None,
        adjusts=isinstance(row, WorkActivity) and row.adjusts,
        consumed=row.id in tables.consumed,
        regarding_kind=row.regarding_kind if isinstance(row, WorkActivity) else None,
        regarding=row.regarding if isinstance(row, WorkActivity) else None,
    )


def _answer(tables: "Tables", case_id: UUID) -> Correspondence:
    case = tables.cases[case_id]
    contact = case.contact.id if case.contact else None
    wrote = [
        row
        for row in sorted(_of_case(tables, case_id), key=lambda row: (row.at, row.id), reverse=True)
        if row.direction == "in" and row.sender and row.kind in {"email", "web", "social"}
        and contact in {None, row.contact_id}
    ]  # fmt: skip
    known = sorted(
        identity.value
        for identity, (owner, _) in tables.identities.items()
        if identity.kind == "email" and owner is not None and owner == contact
    )
    if not wrote:
        return Correspondence(case.origin, known[0] if known else None, known=known)
    said = [message.source_id for message in tables.messages.values() if message.activity_id == wrote[0].id]
    return Correspondence(wrote[0].kind, wrote[0].sender, said[0] if said else None, known)


def _finish(tables: "Tables", finished: Finished) -> None:
    row = tables.activities.get(finished.id)
    if row is None or row.state != "open" or isinstance(row, NewActivity):
        return
    tables.activities[row.id] = replace(
        row,
        state=finished.state,
        ended_at=finished.at,
        duration_s=row.duration_s if finished.duration_s is None else finished.duration_s,
        billable_s=row.billable_s if finished.billable_s is None else finished.billable_s,
    )


def _consume(tables: "Tables", case: UUID, at: datetime) -> None:
    """Marks what bears no mark yet."""
    for row in _of_case(tables, case):
        if row.id not in tables.consumed and row.state == "closed" and row.kind != "resolution" and _billable(row):
            tables.consumed[row.id] = at


def _own(tables: "Tables", activity: UUID, agent: str | None) -> None:
    row = tables.activities.get(activity)
    if isinstance(row, WorkActivity) and row.state == "open":
        tables.activities[activity] = replace(row, agent=agent)


def _move(tables: "Tables", moved: Moved) -> None:
    row = tables.activities[moved.id]
    ids = {m.source_id for m in tables.messages.values() if m.activity_id == moved.id and m.channel == "email"}
    for link in [link for link in tables.links if link.own and link.id in ids and link.case_id == row.case_id]:
        if moved.carries_links:
            del tables.links[link]
            tables.links[ThreadLink(link.id, moved.case_id, own=True, contact_id=link.contact_id)] = None
    tables.activities[moved.id] = replace(row, case_id=moved.case_id)


def _feed(tables: "Tables", case: UUID) -> str | None:
    told = [m for m in tables.messages.values() if m.channel == "iot" and m.activity_id in tables.activities
            and tables.activities[m.activity_id].case_id == case]  # fmt: skip
    return max(told, key=lambda message: message.received_at).source if told else None
