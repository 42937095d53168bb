"""Call events that exchanges push as they happen → call events.

Sources: sipgate's push API (newCall, answer, hangup), Placetel's Notify API (IncomingCall, CallAccepted, HungUp), and
the generic interface of helpdesks that follows them.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from pipeline.parse.call import Call, CallEvent, CallState, Direction
from pipeline.parse.call_fields import Fields

_EVENTS: Mapping[str, CallEvent] = {
    **dict.fromkeys(("newcall", "incomingcall", "outgoingcall", "ring", "ringing", "start"), "ring"),
    **dict.fromkeys(("answer", "answered", "callaccepted", "accepted"), "answer"),
    **dict.fromkeys(("hangup", "hungup", "end", "ended"), "hangup"),
}
_DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(("in", "inbound", "incoming"), "in"),
    **dict.fromkeys(("out", "outbound", "outgoing"), "out"),
    **dict.fromkeys(("internal", "local"), "internal"),
}
_IMPLIED: Mapping[str, Direction] = {"incomingcall": "in", "outgoingcall": "out"}
_ENDS: Mapping[str, CallState] = {
    **dict.fromkeys(("normalclearing", "accepted", "answered", "completed", "normal"), "completed"),
    **dict.fromkeys(("cancel", "canceled", "cancelled", "noanswer", "missed", "timeout", "originatorcancel"), "missed"),
    "forwarded": "missed",  # nobody here answered; where it went, another call id tells
    **dict.fromkeys(("busy", "userbusy", "rejected", "callrejected", "reject"), "busy"),
    **dict.fromkeys(("congestion", "notfound", "blocked", "unavailable", "failed", "error"), "failed"),
    "voicemail": "voicemail",
}
_MARKS = re.compile(r"[\W_]+")


def parse_cti(fields: Fields) -> Call:
    """What one event tells of its call."""
    name = _word(fields.raw("event"))
    event = _EVENTS.get(name, "other")
    if event == "other":
        given = fields.raw("event")[:40]
        fields.note("event", f"{given!r} tells nothing of a call's course" if given else "there is none")
    call_id = fields.text("callid", "uniqueid", "id")
    if call_id is None:
        fields.note("call_id", "there is none")
    users = _users(fields)
    at = fields.moment("at", "timestamp", "time", "date", "at")
    return Call(
        call_id=call_id,
        direction=_direction(fields, name),
        from_=fields.number("from", "from", "caller", "fromnumber"),
        to=fields.number("to", "to", "called", "tonumber"),
        from_name=fields.text("fromname", "callername", "name"),
        state=_state(fields, event, users),
        started_at=_at(event == "ring", at),
        answered_at=_at(event == "answer", at),
        ended_at=_at(event == "hangup", at),
        duration_s=fields.seconds("duration_s", "duration") if event == "hangup" else None,
        agent=users[0] if users and (len(users) == 1 or event != "ring") and users != ["voicemail"] else None,
        event=event,
        linked_id=fields.text("originalcallid"),
        defects=fields.defects,
    )


def _word(text: str) -> str:
    return _MARKS.sub("", text[:100].lower())


def _users(fields: Fields) -> list[str]:
    """Those of us whom the event names; a telephone is better than nobody."""
    named = fields.text("user", "users", "agent", "peer", "userid", "answeringnumber") or ""
    return [user for part in named.split(",") if (user := part.strip())]


def _direction(fields: Fields, event: str) -> Direction | None:
    given = fields.raw("direction")
    direction = _DIRECTIONS.get(_word(given)) or _IMPLIED.get(event)
    if direction is None and given:
        fields.note("direction", f"{given[:40]!r} is none")
    return direction


def _state(fields: Fields, event: CallEvent, users: list[str]) -> CallState | None:
    if event == "ring":
        return "ringing"
    if event == "answer":
        return "voicemail" if [user.lower() for user in users] == ["voicemail"] else "answered"
    if event == "other":
        return None
    cause = fields.raw("cause", "type", "reason", "hangupcause")
    state = _ENDS.get(_word(cause))
    if state is None and cause:
        fields.note("state", f"{cause[:40]!r} is no cause of an end that we know")
    return state or "completed"


def _at(happened: bool, at: datetime | None) -> datetime | None:  # noqa: FBT001  # reads as a condition where it is called
    return at if happened else None
