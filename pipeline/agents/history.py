"""What a case was like after each thing that a batch did to it, found from what it is like at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from pipeline.agents.batch import CaseEvent
from pipeline.domain.cases import Case
from pipeline.domain.matching import Ref
from pipeline.domain.vocabulary import CASE

_OWN = "fields."
"""Stands before the name of one of the desk's own fields in what changed."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A case, as conditions see it, after everything that happened to it `at` one time; `before` is its state then."""

    at: datetime
    before: str
    record: Mapping[str, Any]
    events: Sequence[CaseEvent]

    @property
    def says(self) -> str:
        """What happened, in words."""
        told = [
            f"{name} {_word(old)} → {_word(new)}" for event in self.events for name, (old, new) in event.changed.items()
        ]
        return ", ".join(told) or self.events[-1].type.replace(".", " ")


def happened_at(event: CaseEvent) -> datetime:
    """When it happened; a call is told of after it was answered."""
    at = _told_at(event)
    _, answered = event.changed.get("first_response_at", (None, None))
    return min(at, answered) if isinstance(answered, datetime) else at


def turns(case: Case, events: Iterable[CaseEvent], fields: Iterable[str]) -> list[Turn]:
    """The case, by its state and these fields, after each time at which something was told of it, in order of time."""
    ordered = sorted(events, key=_told_at)
    record: Mapping[str, Any] = record_of(case, fields)
    after: list[Mapping[str, Any]] = []
    for event in reversed(ordered):
        after.append(record)
        record = _before(record, event)
    after.reverse()
    found: list[Turn] = []
    place = 0
    for _, together in groupby(ordered, key=_told_at):
        same = list(together)
        at = min(map(happened_at, same))
        place += len(same)
        found.append(Turn(at, record["state"], after[place - 1], same))
        record = after[place - 1]
    return found


def _told_at(event: CaseEvent) -> datetime:
    return event.cause.at


def record_of(case: Case, fields: Iterable[str]) -> Mapping[str, Any]:
    """The state and these fields of a case, as conditions see them; other records by their external ids."""
    record = {name: _plain(getattr(case, name)) if name in CASE else case.fields.get(name) for name in fields}
    return {**record, "state": case.state}


def _before(record: Mapping[str, Any], event: CaseEvent) -> Mapping[str, Any]:
    earlier = {name.removeprefix(_OWN): _plain(old) for name, (old, _) in event.changed.items()}
    if "state" in event.changed and "resolved_at" not in event.changed:
        earlier["resolved_at"] = happened_at(event) if earlier["state"] == "resolved" else None
    return {**record, **earlier}


def _plain(value: object) -> object:
    return (value.external_id or str(value.id)) if isinstance(value, Ref) else value


def _word(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.name if isinstance(value, Ref) else str(value)
