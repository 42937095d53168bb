"""What the topic `case.state` holds of each case: all that is known of it now, for those who want no history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.events.models import Case, EventData, StateKpi
from pipeline.events.schemas import full_type, published

STATE_TYPE = full_type("case.state")
STATE_SAYS = "A case as it is now; the last record of a key is the case, one without a value says that it is no more."


class CaseState(EventData):
    """A case as it is now. `case` is what the events show of it; `sequence` is that of the last event in it.

    `revision` rises with each change. `product`, `device` and `entitlement` are external ids, `sla` is a name, `fields`
    are the desk's own, `kpis` the last hundred promises; `parent`, `follow_up_of`, `linked_to` and `merged_into` are
    ids of cases.
    """

    case: Case
    sequence: int
    revision: int
    origin: str
    severity: str | None
    type: str | None
    product: str | None
    device: str | None
    entitlement: str | None
    sla: str | None
    escalated: bool
    flags: list[str]
    fields: dict[str, Any]
    parent: UUID | None
    follow_up_of: UUID | None
    linked_to: UUID | None
    merged_into: UUID | None
    opened_at: datetime
    first_response_at: datetime | None
    waiting_since: datetime | None
    until: datetime | None
    resolved_at: datetime | None
    kpis: list[StateKpi]


def state_schema(*, strict: bool = False) -> Mapping[str, Any]:
    """The JSON Schema of a record's value on `case.state`."""
    return published(CaseState.model_json_schema(), STATE_TYPE, STATE_SAYS, strict=strict)
