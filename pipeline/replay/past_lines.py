"""Writes what happened as lines of a journal."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.store.past import CE_ID, PastDeed, PastMessage
from pipeline.wire import Bounds, Envelope, Partition, Record

_VERBS: Mapping[str, str] = {
    "Reply": "reply", "Note": "note", "Assign": "assign", "SetField": "set", "Hold": "hold", "Resume": "resume",
    "Resolve": "resolve", "Cancel": "cancel", "Reactivate": "reactivate", "Merge": "merge", "Unmerge": "unmerge",
    "Attach": "attach", "Plan": "task", "Log": "activity", "Finish": "close", "Release": "release", "Drop": "drop",
    "Command": "command",
    "BePresent": "presence", "Pick": "pick", "MergeContacts": "merge_contacts", "UnmergeContact": "unmerge_contact",
}  # fmt: skip
"""What a journal calls each order."""

_KEYS: Mapping[str, Mapping[str, str]] = {
    "Resolve": {"text": "resolution"},
    "Reply": {"waits": "waiting"},
}
"""Fields of orders that a journal calls otherwise."""


_OF_MESSAGES = frozenset({"Release", "Drop"})


class PastLines:
    """Names each message and activity as later lines call it.

    With `readings`, the records of devices that Kafka `held` still, these are written in the stead of the few messages
    of devices that are stored.
    """

    def __init__(
        self,
        blob: Callable[[str], bytes],
        readings: AsyncIterator[Record] | None = None,
        held: Mapping[Partition, Bounds] | None = None,
    ) -> None:
        self._blob = blob
        self._readings = readings
        self._held = held or {}
        self._next: Envelope | None = None
        self._next_name = ""
        self._opened: dict[UUID, str] = {}
        self._messages: dict[UUID, str] = {}
        self._came: dict[UUID, str] = {}
        self.left_out = 0

    async def __call__(self, steps: AsyncIterator[PastMessage | PastDeed]) -> AsyncIterator[dict[str, Any]]:
        """A line for each step; what cannot be told is counted in `left_out`."""
        await self._fetch()
        async for step in steps:
            async for reading in self._until(step.received_at if isinstance(step, PastMessage) else step.at):
                yield reading
            line = self._message(step) if isinstance(step, PastMessage) else self._deed(step)
            if line is None:
                self.left_out += 1
            elif line:
                yield line
        async for reading in self._until(None):
            yield reading

    async def _until(self, moment: datetime | None) -> AsyncIterator[dict[str, Any]]:
        """A line for each record that devices sent by then."""
        while (envelope := self._next) is not None and (moment is None or envelope.time <= moment):
            yield {
                "at": envelope.time.isoformat(),
                "id": self._next_name,
                "channel": envelope.channel,
                "source": envelope.source,
                "source_id": envelope.id,
                "content_type": envelope.content_type,
                "facts": dict(envelope.facts),
                **_bytes(self._blob(envelope.dataref) if envelope.dataref else envelope.raw),
            }
            await self._fetch()

    async def _fetch(self) -> None:
        """The next record that can be read, if there is one."""
        self._next = None
        while self._readings is not None and self._next is None:
            record = await anext(self._readings, None)
            if record is None:
                return
            try:
                self._next = Envelope.of_record(record.key, record.value, record.headers)
            except ValueError:
                self.left_out += 1
            self._next_name = _place(record.topic, record.partition, record.offset)

    def _message(self, past: PastMessage) -> dict[str, Any] | None:
        bounds = self._held.get(Partition(past.topic, past.partition))
        is_reading = past.within and bounds is not None and bounds.start <= past.log_offset < bounds.end
        name = _place(past.topic, past.partition, past.log_offset) if is_reading else str(past.id)
        if past.case_id is not None and past.outcome == "opened":
            self._opened.setdefault(past.case_id, name)
        self._came[past.id] = name
        if past.activity_id is not None:
            self._messages.setdefault(past.activity_id, name)
        if is_reading:
            return {}
        try:
            raw = past.raw if past.raw is not None else self._blob(past.dataref or "")
        except LookupError:
            return None
        facts = dict(past.facts)
        return {
            "at": past.received_at.isoformat(),
            "id": name,
            "channel": past.channel,
            "source": past.source,
            "source_id": facts.pop(CE_ID, past.source_id),
            "content_type": past.content_type,
            "facts": facts,
            **_bytes(raw),
            **({} if past.within else {"before": True}),
            "was": {
                "outcome": past.outcome,
                "opened_by": self._opened.get(past.case_id) if past.case_id is not None else None,
                "matched_by": past.matched_by,
            },
        }

    def _deed(self, past: PastDeed) -> dict[str, Any] | None:
        if past.verb in _OF_MESSAGES:
            return self._verdict(past)
        if past.case_id is None:
            return self._of_no_case(past)
        opened_by = self._opened.get(past.case_id) if past.case_id is not None else None
        if opened_by is None:
            return None
        other = self._other(past)
        if other is None:
            return None
        if past.activity_id is not None:
            self._messages.setdefault(past.activity_id, str(past.id))
        return {
            "at": past.at.isoformat(),
            "id": str(past.id),
            "do": past.data["kind"] if past.verb == "Plan" else _VERBS[past.verb],
            "case_opened_by": opened_by,
            **({"by": past.actor_id} if past.actor_id else {}),
            **_said(past),
            **other,
            **({} if past.within else {"before": True}),
        }

    def _of_no_case(self, past: PastDeed) -> dict[str, Any] | None:
        """What an agent said of themselves, did to contacts, or noted on another record."""
        record = past.data.get("regarding")
        other = self._other(past) if record else {}
        if other is None:
            return None
        if past.activity_id is not None:
            self._messages.setdefault(past.activity_id, str(past.id))
        said = _said(past) if record else dict(past.data)
        if record:
            said["regarding"] = {"kind": record["kind"], "id": record["name"]}
        return {
            "at": past.at.isoformat(),
            "id": str(past.id),
            "do": past.data["kind"] if past.verb == "Plan" else _VERBS[past.verb],
            **({"by": past.actor_id} if past.actor_id else {}),
            **said,
            **other,
            **({} if past.within else {"before": True}),
        }

    def _verdict(self, past: PastDeed) -> dict[str, Any] | None:
        """What was decided about a message that had been put aside."""
        message = _named("message", self._came, past.data["message"])
        if message is None:
            return None
        said = {"at": past.at.isoformat(), "id": str(past.id), "do": _VERBS[past.verb], **message}
        by = {"by": past.actor_id} if past.actor_id else {}
        return {**said, **by, **({} if past.within else {"before": True})}

    def _other(self, past: PastDeed) -> dict[str, str] | None:
        """The other case or activity of an order, by its name; None where it has none in the journal."""
        if past.verb == "Merge":
            return _named("into_opened_by", self._opened, past.data["into"])
        if past.verb == "SetField" and past.data["field"] == "parent" and past.data.get("value"):
            return _named("value_opened_by", self._opened, past.data["value"])
        if past.verb in {"Attach", "Finish"}:
            return _named("activity", self._messages, past.data["activity"])
        if past.verb == "Reply" and past.data.get("answers"):
            return _named("answers", self._messages, past.data["answers"])
        return {}


def _said(past: PastDeed) -> dict[str, Any]:
    """What the order says of itself; other cases and activities are named beside it."""
    if past.verb == "Assign":
        return {"owner": past.data.get("owner")}
    if past.verb == "SetField":
        return {"field": past.data["field"], "value": past.data.get("value")}
    keys = _KEYS.get(past.verb, {})
    left_out = {"into", "activity", "answers", *(("kind",) if past.verb == "Plan" else ())}
    return {
        keys.get(key, key): value
        for key, value in past.data.items()
        if key not in left_out and value is not None and value is not False and value != ""
    }


def _place(topic: str, partition: int, offset: int) -> str:
    """What the line of a record is called."""
    return f"{topic}/{partition}/{offset}"


def _named(key: str, names: Mapping[UUID, str], value: str) -> dict[str, str] | None:
    name = names.get(UUID(value))
    return {key: name} if name is not None else None


def _bytes(raw: bytes) -> dict[str, str]:
    """The bytes as text where they are; carriage returns and all survive JSON."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(raw).decode()}
    return {"raw": text}
