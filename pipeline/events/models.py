"""What the data of each event holds; a model only gains optional fields within v1."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class EventData(BaseModel):
    """What all of them have in common: what is not named here is not told."""

    model_config = ConfigDict(extra="forbid")


class Ref(EventData):
    """A queue, an agent, a contact or an account."""

    id: UUID
    external_id: str | None
    name: str


class Case(EventData):
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


class Actor(EventData):
    """Who did it."""

    kind: Literal["customer", "agent", "rule", "clock", "import", "device"]
    id: str | None


class Message(EventData):
    """The message that caused it; `source_id` is the source's own name for it, such as a Message-ID with its <>."""

    id: UUID
    channel: Literal["email", "phone", "web", "social", "iot"]
    source_id: str
    activity: UUID | None
    outcome: Literal["opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead"]
    reason: str


class Linked(EventData):
    """Another case."""

    id: UUID
    number: int


class CaseEvent(EventData):
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


KpiState = Literal["in progress", "nearing non-compliance", "non-compliant", "succeeded", "paused", "cancelled"]
"""How a promise stands."""


class StateKpi(EventData):
    """A promise on a case; `warn_at` and `fail_at` are null while it is paused, and once it is over."""

    id: UUID
    name: str
    sla: str
    state: KpiState
    counts_from: datetime
    warn_at: datetime | None
    fail_at: datetime | None
    succeeded_at: datetime | None


class Kpi(StateKpi):
    """A promise on a case; `due` is when what happened was due, `late_s` how much later it was told, if at all."""

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


class Alarm(EventData):
    """An alarm of a device as it stands now; one is active per device and name, of its own or of a rule."""

    device: str
    name: str
    state: Literal["active", "cleared"]
    severity: str | None
    text: str
    raised_at: datetime | None
    cleared_at: datetime | None


class AlarmEvent(EventData):
    """An alarm of a device moved; without a case when none was opened for it, without a message when time moved it."""

    case: Case | None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID | None
    message: Message | None = None
    alarm: Alarm
    late_s: float | None = None


class Entitlement(EventData):
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


class Identity(EventData):
    """What a contact is known by: an address (email), a number (phone), an account (social), a device."""

    kind: str
    value: str


class KnownContact(Ref):
    """A contact, and what of it went with a merge or came back."""

    identities: list[Identity]


class ContactEvent(EventData):
    """A contact became part of the `other` one, or a contact of its own again; cases that move tell so themselves."""

    case: None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: None
    contact: KnownContact
    other: Ref


class MessageEvent(EventData):
    """A message got an outcome that leaves no trace on a case."""

    case: None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID
    message: Message


class Process(EventData):
    """The business process of a case: the stage it is in now, null at its end, and the one before."""

    name: str
    stage: str | None
    previous: str | None
    previous_s: float | None


class ProcessEvent(CaseEvent):
    """A case went on to another stage of its process. `previous_s` is how long the one before took, in seconds."""

    process: Process


class Delivery(EventData):
    """Something that left the desk, and whom or what for: an address, an author, a device, the id of a subscription.

    `activity` is the answer that left; `reason` says why it did not arrive, or what the other side said of it;
    `attempts` is how often it was tried.
    """

    kind: Literal["mail", "social", "command", "webhook"]
    target: str
    activity: UUID | None
    reason: str | None
    attempts: int


class DeliveryEvent(EventData):
    """Something that left the desk arrived, or never will; without a case when it was about none."""

    case: Case | None
    changed: dict[str, tuple[Any, Any]]
    actor: Actor
    cause: UUID | None
    message: Message | None = None
    delivery: Delivery
    late_s: float | None = None
