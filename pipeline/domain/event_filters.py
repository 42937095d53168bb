"""Which events someone wants to hear of: by their types, by a condition in CEL on what they tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_kinds import INT, TEXT, TEXTS, Kind, Record
from pipeline.domain.conditions import Condition, View
from pipeline.domain.vocabulary import CASE

_ACTORS = ("customer", "agent", "rule", "clock", "import", "device")
_CHANNELS = ("email", "phone", "web", "social", "iot")

_RECORDS: Names = {
    "case": Record(
        {
            "id": TEXT,
            "number": INT,
            "title": TEXT,
            "state": CASE["state"],
            "status": CASE["status"],
            "priority": CASE["priority"],
            "queue": TEXT,
            "owner": TEXT,
            "contact": TEXT,
            "account": TEXT,
        }
    ),
    "changed": TEXTS,
    "actor": Record({"kind": Kind(TEXT.name, _ACTORS), "id": TEXT}),
    "message": Record({"channel": Kind(TEXT.name, _CHANNELS), "source_id": TEXT, "outcome": TEXT, "reason": TEXT}),
    "alarm": Record({"device": TEXT, "name": TEXT, "state": TEXT, "severity": TEXT}),
    "kpi": Record({"name": TEXT, "sla": TEXT, "state": TEXT}),
    "entitlement": Record({"external_id": TEXT, "transition": TEXT}),
    "delivery": Record({"kind": TEXT, "target": TEXT, "reason": TEXT}),
}
"""What a condition may name besides `type`; queue by name, owner, contact and account by external id, else by id."""

_REFS = ("owner", "contact", "account")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A condition on events, compiled once."""

    condition: Condition
    view: View

    @classmethod
    def compile(cls, text: str, types: tuple[str, ...]) -> "EventFilter":
        """The filter; `types` are the names that `type` may be compared with. Raises BadConditionError."""
        return _compiled(text, types)

    def admits(self, name: str, data: Mapping[str, Any]) -> bool:
        """Whether an event of that name is wanted; where the filter fails it is, since one too many is no loss."""
        facts = self.view.facts(_shown(name, data))
        holds = self.condition.holds(facts)
        return holds or bool(facts.failures)


@lru_cache(maxsize=1000)
def _compiled(text: str, types: tuple[str, ...]) -> EventFilter:
    names: Names = {"type": Kind(TEXT.name, types), **_RECORDS}
    condition = Condition.compile(text, names, "filter")
    return EventFilter(condition, View.of(names, [condition]))


def _shown(name: str, data: Mapping[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {**data, "type": name, "changed": list(data.get("changed") or ())}
    if isinstance(case := data.get("case"), Mapping):
        queue = case.get("queue")
        refs = {field: _named(case.get(field)) for field in _REFS}
        shown["case"] = {**case, **refs, "queue": queue.get("name") if isinstance(queue, Mapping) else None}
    return shown


def _named(ref: object) -> object:
    return (ref.get("external_id") or ref.get("id")) if isinstance(ref, Mapping) else None
