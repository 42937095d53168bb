"""One event, however it came."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PREFIX, _SUFFIX = "dev.casestream.", ".v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened, or with the name `case.state` how a case is now.

    `key` is the case's id, or what else the event is ordered by; `sequence` counts the events of a key. `data` is as
    the JSON Schema of the type says, perhaps with fields that are newer than this; None says that a case is no more.
    """

    id: str
    type: str
    key: str
    sequence: int = 0
    position: int | None = None
    subject: str | None = None
    source: str = ""
    time: str = ""
    data: Mapping[str, Any] | None = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The type as the documentation calls it, such as `case.opened`."""
        return self.type.removeprefix(_PREFIX).removesuffix(_SUFFIX)

    @property
    def case(self) -> Mapping[str, Any] | None:
        """The case as it is after what happened; None where there is none."""
        found = self.data.get("case") if self.data is not None else None
        return found if isinstance(found, Mapping) else None

    @property
    def is_state(self) -> bool:
        """Whether it tells how a case is, not what happened."""
        return self.name == STATE

    @classmethod
    def of_json(cls, text: str | bytes, key: str | None = None) -> "Event":
        """An event of CloudEvents in JSON. Raises ValueError when it is none."""
        return cls.of_told(json.loads(text), key)

    @classmethod
    def of_told(cls, told: object, key: str | None = None) -> "Event":
        """The same when it is read already."""
        if not isinstance(told, dict) or not isinstance(told.get("id"), str) or not isinstance(told.get("type"), str):
            raise ValueError("that is no event")  # noqa: TRY004  # whoever wrote it is wrong, not the caller
        position = told.get("position")
        return cls(
            id=told["id"],
            type=told["type"],
            key=str(told.get("partitionkey") or key or told.get("subject") or told["id"]),
            sequence=int(told.get("sequence") or 0),
            position=int(position) if position is not None else None,
            subject=told.get("subject"),
            source=str(told.get("source") or ""),
            time=str(told.get("time") or ""),
            data=told.get("data") or {},
        )

    @classmethod
    def of_record(cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> "Event":
        """An event of a record of Kafka, in either mode of CloudEvents. Raises ValueError when it is none."""
        told = {name: text.decode("utf-8", "replace") for name, text in headers}
        name = (key or b"").decode("utf-8", "replace")
        if value is None:
            return cls(id=f"{name}:gone", type=f"{_PREFIX}{STATE}{_SUFFIX}", key=name, data=None)
        if told.get("content-type", "").startswith("application/cloudevents+json"):
            return cls.of_json(value, name)
        if "ce_id" not in told or "ce_type" not in told:
            raise ValueError("that is no event")
        return cls(
            id=told["ce_id"],
            type=told["ce_type"],
            key=name or told["ce_id"],
            sequence=int(told.get("ce_sequence", 0)),
            position=int(told["ce_position"]) if "ce_position" in told else None,
            subject=told.get("ce_subject"),
            source=told.get("ce_source", ""),
            time=told.get("ce_time", ""),
            data=json.loads(value) or {},
        )

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Event":
        """A case as `GET /cases/state` tells of it."""
        case = state["case"]
        return cls(
            id=f"{case['id']}:{state.get('revision')}:{state['sequence']}",
            type=f"{_PREFIX}{STATE}{_SUFFIX}",
            key=case["id"],
            sequence=int(state["sequence"]),
            subject=str(case["number"]),
            data=state,
        )


STATE = "case.state"
