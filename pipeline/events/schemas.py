"""Which types of events there are, when each is told, and the JSON Schema of its data.

The schemas as published say nothing of fields that they do not name: within v1 a schema may gain optional ones, and who
checks events by the schema of an earlier release must not be told that they are wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.events.models import (
    ActivityMoved,
    AlarmEvent,
    CaseEvent,
    CaseLinked,
    CaseMerged,
    ContactEvent,
    DeliveryEvent,
    EntitlementEvent,
    EventData,
    MessageEvent,
    ProcessEvent,
    SlaEvent,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event: its name on the wire, what its data is, and when it is told."""

    name: str
    model: type[EventData]
    when: str

    @property
    def full(self) -> str:
        """The `type` attribute of CloudEvents."""
        return full_type(self.name)


def full_type(name: str) -> str:
    """The type on the wire of what we call by this name."""
    return f"dev.casestream.{name}.v1"


_SENTENCES: Mapping[str, tuple[type[EventData], str]] = {
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
    "process.stage_changed": (ProcessEvent, "A case is in another stage of its business process."),
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
    "delivery.sent": (DeliveryEvent, "A mail, an answer, a command or a webhook left the desk and was taken."),
    "delivery.failed": (DeliveryEvent, "A mail, an answer, a command or a webhook did not arrive, or came back."),
}

EVENT_TYPES: Mapping[str, EventType] = {
    name: EventType(name, model, when) for name, (model, when) in _SENTENCES.items()
}
"""Every type, by its name."""


def event_schemas(*, strict: bool = False) -> dict[str, dict[str, Any]]:
    """The JSON Schema of an event's data, by the event's full type; a `strict` one refuses fields it does not name."""
    return {
        kind.full: published(kind.model.model_json_schema(), kind.full, kind.when, strict=strict)
        for kind in EVENT_TYPES.values()
    }


def published(schema: Mapping[str, Any], title: str, says: str, *, strict: bool = False) -> dict[str, Any]:
    """A model's schema under the name and the sentence by which others know it."""
    named = {"$schema": DIALECT, **schema, "title": title, "description": says}
    return named if strict else _open(named)


def _open(schema: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """The schema without a word about fields that it does not name."""
    match schema:
        case dict():
            closed = schema.get("additionalProperties") is False
            return {
                name: _open(part) for name, part in schema.items() if not (closed and name == "additionalProperties")
            }
        case list():
            return [_open(part) for part in schema]
    return schema
