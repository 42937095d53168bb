"""Asterisk's channel event log → calls, one for all events of a linked id.

Source: Asterisk's cel_custom (the order of its columns) and its specification of channel events; hang-up causes are
those of ITU-T Q.850.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.parse.asterisk_csv import direction_of, peer_of
from pipeline.parse.call import Call, CallState
from pipeline.parse.call_fields import Fields, Site, whole_seconds
from pipeline.parse.csv_rows import Row, read_rows

COLUMNS = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield", "userdeftype",
    "eventextra",
)  # fmt: skip
EVENTS = frozenset(
    [
        "CHAN_START",
        "CHAN_END",
        "ANSWER",
        "HANGUP",
        "BRIDGE_START",
        "BRIDGE_END",
        "BRIDGE_ENTER",
        "BRIDGE_EXIT",
        "BRIDGE_UPDATE",
        "APP_START",
        "APP_END",
        "PARK_START",
        "PARK_END",
        "LINKEDID_END",
        "USER_DEFINED",
        "BLINDTRANSFER",
        "ATTENDEDTRANSFER",
        "PICKUP",
        "FORWARD",
        "LOCAL_OPTIMIZE",
        "LOCAL_OPTIMIZE_BEGIN",
        "CONF_ENTER",
        "CONF_EXIT",
        "CONF_START",
        "CONF_END",
        "TRANSFER",
        "HOOKRESPONSE",
        "3WAY_START",
        "3WAY_END",
        "STREAM_BEGIN",
        "STREAM_END",
        "DTMF",
    ]
)
LAST = "LINKEDID_END"
"""The event that ends a call; nothing of its linked id comes after it."""

MAX_EVENTS = 20_000
"""Events of one call that are looked at."""

_OTHER_NAMES = {"extra": "eventextra", "cid-name": "cid_name", "cid-num": "cid_num", "eventname": "eventtype"}
_STATUSES: Mapping[str, CallState] = {
    "BUSY": "busy",
    "NOANSWER": "missed",
    "CANCEL": "missed",
    "CONGESTION": "failed",
    "CHANUNAVAIL": "failed",
}
_CAUSE_BUSY = "17"
_CAUSES_MISSED = frozenset({"", "0", "16", "18", "19", "26"})


@dataclass(frozen=True, slots=True)
class Event:
    """One row: what happened when on which channel."""

    type: str
    at: datetime | None
    fields: Fields

    def raw(self, name: str) -> str:
        """A column as it came."""
        return self.fields.raw(name)


def parse_asterisk_cel(raw: bytes, site: Site) -> Iterator[Call]:
    """A call for each row that is none of a call's, with its defect; then one for each linked id as they began."""
    columns: tuple[str, ...] = COLUMNS
    calls: dict[str, list[Event]] = {}
    for row in read_rows(raw):
        if named := header(row.fields):
            columns = named
            continue
        event = _event(row, columns, site)
        linked = event.fields.text("linkedid", "uniqueid")
        if linked is None or event.type not in EVENTS:
            event.fields.note("record", "it is no event of a call")
            yield Call(call_id=linked, defects=event.fields.defects)
        elif len(events := calls.setdefault(linked, [])) < MAX_EVENTS:
            events.append(event)
    for linked, events in calls.items():
        yield _Folded(linked, events).call()


def header(fields: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns that a row names, when it is no event but the names of what follows."""
    names = tuple(_OTHER_NAMES.get(name.lower(), name.lower()) for name in fields)
    return names if {"eventtype", "linkedid"} <= set(names) else None


def belongs_to(fields: tuple[str, ...], columns: tuple[str, ...]) -> str | None:
    """The linked id of a row, None when it is no event of a call."""
    named = dict(zip(columns, fields, strict=False))
    linked = named.get("linkedid") or named.get("uniqueid")
    return linked if linked and named.get("eventtype", "").upper() in EVENTS else None


def ends_call(fields: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    """Whether nothing of the row's linked id comes after it."""
    return dict(zip(columns, fields, strict=False)).get("eventtype", "").upper() == LAST


def _event(row: Row, columns: tuple[str, ...], site: Site) -> Event:
    fields = Fields(dict(zip(columns, row.fields, strict=False)), site)
    if row.defect:
        fields.note("record", row.defect)
    return Event(fields.raw("eventtype").upper(), fields.moment("eventtime", "eventtime"), fields)


class _Folded:
    """One call, as all events of its linked id tell of it."""

    def __init__(self, linked: str, events: Sequence[Event]) -> None:
        self._linked = linked
        self._events = events
        first = next((event.raw("uniqueid") for event in events if event.type == "CHAN_START"), "")
        own = {event.raw("uniqueid") for event in events}
        self._caller = linked if linked in own else first or events[0].raw("uniqueid")

    def call(self) -> Call:
        """The whole call; what never came is None."""
        caller = next((e for e in self._events if self._is_caller(e)), self._events[0])
        named = next((e for e in self._events if self._is_caller(e) and e.raw("cid_num")), caller)
        answer = self._answer()
        started = min((e.at for e in self._events if e.at), default=None)
        ended = self._ended()
        source = named.fields.number("from", "cid_num", "cid_ani")
        dialled = self._dialled(caller)
        state = self._state(answer, ended)
        answered = answer.at if answer and state in {"answered", "completed", "voicemail"} else None
        callee = peer_of(answer.raw("channame")) if answer and not self._is_caller(answer) else None
        direction = direction_of(caller.raw("context"), source, dialled, peer_of(caller.raw("channame")), callee)
        return Call(
            call_id=self._linked,
            direction=direction,
            from_=source,
            to=dialled or callee,
            from_name=next(
                (name for e in self._events if self._is_caller(e) and (name := e.fields.text("cid_name"))), None
            ),
            state=state,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            duration_s=whole_seconds(started, ended),
            billable_s=0 if state == "voicemail" else whole_seconds(answered, ended),
            agent=peer_of(caller.raw("channame")) if direction == "out" else callee,
            linked_id=self._linked,
            defects=tuple(dict.fromkeys(defect for e in self._events for defect in e.fields.defects)),
        )

    def _is_caller(self, event: Event) -> bool:
        return event.raw("uniqueid") == self._caller

    def _answer(self) -> Event | None:
        """The answer of whom was called: of another channel if any was rung, else of what took the call itself.

        The half of a local channel that runs the dialplan (`;2`) answers for nobody.
        """
        others = [e for e in self._events if not self._is_caller(e) and not e.raw("channame").endswith(";2")]
        if any(e.type == "CHAN_START" for e in others):
            taken = next((e for e in others if e.type == "ANSWER"), None)
            return taken or next((e for e in self._events if e.type == "ANSWER" and _is_mailbox(e)), None)
        return next((e for e in self._events if e.type == "ANSWER" and self._is_caller(e)), None)

    def _ended(self) -> datetime | None:
        last = next((e.at for e in self._events if e.type == LAST), None)
        own = [e.at for e in self._events if e.at and e.type in {"HANGUP", "CHAN_END"} and self._is_caller(e)]
        return (
            max(own)
            if own and (last or any(e.type == "CHAN_END" and self._is_caller(e) for e in self._events))
            else last
        )

    def _state(self, answer: Event | None, ended: datetime | None) -> CallState:
        if answer is not None and _is_mailbox(answer):
            return "voicemail"
        if answer is not None:
            return "completed" if ended else "answered"
        return self._failure() if ended else "ringing"

    def _failure(self) -> CallState:
        """Why nobody answered, as the caller's hang-up says it."""
        hangup = next((e for e in reversed(self._events) if e.type == "HANGUP" and self._is_caller(e)), None)
        cause, status = _hangup(hangup.raw("eventextra")) if hangup else ("", "")
        if known := _STATUSES.get(status):
            return known
        if cause == _CAUSE_BUSY:
            return "busy"
        return "missed" if cause in _CAUSES_MISSED else "failed"

    def _dialled(self, caller: Event) -> str | None:
        """The number the caller dialled; the dialplan's own places like `s` are none."""
        return next(
            (number for name in ("exten", "cid_dnid") if any(map(str.isdigit, caller.raw(name)))
             and (number := caller.fields.number("to", name))),
            None,
        )  # fmt: skip


def _is_mailbox(event: Event) -> bool:
    return event.raw("appname").lower() == "voicemail"


def _hangup(extra: str) -> tuple[str, str]:
    """Cause and dial status of a hang-up: `16,SIP/201,ANSWER` in Asterisk 11, JSON since 12."""
    if extra.startswith("{"):
        try:
            told = json.loads(extra[:2000])
        except (ValueError, RecursionError):
            return "", ""
        return str(told.get("hangupcause", "")), str(told.get("dialstatus", "")).upper()
    cause, _, rest = extra.partition(",")
    return cause.strip(), rest.rpartition(",")[2].strip().upper()
