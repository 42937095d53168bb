"""Makes the one object that a rehearsal prints."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.domain.billing import Rounding
from pipeline.domain.orders import Done, Refused
from pipeline.domain.sla import Terms
from pipeline.domain.tokens import TokenKeys
from pipeline.replay.entitled import entitlements
from pipeline.replay.promised import kpis_by_case
from pipeline.replay.steps import Deed
from pipeline.store.inventory import (
    ActivityRow,
    CaseRow,
    CommandRow,
    ContactRow,
    EventRow,
    Inventory,
    ItemRow,
    MessageRow,
    OutboundRow,
)
from pipeline.wire import DEAD_TYPE

Report = Mapping[str, list[dict[str, Any]]]
"""What JSON says of a rehearsal; see the design, section 7."""


@dataclass(frozen=True, slots=True)
class DeedDone:
    """What became of an agent's step."""

    deed: Deed
    result: Done | Refused


@dataclass(frozen=True, slots=True)
class Names:
    """How a rehearsal's records are called outside: ids of the journal by record, signed references, our source.

    `deeds` are the agents' steps, with what became of them; `rounding` is how the time of an activity counts.
    `now` is the time at which it ended, `terms` what was promised.
    """

    messages: Mapping[tuple[str, int], str]
    tokens: TokenKeys
    source: str
    terms: Terms
    now: datetime | None
    deeds: Sequence[DeedDone] = ()
    rounding: Rounding = field(default_factory=Rounding)


async def make_report(inventory: Inventory, names: Names) -> Report:
    """Everything that the database holds after a rehearsal."""
    rows = {(row.topic, row.log_offset): row for row in await inventory.messages()}
    messages = [(name, rows.get(place) or _plain_reading(place)) for place, name in names.messages.items()]
    activities = await inventory.activities()
    times = _billable(activities, names.rounding)
    joined: dict[int, list[str]] = defaultdict(list)
    for name, row in messages:
        if row.case_number is not None and row.activity_id is not None:
            joined[row.case_number].append(name)
    kpis = kpis_by_case(await inventory.promises(), names.terms, names.now)
    whys: dict[int, list[str]] = defaultdict(list)
    for why in await inventory.whys():
        whys[why.case_number].append(f"{why.part}: {why.says}")
    return {
        "messages": [_message(name, row) for name, row in messages],
        "cases": [
            _case(row, joined[row.number], times[row.number], names.tokens)
            | {"kpis": kpis.get(row.number, []), "why": whys[row.number]}
            for row in await inventory.cases()
        ],
        "queue_items": [_item(row) for row in await inventory.items()],
        "deeds": [_deed(done) for done in names.deeds],
        "kpis": [kpi for of_case in kpis.values() for kpi in of_case],
        "activities": [_activity(row) for row in activities],
        "contacts": [_contact(row) for row in await inventory.contacts()],
        "entitlements": entitlements(await inventory.entitlements(), names.now) if names.now else [],
        "outbound": [_outbound(row) for row in await inventory.outbound()],
        "commands": [_command(row) for row in await inventory.commands()],
        "events": [
            _event(row, position, names.source)
            for position, row in enumerate(await inventory.events(but=DEAD_TYPE), start=1)
        ],
    }


def _plain_reading(place: tuple[str, int]) -> MessageRow:
    """What became of a message that left no row of its own: it told readings, and they are their device's state."""
    return MessageRow(*place, "recorded", "readings, kept as the state of their device", *(None,) * 5)


def _message(name: str, row: MessageRow) -> dict[str, Any]:
    return {
        "id": name,
        "outcome": row.outcome,
        "reason": row.reason,
        "case": row.case_number,
        "matched_by": row.matched_by,
        "contact": row.contact_id,
        "account": row.account,
        "activity": row.activity_id,
        "customer_by": row.customer_by,
        "came_to": row.came_to,
    }


def _deed(done: DeedDone) -> dict[str, Any]:
    result = done.result
    return {
        "id": done.deed.id,
        "do": done.deed.verb,
        "case_of": done.deed.case_of,
        "outcome": "refused" if isinstance(result, Refused) else "done" if result.changed else "unchanged",
        "reason": result.reason if isinstance(result, Refused) else None,
        "activity": None if isinstance(result, Refused) else result.activity,
    }


def _billable(activities: Iterable[ActivityRow], rounding: Rounding) -> Mapping[int, int]:
    """The billable time of each case, by its number."""
    times: Counter[int] = Counter()
    for row in activities:
        if row.case_number is not None and row.state == "closed" and row.kind != "resolution" and row.billable_s:
            times[row.case_number] += row.billable_s if row.adjusts else rounding(row.billable_s)
    return times


def _case(row: CaseRow, messages: list[str], billable_s: int, tokens: TokenKeys) -> dict[str, Any]:
    return {
        "number": row.number,
        "reference": tokens.reference(row.number),
        "title": row.title,
        "description": row.description,
        "subject": row.subject,
        "status": row.status,
        "state": row.state,
        "priority": row.priority,
        "severity": row.severity,
        "type": row.type,
        "queue": row.queue,
        "owner": row.owner,
        "contact": row.contact_id,
        "account": row.account,
        "product": row.product,
        "device": row.device,
        "origin": row.origin,
        "entitlement": row.entitlement,
        "sla": row.sla,
        "follow_up_of": row.follow_up_of,
        "linked_to": row.linked_to,
        "merged_into": row.merged_into,
        "parent": row.parent,
        "until": row.until,
        "flags": row.flags,
        "watched_by": row.watched_by,
        "messages": messages,
        "billable_s": billable_s,
    }


def _item(row: ItemRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "id": row.ref,
        "case": row.case_number,
        "queue": row.queue,
        "priority": row.priority,
        "since": row.since,
        "owner": row.owner,
    }


def _activity(row: ActivityRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "case": row.case_number,
        "kind": row.kind,
        "direction": row.direction,
        "state": row.state,
        "from": row.sender,
        "to": row.recipient,
        "contact": row.contact_id,
        "agent": row.agent,
        "subject": row.subject,
        "text": row.text,
        "earlier": row.earlier,
        "hidden": row.hidden,
        "result": row.result,
        "started_at": row.started_at or row.at,
        "answered_at": row.answered_at,
        "ended_at": row.ended_at,
        "duration_s": row.duration_s,
        "billable_s": row.billable_s,
        "consumed": row.consumed,
        "due_at": row.due_at,
        "remind_at": row.remind_at,
        "regarding": {"kind": row.regarding_kind, "id": row.regarding} if row.regarding_kind else None,
        "queue": row.queue,
        "defects": row.defects,
        "delivery": row.delivery,
    }


def _contact(row: ContactRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "external_id": row.external_id,
        "name": row.name,
        "emails": row.emails,
        "phones": row.phones,
        "identities": row.identities,
        "account": row.account,
    }


def _outbound(row: OutboundRow) -> dict[str, Any]:
    return {
        "from": row.sender,
        "to": row.recipient,
        "subject": row.subject,
        "template": row.template,
        "case": row.case_number,
        "message_id": row.message_id,
        "in_reply_to": row.in_reply_to,
        "headers": row.headers,
        "text": row.body,
    }


def _command(row: CommandRow) -> dict[str, Any]:
    return {
        "device": row.device,
        "name": row.name,
        "rule": row.rule,
        "case": row.case_number,
        "state": row.state,
        "at": row.created_at,
    }


def _event(row: EventRow, position: int, source: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": row.id,
        "source": source,
        "type": row.type,
        "time": row.at,
        "subject": row.subject,
        "key": row.key,
        "sequence": f"{row.seq:012d}",
        "position": position,
        "datacontenttype": "application/json",
        "data": row.data,
    }
