"""Makes the events of a batch: what happened, with each case as it is after the whole transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.agents.batch import CaseEvent, Deed, DeliveryTold, Incoming
from pipeline.domain.alarms import Alarm
from pipeline.domain.cases import Case
from pipeline.domain.entitlement import amount
from pipeline.domain.entitlement_use import Drawn
from pipeline.domain.matching import Ref
from pipeline.events.ids import event_id, queue_id
from pipeline.store.ports import NewEvent

_TYPE = "dev.casestream.{}.v1"


def event_key(event: CaseEvent) -> str:
    """What an event is ordered by: its case, else the device of an alarm, a contact, or the source of a message."""
    if event.case is not None:
        return str(event.case.id)
    if event.alarm is not None:
        return f"/device/{event.alarm.device}"
    if event.contact is not None:
        return f"/contact/{event.contact.contact.id}"
    if event.delivery is not None and event.delivery.key is not None:
        return event.delivery.key
    if isinstance(event.cause, Incoming):
        return event.cause.envelope.source
    raise AssertionError(f"{event.type} is of no case and of no message")


def keys_without_case(events: Iterable[CaseEvent]) -> Mapping[str, int]:
    """How many events each key that is no case gets."""
    return Counter(event_key(event) for event in events if event.case is None)


def build_events(events: Iterable[CaseEvent], first: Mapping[str, int]) -> list[NewEvent]:
    """The events of one transaction in order; a case's `event_seq` rises by one for each.

    `first` begins the sequences of the other keys.
    """
    following = dict(first)
    sequenced: list[tuple[CaseEvent, int]] = []
    for event in events:
        if event.case is not None:
            event.case.event_seq += 1
            sequenced.append((event, event.case.event_seq))
        else:
            key = event_key(event)
            sequenced.append((event, following[key]))
            following[key] += 1
    shown = _Shown()
    return [_made(event, seq, shown) for event, seq in sequenced]


class _Shown:
    """What several events of a batch show alike: their cases, and what brought them about."""

    def __init__(self) -> None:
        self._cases: dict[int, Mapping[str, Any]] = {}
        self._causes: dict[int, Mapping[str, Any]] = {}

    def case(self, case: Case) -> Mapping[str, Any]:
        """A case as it is after the whole transaction."""
        view = self._cases.get(id(case))
        if view is None:
            view = self._cases[id(case)] = case_view(case)
        return view

    def cause(self, cause: Incoming | Deed) -> Mapping[str, Any]:
        """Who brought it about, and by which message if by one."""
        told = self._causes.get(id(cause))
        if told is None:
            actor = _actor(cause)
            if isinstance(cause, Incoming):
                message = _message(cause)
                told = {"actor": actor, "cause": message["id"], "message": message}
            else:
                told = {"actor": actor, "cause": None}
            self._causes[id(cause)] = told
        return told


def _made(event: CaseEvent, seq: int, shown: _Shown) -> NewEvent:
    view = shown.case(event.case) if event.case is not None else None
    key = view["id"] if view is not None else event_key(event)
    return NewEvent(
        id=event_id(key, seq),
        key=key,
        seq=seq,
        type=_TYPE.format(event.type),
        subject=str(view["number"]) if view is not None else None,
        data=_data(event, view, shown.cause(event.cause)),
        at=event.cause.at,
    )


def _data(event: CaseEvent, case: Mapping[str, Any] | None, cause: Mapping[str, Any]) -> Mapping[str, Any]:
    data: dict[str, Any] = {"case": case, "changed": _utc(event.changed), **cause}
    if event.rule is not None:
        data["actor"] = {"kind": "rule", "id": event.rule}
    if event.alarm is not None:
        data["alarm"] = _utc(_alarm(event.alarm))
    if event.kpi is not None:
        data["kpi"] = _utc(event.kpi)
    if event.entitlement is not None:
        data["entitlement"] = _drawn(event.entitlement)
    if event.linked is not None:
        data["linked"] = {"id": str(event.linked.id), "number": event.linked.number}
    if event.contact is not None:
        data["contact"] = {
            **(_ref(event.contact.contact) or {}),
            "identities": [{"kind": kind, "value": value} for kind, value in event.contact.identities],
        }
        data["other"] = _ref(event.contact.other)
    if event.delivery is not None:
        data["delivery"] = _delivery(event.delivery)
    if event.activity is not None:
        data["activity"] = str(event.activity)
    if isinstance(event.cause, Deed) and event.cause.late_s is not None:
        data["late_s"] = event.cause.late_s
    return data


def _utc(value: object) -> Any:  # noqa: ANN401  # whatever an event tells
    """The value with each time in it in UTC, whatever zone the one who told it counts in."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict | Mapping):
        return {name: one if type(one) in _TIMELESS else _utc(one) for name, one in value.items()}
    return tuple(map(_utc, value)) if isinstance(value, tuple) else value


_TIMELESS = frozenset({str, int, float, bool, type(None)})


def case_view(case: Case) -> Mapping[str, Any]:
    """A case as every event shows it."""
    return {
        "id": str(case.id),
        "number": case.number,
        "title": case.title,
        "status": case.status,
        "state": case.state,
        "priority": case.priority,
        "queue": {"id": str(queue_id(case.queue)), "external_id": None, "name": case.queue},
        "owner": _ref(case.owner),
        "contact": _ref(case.contact),
        "account": _ref(case.account),
    }


def _ref(ref: Ref | None) -> Mapping[str, Any] | None:
    return {"id": str(ref.id), "external_id": ref.external_id, "name": ref.name} if ref is not None else None


def _actor(cause: Incoming | Deed) -> Mapping[str, Any]:
    if isinstance(cause, Deed):
        return {"kind": cause.actor, "id": cause.actor_id}
    if cause.sender_kind == "device":
        return {"kind": "device", "id": cause.sender}
    if cause.post is not None and cause.post.own:
        return {"kind": "agent", "id": None}
    if cause.from_us:
        return {"kind": "agent", "id": cause.agent.external_id if cause.agent else None}
    contact = cause.party.contact if cause.party else None
    return {"kind": "customer", "id": str(contact.id) if contact else None}


def _alarm(alarm: Alarm) -> Mapping[str, Any]:
    return {
        "device": alarm.device,
        "name": alarm.name,
        "state": "active" if alarm.active else "cleared",
        "severity": alarm.severity,
        "text": alarm.text,
        "raised_at": alarm.raised_at,
        "cleared_at": alarm.cleared_at,
    }


def _delivery(told: DeliveryTold) -> Mapping[str, Any]:
    return {
        "kind": told.kind,
        "target": told.target,
        "activity": str(told.activity) if told.activity is not None else None,
        "reason": told.reason,
        "attempts": told.attempts,
    }


def _drawn(drawn: Drawn) -> Mapping[str, Any]:
    one = drawn.entitlement
    return {
        "external_id": one.external_id,
        "allotment": one.terms.allotment,
        "total": amount(one.terms, one.terms.total) if one.terms.total is not None else None,
        "remaining": amount(one.terms, one.remaining) if one.remaining is not None else None,
        "amount": amount(one.terms, drawn.units),
        "transition": drawn.by,
    }


def _message(message: Incoming) -> Mapping[str, Any]:
    outcome = message.outcome
    return {
        "id": str(message.id),
        "channel": message.envelope.channel,
        "source_id": message.source_id,
        "activity": str(message.activity_id) if message.activity_id else None,
        "outcome": outcome.name if outcome is not None else None,
        "reason": outcome.reason if outcome is not None else None,
    }


def dead_event(*, key: str, seq: int, data: Mapping[str, Any], at: datetime) -> NewEvent:
    """What tells `inbound.dead` of a dead letter."""
    return NewEvent(event_id(key, seq), key, seq, _TYPE.format("inbound.dead"), None, data, at)
