"""A valid event of each type: the story of a desk on one morning, as its consumers would have heard it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from pipeline.events.ids import event_id, queue_id
from pipeline.events.schemas import full_type
from pipeline.events.state import STATE_TYPE

SOURCE = "/casestream/cases.desk.example"
_MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_THINGS = UUID("5f0c2a52-6d38-4a8e-9c0b-2f4d7a1e6b33")


@dataclass(frozen=True, slots=True)
class Example:
    """An event as it is published, and what the file of its type is called."""

    name: str
    id: UUID
    type: str
    subject: str | None
    at: datetime
    key: str
    seq: int
    position: int
    data: Mapping[str, Any]


def examples() -> Mapping[str, Example]:
    """An example of each type, by its name such as `case.opened`; of what the story tells twice, the first."""
    found: dict[str, Example] = {}
    for example in story():
        found.setdefault(example.name, example)
    return found


def story() -> list[Example]:
    """All of it, in the order of publication; the events of each key are without a hole, and fold to their case."""
    return list(_told())


def _id(name: str) -> str:
    return str(uuid5(_THINGS, name))


def _ref(external_id: str, name: str) -> dict[str, Any]:
    return {"id": _id(external_id), "external_id": external_id, "name": name}


def _queue(name: str) -> dict[str, Any]:
    return {"id": str(queue_id(name)), "external_id": None, "name": name}


_ANA = _ref("ana", "Ana Lima")
_ACME = _ref("acme", "Acme Water")
_RUI = _ref("rui", "Rui Costa")
_EVA = _ref("eva", "Eva Brandt")
_REFS: Mapping[str, Mapping[str, Any]] = {"Support": _queue("Support"), "Field service": _queue("Field service")}
_AGENT = {"kind": "agent", "id": "rui"}
_RULE = {"kind": "rule", "id": "pumps to field service"}
_CLOCK = {"kind": "clock", "id": None}
_DISPATCH = {"kind": "rule", "id": "dispatch"}


class _Teller:
    """Keeps the cases as they stand and counts what is told of each key."""

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, Any]] = {}
        self._sequences: Counter[str] = Counter()
        self._position = 0

    def opens(self, number: int, title: str, contact: Mapping[str, Any] | None = _ANA) -> str:
        """Another case; its key."""
        key = _id(f"case {number}")
        self.cases[key] = {
            "id": key, "number": number, "title": title, "status": "in progress", "state": "active",
            "priority": "normal", "queue": _REFS["Support"], "owner": None, "contact": contact, "account": _ACME,
        }  # fmt: skip
        return key

    def tell(
        self,
        name: str,
        key: str,
        actor: Mapping[str, Any],
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        **more: Any,  # noqa: ANN401  # what only this type has
    ) -> Example:
        """The next event of this key; `changes` are those of the case, of what every event shows as of the rest."""
        case = self.cases.get(key)
        for field, (_, now) in (changes or {}).items():
            if case is not None and field in case:
                case[field] = _REFS[now] if field == "queue" else now
        self._sequences[key] += 1
        self._position += 1
        data = {
            "case": dict(case) if case is not None else None,
            "changed": {field: list(values) for field, values in (changes or {}).items()},
            "actor": dict(actor),
            "cause": more["message"]["id"] if "message" in more else None,
            **more,
        }
        seq = self._sequences[key]
        return Example(
            name=name,
            id=event_id(key, seq),
            type=full_type(name),
            subject=str(case["number"]) if case is not None else None,
            at=_MORNING + timedelta(minutes=self._position),
            key=key,
            seq=seq,
            position=self._position,
            data=data,
        )


def _message(name: str, channel: str, source_id: str, outcome: str, reason: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # an activity or none
    return {
        "id": _id(name), "channel": channel, "source_id": source_id, "activity": more.get("activity"),
        "outcome": outcome, "reason": reason,
    }  # fmt: skip


def _told() -> Iterator[Example]:
    desk = _Teller()
    yield from _a_leaking_pump(desk)
    yield from _two_of_one(desk)
    yield from _a_device(desk)
    yield from _without_a_case(desk)


def _a_leaking_pump(desk: _Teller) -> Iterator[Example]:
    """A mail, what was promised on it, the answer, the end."""
    tell = desk.tell
    pump = desk.opens(1042, "Pump P-7 leaks")
    mail, answer = "<7f31@acme.example>", "<case.1042@cases.desk.example>"
    customer = {"kind": "customer", "id": _ANA["id"]}
    first = _message("m1", "email", mail, "opened", "it belongs to no case yet", activity=_id("a1"))
    yield tell("case.opened", pump, customer, message=first)
    yield tell("case.routed", pump, _RULE, {"queue": ("Support", "Field service")}, message=first)
    drawn = _entitlement(remaining=1.0, amount=1.0, by="opened")
    yield tell("entitlement.consumed", pump, customer, message=first, entitlement=drawn)
    yield tell("sla.started", pump, customer, message=first, kpi=_kpi("in progress", "the case opened"))
    yield tell("case.assigned", pump, _AGENT, {"owner": (None, _RUI)})
    yield tell("case.noted", pump, _AGENT, activity=_id("a2"))
    yield tell("process.stage_changed", pump, _AGENT, process=_STAGE)
    yield tell("sla.warned", pump, _CLOCK, kpi=_kpi("nearing non-compliance", "half an hour is left"))
    escalated = {"priority": ("normal", "high"), "escalated": (False, True)}
    yield tell("sla.breached", pump, _CLOCK, kpi=_kpi("non-compliant", "nobody answered in time"), late_s=0.4)
    yield tell("case.escalated", pump, _CLOCK, escalated)
    replied = {"first_response_at": (None, "2026-03-02T08:11:00+00:00")}
    yield tell("case.replied", pump, _AGENT, replied, activity=_id("a3"))
    yield tell("sla.met", pump, _AGENT, kpi=_kpi("succeeded", "Rui Costa answered, late"))
    sent = {"kind": "mail", "target": "ana@acme.example", "activity": _id("a3"), "reason": None, "attempts": 1}
    yield tell("delivery.sent", pump, _DISPATCH, delivery=sent)
    yield tell("case.status_changed", pump, _AGENT, {"status": ("in progress", "waiting for details")})
    yield tell("sla.paused", pump, _AGENT, kpi=_kpi("paused", "the case waits for details"))
    second = _message(
        "m2", "email", "<7f32@acme.example>", "appended", f"In-Reply-To {answer} is our mail", activity=_id("a4")
    )
    woken = {"status": ("waiting for details", "in progress")}
    yield tell("case.appended", pump, customer, woken, message=second)
    yield tell("sla.resumed", pump, customer, message=second, kpi=_kpi("in progress", "the customer wrote"))
    yield tell("case.updated", pump, _AGENT, {"product": (None, "P100")})
    resolved = {"state": ("active", "resolved"), "status": ("in progress", "problem solved")}
    yield tell("case.resolved", pump, _AGENT, resolved, activity=_id("a5"))
    reopened = {"state": ("resolved", "active"), "status": ("problem solved", "in progress")}
    yield tell("case.reopened", pump, _AGENT, reopened)


def _two_of_one(desk: _Teller) -> Iterator[Example]:
    """A case that belongs to the other, and one that nobody needed."""
    tell = desk.tell
    pump, again, spare = _id("case 1042"), desk.opens(1043, "Still leaking"), desk.opens(1044, "Offer for a spare part")
    one, other = {"id": pump, "number": 1042}, {"id": again, "number": 1043}
    form = _message("m3", "web", "f-2026-0302-17", "opened", "it belongs to no case yet", activity=_id("a6"))
    customer = {"kind": "customer", "id": _ANA["id"]}
    yield tell("case.opened", again, customer, message=form)
    yield tell("case.linked", again, customer, message=form, linked=one)
    merged = {"state": ("active", "cancelled"), "status": ("in progress", "merged")}
    yield tell("case.merged", again, _AGENT, merged, linked=one)
    yield tell("case.merged", pump, _AGENT, linked=other)
    apart = {"state": ("cancelled", "active"), "status": ("merged", "in progress")}
    yield tell("case.unmerged", again, _AGENT, apart, linked=one)
    yield tell("case.unmerged", pump, _AGENT, linked=other)
    yield tell("activity.moved", again, _AGENT, activity=_id("a4"), linked=one)
    yield tell("activity.moved", pump, _AGENT, activity=_id("a4"), linked=other)
    offer = _message("m4", "email", "<7f40@acme.example>", "opened", "it belongs to no case yet", activity=_id("a7"))
    yield tell("case.opened", spare, customer, message=offer)
    exhausted = _entitlement(remaining=0.0, amount=1.0, by="opened")
    yield tell("entitlement.exhausted", spare, customer, message=offer, entitlement=exhausted)
    yield tell(
        "case.cancelled", spare, _AGENT, {"state": ("active", "cancelled"), "status": ("in progress", "cancelled")}
    )
    returned = _entitlement(remaining=1.0, amount=-1.0, by="cancelled")
    yield tell("entitlement.restored", spare, _AGENT, entitlement=returned)
    yield tell("sla.cancelled", spare, _AGENT, kpi=_kpi("cancelled", "the case was cancelled"))


def _a_device(desk: _Teller) -> Iterator[Example]:
    """An alarm that opens a case, gets worse, is over; a command that nobody answers."""
    tell = desk.tell
    hot = desk.opens(1045, "pump-7: Temperature", contact=None)
    device = {"kind": "device", "id": "pump-7"}
    told = _message("m5", "iot", "pump-7 Temperature 08:35", "opened", "the alarm has no case yet", activity=_id("a8"))
    yield tell("case.opened", hot, device, message=told)
    yield tell("alarm.raised", hot, device, message=told, alarm=_alarm("active", "major"))
    yield tell("alarm.updated", hot, _CLOCK, alarm=_alarm("active", "critical"), late_s=0.2)
    lost = {"kind": "command", "target": "pump-7", "activity": _id("a9"), "reason": "no answer in time", "attempts": 1}
    yield tell("delivery.failed", hot, _DISPATCH, delivery=lost)
    yield tell("alarm.cleared", hot, device, message=told, alarm=_alarm("cleared", "critical"))


def _without_a_case(desk: _Teller) -> Iterator[Example]:
    """Messages that rightly open none, and two contacts that are one person."""
    tell = desk.tell
    automatic = _message("m6", "email", "<ooo@acme.example>", "suppressed", "automatic mail (auto-reply) of no case")
    yield tell("message.suppressed", "/email/support@desk.example", {"kind": "customer", "id": None}, message=automatic)
    forged = _message("m7", "email", "<x@bad.example>", "quarantined", "its sender is not proven")
    yield tell("message.quarantined", "/email/support@desk.example", {"kind": "customer", "id": None}, message=forged)
    call = _message("m8", "phone", "call-4711", "recorded", "answered, and its exchange opens no case")
    yield tell("message.recorded", "/phone/office", {"kind": "customer", "id": _ANA["id"]}, message=call)
    eva = {**_EVA, "identities": [{"kind": "email", "value": "eva@acme.example"}]}
    key = f"/contact/{_EVA['id']}"
    yield tell("contact.merged", key, _AGENT, contact=eva, other=_ANA)
    yield tell("contact.unmerged", key, _AGENT, contact=eva, other=_ANA)
    gone = {"kind": "webhook", "target": _id("subscription"), "activity": None, "reason": "410 Gone", "attempts": 3}
    yield tell("delivery.failed", f"/subscription/{_id('subscription')}", _DISPATCH, delivery=gone)


_STAGE = {"name": "Repair", "stage": "On site", "previous": "Diagnosis", "previous_s": 300.0}


def _entitlement(*, remaining: float, amount: float, by: str) -> dict[str, Any]:
    return {
        "external_id": "acme-2026", "allotment": "cases", "total": 5.0, "remaining": remaining, "amount": amount,
        "transition": by,
    }  # fmt: skip


def _kpi(state: str, reason: str) -> dict[str, Any]:
    over = state in {"succeeded", "cancelled"}
    return {
        "id": _id("kpi"), "name": "first_response", "sla": "Gold", "state": state,
        "counts_from": "2026-03-02T08:01:00+00:00",
        "warn_at": None if over or state == "paused" else "2026-03-02T08:06:00+00:00",
        "fail_at": None if over or state == "paused" else "2026-03-02T08:09:00+00:00",
        "succeeded_at": "2026-03-02T08:11:00+00:00" if state == "succeeded" else None,
        "elapsed_s": 0.0 if state == "in progress" else 480.0, "paused_s": 0.0, "reason": reason,
        "due": "2026-03-02T08:09:00+00:00" if state == "non-compliant" else None,
        "late_s": 0.4 if state == "non-compliant" else None,
        "actions": ["escalate"] if state == "non-compliant" else [],
    }  # fmt: skip


def _alarm(state: str, severity: str) -> dict[str, Any]:
    return {
        "device": "pump-7", "name": "Temperature", "state": state, "severity": severity, "text": "81 °C for 60 s",
        "raised_at": "2026-03-02T08:35:00+00:00",
        "cleared_at": "2026-03-02T08:39:00+00:00" if state == "cleared" else None,
    }  # fmt: skip


def state_example() -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """The headers and the value of a record on `case.state`: the leaking pump, when all of the story is told."""
    told = [example for example in story() if example.subject == "1042"]
    last = told[-1]
    value = {
        "case": last.data["case"], "sequence": last.seq, "revision": 12, "origin": "email", "severity": None,
        "type": None, "product": "P100", "device": None, "entitlement": "acme-2026", "sla": "Gold", "escalated": True,
        "flags": [], "fields": {"site": "Porto"}, "parent": None, "follow_up_of": None, "linked_to": None,
        "merged_into": None, "opened_at": "2026-03-02T08:01:00+00:00",
        "first_response_at": "2026-03-02T08:11:00+00:00", "waiting_since": None, "until": None, "resolved_at": None,
        "kpis": [{
            "id": _id("kpi"), "name": "first_response", "sla": "Gold", "state": "succeeded",
            "counts_from": "2026-03-02T08:01:00+00:00", "warn_at": "2026-03-02T08:06:00+00:00",
            "fail_at": "2026-03-02T08:09:00+00:00", "succeeded_at": "2026-03-02T08:11:00+00:00",
        }],
    }  # fmt: skip
    headers = {
        "ce_specversion": "1.0", "ce_id": f"{last.key}:12:{last.seq}", "ce_source": SOURCE, "ce_type": STATE_TYPE,
        "ce_subject": "1042", "ce_sequence": f"{last.seq:012d}", "content-type": "application/json",
    }  # fmt: skip
    return headers, value
