"""What each event on `case.events` holds: the source of the JSON Schemas in `docs/events`.

A schema only gains optional fields within v1.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ref(_Model):
    """A queue, an agent, a contact or an account."""

    id: UUID
    external_id: str | None
    name: str


class Case(_Model):
    """A case as it is after everything that the same transaction did to it."""

    id: UUID
    number: int
    title: str
    status: str
    state: Literal["active", "resolved", "cancelled"]
    priority: Literal["low", "normal", "high", "urgent"]
    queue: Ref
    owner: Ref | None
    contact: Ref | None
    account: Ref | None


class Actor(_Model):
    """Who did it."""

    kind: Literal["customer", "agent", "rule", "clock", "import", "device"]
    id: str | None


class Message(_Model):
    """The message that caused it; `source_id` is the source's own name for it, such as a Message-ID with its <>."""

    id: UUID
    channel: Literal["email", "phone", "web", "social", "iot"]
    source_id: str
    activity: UUID | None
    outcome: Literal["opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead"]
    reason: str


class Linked(_Model):
    """Another case."""

    id: UUID
    number: int


class CaseEvent(_Model):
    """Something happened to a case. `changed` has, by field, its value before and after; `cause` is a message's id.

    `activity` is the one that somebody made, moved or ended; `late_s` by how much time came late with it.
    """

    case: Case
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID | None
    message: Message | None = None
    activity: UUID | None = None
    late_s: float | None = None


class CaseLinked(CaseEvent):
    """A case was opened that follows another one, or answers one in which its sender takes no part."""

    linked: Linked


class CaseMerged(CaseEvent):
    """Two cases became one, or two again; the other one is `linked`."""

    linked: Linked


class ActivityMoved(CaseEvent):
    """An activity lies in another case; without `linked` it lay in none before."""

    activity: UUID
    linked: Linked | None = None


class Kpi(_Model):
    """A promise on a case; `due` is when what happened was due, `late_s` how much later it was told, if at all."""

    id: UUID
    name: str
    sla: str
    state: Literal["in progress", "nearing non-compliance", "non-compliant", "succeeded", "paused", "cancelled"]
    counts_from: datetime
    warn_at: datetime | None
    fail_at: datetime | None
    succeeded_at: datetime | None
    elapsed_s: float
    paused_s: float
    reason: str
    due: datetime | None
    late_s: float | None
    actions: list[str]


class SlaEvent(CaseEvent):
    """Something happened to a promise. `actions` are those that were agreed for it, and done."""

    kpi: Kpi
    late_s: float | None = None


class Alarm(_Model):
    """An alarm of a device as it stands now; one is active per device and name, of its own or of a rule."""

    device: str
    name: str
    state: Literal["active", "cleared"]
    severity: str | None
    text: str
    raised_at: datetime | None
    cleared_at: datetime | None


class AlarmEvent(_Model):
    """An alarm of a device moved; without a case when none was opened for it, without a message when time moved it."""

    case: Case | None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID | None
    message: Message | None = None
    alarm: Alarm
    late_s: float | None = None


class Entitlement(_Model):
    """An entitlement as it stands now; `amount` was drawn of it, below zero given back. Hours are decimal.

    `total` and `remaining` are null when it is without end.
    """

    external_id: str
    allotment: Literal["cases", "hours"]
    total: float | None
    remaining: float | None
    amount: float
    transition: str


class EntitlementEvent(CaseEvent):
    """What a case drew on its entitlement, or gave back."""

    entitlement: Entitlement


class Identity(_Model):
    """What a contact is known by: an address (email), a number (phone), an account (social), a device."""

    kind: str
    value: str


class KnownContact(Ref):
    """A contact, and what of it went with a merge or came back."""

    identities: list[Identity]


class ContactEvent(_Model):
    """A contact became part of the `other` one, or a contact of its own again; cases that move tell so themselves."""

    case: None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: None
    contact: KnownContact
    other: Ref


class MessageEvent(_Model):
    """A message got an outcome that leaves no trace on a case."""

    case: None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID
    message: Message


_SENTENCES: dict[str, tuple[type[_Model], str]] = {
    "case.opened": (CaseEvent, "A message opened a case."),
    "case.appended": (CaseEvent, "A message was appended to its case."),
    "case.linked": (CaseLinked, "A case was opened that has to do with another one."),
    "case.status_changed": (CaseEvent, "A case has another status."),
    "case.updated": (CaseEvent, "A field of a case has another value, such as its priority or queue."),
    "case.replied": (CaseEvent, "We answered on a case."),
    "case.noted": (CaseEvent, "An agent wrote a note, or planned, logged or ended an activity."),
    "case.assigned": (CaseEvent, "A case has another owner, or none."),
    "case.routed": (CaseEvent, "The desk's rules, or time, sent a case to another queue or decided on it otherwise."),
    "case.merged": (CaseMerged, "A case was merged into another; told in both."),
    "case.unmerged": (CaseMerged, "A case was taken out again of the one it was merged into; told in both."),
    "activity.moved": (ActivityMoved, "An activity was moved to another case; told in both."),
    "case.resolved": (CaseEvent, "A case was resolved."),
    "case.cancelled": (CaseEvent, "A case was cancelled."),
    "case.reopened": (CaseEvent, "A closed case is worked on again."),
    "alarm.raised": (AlarmEvent, "A device, or a rule on what it tells, raised an alarm."),
    "alarm.updated": (AlarmEvent, "An alarm that is active changed, or was told again."),
    "alarm.cleared": (AlarmEvent, "An alarm is over."),
    "case.escalated": (CaseEvent, "A promise on a case was at risk or broken, so others look at it."),
    "sla.started": (SlaEvent, "A promise was made, or reckoned anew."),
    "sla.warned": (SlaEvent, "A promise is at risk."),
    "sla.breached": (SlaEvent, "A promise was not kept in time."),
    "sla.met": (SlaEvent, "A promise was kept, maybe late."),
    "sla.paused": (SlaEvent, "The time of a promise stands still."),
    "sla.resumed": (SlaEvent, "The time of a promise goes on."),
    "sla.cancelled": (SlaEvent, "A promise is made no longer."),
    "entitlement.consumed": (EntitlementEvent, "A case drew on its entitlement."),
    "entitlement.restored": (EntitlementEvent, "A case gave back to its entitlement what it had drawn."),
    "entitlement.exhausted": (EntitlementEvent, "Nothing is left of an entitlement; told once."),
    "contact.merged": (ContactEvent, "A contact was merged into another one."),
    "contact.unmerged": (ContactEvent, "A contact was taken out again of the one it was merged into."),
    "message.recorded": (MessageEvent, "A message was kept that rightly has no case."),
    "message.suppressed": (MessageEvent, "A message was kept and opens no case, by the desk's policy."),
    "message.quarantined": (MessageEvent, "A message waits for a person to decide."),
}


def event_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of an event's data, by the event's full type."""
    return {f"dev.casestream.{name}.v1": _schema(name, *known) for name, known in _SENTENCES.items()}


def _schema(name: str, model: type[_Model], sentence: str) -> dict[str, Any]:
    schema = model.model_json_schema()
    del schema["title"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dev.casestream.{name}.v1",
        **schema,
        "description": sentence,
    }
