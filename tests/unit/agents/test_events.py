"""What an event tells, as JSON has it."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

import orjson

from pipeline.agents.batch import CaseEvent, Deed
from pipeline.agents.events import build_events
from pipeline.domain.cases import Case

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=1)))


def test_times_are_told_in_utc_whatever_zone_they_were_counted_in() -> None:
    case = Case(UUID(int=1), "Printer", "active", "in progress", "normal", "email", "Support", NOON)
    changed = {"waiting_since": (None, NOON), "fields.count": (1, 2)}
    told = CaseEvent("case.replied", Deed(NOON), case, changed, kpi={"due": NOON, "actions": ["escalate"]})
    (event,) = build_events([told], {})
    data = orjson.loads(orjson.dumps(event.data))
    assert data["changed"] == {"waiting_since": [None, "2026-03-02T11:00:00+00:00"], "fields.count": [1, 2]}
    assert data["kpi"] == {"due": "2026-03-02T11:00:00+00:00", "actions": ["escalate"]}
