"""Reads what an agent does in a line of a journal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from pipeline.domain.activities import MESSAGES, PLANNED, REGARDING, RecordName
from pipeline.domain.agents import PRESENCES, BePresent, Pick
from pipeline.domain.casework import FIELDS, OWN, PRIORITIES, SETTABLE, STATUSES
from pipeline.domain.contacts import ContactOrder, MergeContacts, UnmergeContact
from pipeline.domain.orders import (
    Assign,
    Attach,
    Cancel,
    Children,
    Command,
    Finish,
    Hold,
    Log,
    Merge,
    Note,
    OnRecord,
    Order,
    Plan,
    Reactivate,
    RecordOrder,
    Reply,
    Resolve,
    Resume,
    SetField,
    Unmerge,
)
from pipeline.domain.quarantine import Drop, Release
from pipeline.replay.steps import AnyOrder, Deed

OF_CONTACTS = ("merge_contacts", "unmerge_contact")
"""What is done to contacts, and not to a case."""

OF_AGENTS = ("presence", "pick")
"""What agents say of themselves, and take of what waits."""

OF_MESSAGES = ("release", "drop")
"""What is decided about quarantined messages."""

OF_TIME = ("tick", "advance")
"""What no agent does: the clock runs to the line's time."""

LATER = UUID(int=0)
"""Stands for a case or activity of which the journal knows only a name."""

_OPENED_BY = frozenset({"into_opened_by", "value_opened_by"})
"""Keys that name another case by the message that it came with, wherever that lies now."""

_PLAIN = (str, int, float, bool, type(None))
_Direction = Literal["in", "out", "internal"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the lines of a desk may name."""

    queues: Sequence[str]
    own_fields: Sequence[str]
    zone: ZoneInfo


def read_deed(values: Mapping[str, Any], at: datetime | None, known: Known) -> tuple[Deed | None, Sequence[str]]:
    """The deed that a line says, or what is wrong with it."""
    reader = _Reader(values, known)
    deed = reader.deed(at)
    return (None if reader.says else deed), reader.says


class _Reader:
    """A line while it is read; `says` collects its mistakes."""

    def __init__(self, values: Mapping[str, Any], known: Known) -> None:
        self.says: list[str] = []
        self._values = values
        self._known = known

    def deed(self, at: datetime | None) -> Deed | None:
        verb = self._values.get("do")
        verbs: Mapping[str, Callable[[], AnyOrder | None]] = {
            "reply": self._reply,
            "command": self._command,
            "note": lambda: Note(self._text("text", "note", "body", needed=True)),
            "assign": self._assign,
            "set": self._set,
            "hold": lambda: Hold(self._moment("until")),
            "resume": Resume,
            "resolve": self._resolve,
            "cancel": Cancel,
            "reactivate": Reactivate,
            "merge": lambda: Merge(LATER, self._flag("confirmed", "confirm")),
            "unmerge": Unmerge,
            "attach": lambda: Attach(LATER),
            "task": lambda: self._plan("task"),
            "appointment": lambda: self._plan("appointment"),
            "activity": self._log,
            "close": self._finish,
            "merge_contacts": self._merge_contacts,
            "presence": self._presence,
            "pick": lambda: Pick(self._text("agent", "by", needed=True), self._text("queue") or None),
            "release": lambda: Assign(None) if "case_of" in self._values else Release(LATER),
            "drop": lambda: Drop(LATER),
            "unmerge_contact": lambda: UnmergeContact(self._text("contact", needed=True)),
        }
        if not isinstance(verb, str) or verb not in {*verbs, *OF_TIME}:
            there = ", ".join((*verbs, *OF_TIME))
            self.says.append(f'"do" is {shown(verb)}, which cannot be rehearsed; there are: {there}')
            return None
        if verb in OF_TIME:
            case_of, name = self._text("case_of"), self._text("id")
            return Deed(at, case_of=case_of or None, id=name or None, verb=verb) if at is not None else None
        record = self._record() if "regarding" in self._values else None
        came = "case_opened_by" in self._values
        case_of = self._text(
            "case_opened_by" if came else "case_of",
            needed=record is None and verb not in {*OF_CONTACTS, *OF_MESSAGES, *OF_AGENTS},
        )
        other = self._other(verb)
        order = verbs[verb]()
        by = self._text("by") or (self._text("agent") if verb not in {"assign", *OF_AGENTS} else "")
        if at is None or order is None:
            return None
        if record is not None:
            if not isinstance(order, RecordOrder):
                self.says.append(f'"do" is {shown(verb)}, which is not done to a {record.kind}; name a case (case_of)')
                return None
            order = OnRecord(record, order)
        return Deed(
            at,
            order,
            case_of or None,
            by or None,
            self._text("id") or None,
            other,
            where_it_came=came,
            other_where_it_came=not self._values.keys().isdisjoint(_OPENED_BY),
            before=self._flag("before"),
            verb=verb,
        )

    def _record(self) -> RecordName | None:
        """The record that it is done to in a case's stead."""
        value = self._values["regarding"]
        kind, name = (value.get("kind"), value.get("id")) if isinstance(value, dict) else (None, None)
        if kind in REGARDING and isinstance(name, str) and name:
            return RecordName(kind, name)
        there = ", ".join(REGARDING)
        self.says.append(f'"regarding" is {shown(value)}; write {{"kind": …, "id": …}}; kinds are {there}')
        return None

    def _other(self, verb: str) -> str | None:
        """What else the deed is about, by its name in the journal."""
        if verb == "set" and self._values.get("field") == "parent":
            return self._text("value_opened_by", "value") or None
        names = {
            "merge": ("into_opened_by", "into"),
            "attach": ("message", "activity"),
            "close": ("activity",),
            "release": () if "case_of" in self._values else ("message",),
            "drop": ("message",),
            **({"reply": ("answers",)} if "answers" in self._values else {}),
        }.get(verb)
        return self._text(*names, needed=True) if names else None

    def _presence(self) -> BePresent | None:
        value = self._values.get("presence")
        for presence in PRESENCES:
            if value == presence:
                return BePresent(self._text("agent", needed=True), presence)
        self.says.append(f'"presence" is {shown(value)}; there are: {", ".join(PRESENCES)}')
        return None

    def _merge_contacts(self) -> ContactOrder:
        return MergeContacts(self._text("contact", needed=True), self._text("into", needed=True))

    def _reply(self) -> Order:
        waits = self._flag("waiting") or self._values.get("status") == "waiting for details"
        return Reply(
            text=self._text("text", "body", "reply", needed=True),
            subject=self._text("subject"),
            to=self._text("to") or None,
            waits=waits,
            until=self._moment("until"),
            answers=LATER if "answers" in self._values else None,
        )

    def _command(self) -> Order:
        arguments = self._values.get("arguments") or {}
        plain = isinstance(arguments, dict) and all(isinstance(one, _PLAIN) for one in arguments.values())
        if not plain:
            self.says.append(f'"arguments" must be names with plain values, and is {shown(arguments)}')
        return Command(
            name=self._text("name", "command", needed=True),
            arguments=arguments if plain else {},
            device=self._text("device") or None,
        )

    def _assign(self) -> Order | None:
        given = [key for key in ("owner", "agent", "to", "value") if key in self._values]
        if not given:
            self.says.append('"owner" is missing: the external id of an agent, or null for nobody')
            return None
        return Assign(self._text(given[0]) or None)

    def _set(self) -> Order | None:
        field, value = self._values.get("field"), self._values.get("value")
        if field == "decrement" and value in ("true", "false"):
            value = value == "true"
        fields = (*FIELDS, "owner", "parent", *(OWN + name for name in self._known.own_fields))
        if field not in fields:
            self.says.append(f'"field" is {shown(field)}, which cannot be set; there are: {", ".join(fields)}')
            return None
        choices: Mapping[str, Sequence[object]] = {
            "status": [status for of_state in STATUSES.values() for status in of_state],
            "priority": PRIORITIES,
            "queue": self._known.queues,
            "decrement": (True, False),
        }
        if field in choices and value not in choices[field]:
            there = ", ".join(str(choice) for choice in choices[field])
            self.says.append(f'"value" is {shown(value)}, which is no {field}; there are: {there}')
            return None
        if field == "owner":
            return Assign(self._text("value") or None)
        if not isinstance(value, str | bool | None):
            self.says.append(f'"value" must be text, and is {shown(value)}')
            return None
        return SetField(field, value)

    def _resolve(self) -> Order:
        status = self._text("status") or STATUSES["resolved"][0]
        if status not in SETTABLE["resolved"]:
            there = ", ".join(SETTABLE["resolved"])
            self.says.append(f'"status" is {shown(status)}, which no resolved case has; there are: {there}')
        return Resolve(
            text=self._text("resolution", "text"),
            status=status,
            billable_s=self._seconds("billable_s"),
            why=self._text("why", "reason"),
            cancel_open=self._flag("cancel_open"),
            children=self._children(),
        )

    def _children(self) -> Children | None:
        value = self._values.get("children")
        for choice in get_args(Children):
            if value == choice:
                return choice  # type: ignore[no-any-return]  # one of the literal's own
        if value is not None:
            self.says.append(f'"children" is {shown(value)}; there are: {", ".join(get_args(Children))}')
        return None

    def _plan(self, kind: str) -> Order:
        return Plan(
            kind=kind,
            subject=self._text("subject", "title", "text") or kind,
            text=self._text("text"),
            owner=self._text("owner") or None,
            due_at=self._moment("due_at"),
            remind_at=self._moment("remind_at"),
        )

    def _log(self) -> Order:
        kinds = sorted({*PLANNED, *MESSAGES} - {"iot"})
        kind = self._text("kind") or PLANNED[0]
        if kind not in kinds:
            self.says.append(f'"kind" is {shown(kind)}, which no agent logs; there are: {", ".join(kinds)}')
        direction: _Direction = "internal"
        for choice in get_args(_Direction):
            if self._values.get("direction") == choice:
                direction = choice
        return Log(
            kind=kind,
            direction=direction,
            subject=self._text("subject", "title"),
            text=self._text("text"),
            duration_s=self._seconds("duration_s"),
            billable=self._flag("billable"),
        )

    def _finish(self) -> Order:
        return Finish(
            activity=LATER,
            duration_s=self._seconds("duration_s"),
            billable=self._flag("billable"),
            cancelled=self._flag("cancelled"),
        )

    # ---- values

    def _text(self, *keys: str, needed: bool = False) -> str:
        """The first of these keys that is there."""
        key = next((key for key in keys if self._values.get(key) is not None), keys[0])
        value = self._values.get(key)
        if isinstance(value, str) and (value or not needed):
            return value
        if needed or value is not None:
            self.says.append(f'"{key}" must be text, and is {shown(value)}')
        return ""

    def _flag(self, *keys: str) -> bool:
        for key in keys:
            value = self._values.get(key, False)
            if not isinstance(value, bool):
                self.says.append(f'"{key}" must be true or false, and is {shown(value)}')
            elif value:
                return True
        return False

    def _seconds(self, key: str) -> int | None:
        value = self._values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self.says.append(f'"{key}" must be whole seconds, and is {shown(value)}')
        return None

    def _moment(self, key: str) -> datetime | None:
        value = self._values.get(key)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            self.says.append(f'"{key}" is {shown(value)}; write a time like "2026-03-02T11:00:00+01:00"')
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self._known.zone)


def shown(value: object) -> str:
    """A value as the line has it, short enough to find it by."""
    if value is None:
        return "missing"
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  # enough to find it by
