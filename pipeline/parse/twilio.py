"""Twilio's status callbacks → call events.

Source: Twilio's documentation of the call resource and of the parameters of a status callback.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipeline.parse.call import Call, CallEvent, CallState, Direction
from pipeline.parse.call_fields import Fields

_COURSE: Mapping[str, tuple[CallEvent, CallState]] = {
    "queued": ("ring", "ringing"),
    "initiated": ("ring", "ringing"),
    "ringing": ("ring", "ringing"),
    "in-progress": ("answer", "answered"),
    "answered": ("answer", "answered"),
    "completed": ("hangup", "completed"),
    "busy": ("hangup", "busy"),
    "failed": ("hangup", "failed"),
    "no-answer": ("hangup", "missed"),
    "canceled": ("hangup", "missed"),
}
_DIRECTIONS: Mapping[str, Direction] = {"inbound": "in", "outbound-api": "out", "outbound-dial": "out"}
_WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What stands for a caller who gave no number: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad."""


def parse_twilio(fields: Fields) -> Call:
    """What one callback tells of its call."""
    status = fields.raw("callstatus").lower()
    event: CallEvent
    state: CallState | None
    event, state = _COURSE.get(status, ("other", None))
    if state is None:
        fields.note("state", f"{status[:40]!r} is no status of a call" if status else "there is no CallStatus")
    call_id = fields.text("callsid")
    if call_id is None:
        fields.note("call_id", "there is none")
    at = _moment(fields)
    talk = fields.seconds("billable_s", "callduration") if state == "completed" else None
    if fields.raw("answeredby").lower().startswith("machine") and state == "completed":
        state, talk = "voicemail", 0
    return Call(
        call_id=call_id,
        direction=_DIRECTIONS.get(fields.raw("direction").lower()),
        from_=_caller(fields),
        to=fields.number("to", "to", "called"),
        from_name=fields.text("callername"),
        state=state,
        started_at=at if event == "ring" else None,
        answered_at=_answered(event, at, talk),
        ended_at=at if event == "hangup" else None,
        billable_s=talk,
        event=event,
        linked_id=fields.text("parentcallsid"),
        defects=fields.defects,
    )


def _caller(fields: Fields) -> str | None:
    if fields.raw("from", "caller") in _WITHHELD:
        fields.note("from", "withheld")
        return None
    return fields.number("from", "from", "caller")


def _answered(event: CallEvent, at: datetime | None, talk: int | None) -> datetime | None:
    """When it was answered: now, or so long before its end as it was talked."""
    if event == "answer":
        return at
    return at - timedelta(seconds=talk) if at is not None and talk else None


def _moment(fields: Fields) -> datetime | None:
    """When it happened, in the format of mail's dates (RFC 2822)."""
    value = fields.raw("timestamp")
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value[:64])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        fields.note("at", f"{value[:40]!r} is no time")
        return None
