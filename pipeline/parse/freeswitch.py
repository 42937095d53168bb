"""FreeSWITCH's call detail records in JSON → calls.

Source: FreeSWITCH's mod_json_cdr: `variables` of the channel (which it may write percent-encoded), `callflow` with the
profile of the caller, `times` in microseconds; 0 where it did not come to that.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import unquote

from pipeline.parse.call import Call, CallState, Direction
from pipeline.parse.call_fields import Fields, Site, whole_seconds
from pipeline.parse.numbers import is_extension

_MISSED = frozenset(
    [
        "NORMAL_CLEARING",
        "ORIGINATOR_CANCEL",
        "NO_ANSWER",
        "NO_USER_RESPONSE",
        "ALLOTTED_TIMEOUT",
        "LOSE_RACE",
        "PICKED_OFF",
    ]
)
_BUSY = frozenset({"USER_BUSY", "CALL_REJECTED"})
_TOLD: Mapping[str, Direction] = {"inbound": "in", "outbound": "out", "local": "internal"}
_MAX_RECORDS = 10_000
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BLANKS = " \t\r\n,\ufeff"


def parse_freeswitch(raw: bytes, site: Site) -> Iterator[Call]:
    """A call for each object, of which a file may hold one, a list, or one after the other."""
    text = raw.decode("utf-8", "replace")
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    place = _after_blanks(text, 0)
    for _ in range(_MAX_RECORDS):
        if place >= len(text):
            return
        try:
            found, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield Call(defects=("record: it is not JSON",))
            place = _next_record(text, place)
            continue
        for record in found if isinstance(found, list) else (found,):
            yield _call(record, site)
        place = _after_blanks(text, place)


def _next_record(text: str, place: int) -> int:
    """Where the next record begins after one that is broken: at a line that opens an object."""
    found = text.find("\n{", place + 1)
    return len(text) if found < 0 else found + 1


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


def _call(record: object, site: Site) -> Call:
    if not isinstance(record, dict):
        return Call(defects=("record: it is no object",))
    fields = Fields(_flat(record), site)
    call_id = fields.text("uuid")
    if call_id is None:
        fields.note("call_id", "there is none")
    source = _number(fields, "from", "sip_from_user", "caller_id_number", "effective_caller_id_number")
    to = _number(fields, "to", "sip_to_user", "dialed_user", "destination_number")
    started = _moment(fields, "started_at", "start", "created_time")
    answered = _moment(fields, "answered_at", "answer", "answered_time")
    ended = _moment(fields, "ended_at", "end", "hangup_time")
    direction = _direction(fields, source, to)
    state = _state(fields, answered=answered is not None, known=started is not None)
    return Call(
        call_id=call_id,
        direction=direction,
        from_=source,
        to=to,
        from_name=_name(fields, source),
        state=state,
        started_at=started,
        answered_at=answered,
        ended_at=ended,
        duration_s=_length(fields, "duration_s", "duration", whole_seconds(started, ended)),
        billable_s=0
        if state == "voicemail"
        else _length(fields, "billable_s", "billsec", whole_seconds(answered, ended)),
        agent=fields.text("dialed_user", "answered_user", "cc_agent", "callee_id_number")
        if direction != "out"
        else source,
        linked_id=fields.text("call_uuid", "originating_leg_uuid", "originator"),
        defects=fields.defects,
    )


def _flat(record: Mapping[str, object]) -> dict[str, str]:
    """The variables, over what the last step of the call's flow says, over the record's own times."""
    flow = record.get("callflow")
    step = flow[0] if isinstance(flow, list) and flow else flow
    profile = step.get("caller_profile") if isinstance(step, dict) else None
    times = step.get("times") if isinstance(step, dict) else None
    flat: dict[str, str] = {}
    for layer in (record.get("times"), times, profile, record.get("variables")):
        if isinstance(layer, dict):
            flat.update({name: _decoded(value) for name, value in layer.items() if isinstance(value, str) and value})
    return flat


def _decoded(value: str) -> str:
    return unquote(value[:2000]) if _ESCAPE.search(value[:2000]) else value


def _number(fields: Fields, field: str, *names: str) -> str | None:
    """The first of the names that holds a number, else the first that holds anything."""
    for name in names:
        if re.fullmatch(r"\+?[\d*#().\s-]+", fields.raw(name)):
            return fields.number(field, name)
    return fields.number(field, *names)


def _moment(fields: Fields, field: str, name: str, other: str) -> datetime | None:
    return fields.microseconds(field, f"{name}_uepoch", other) or fields.moment(field, f"{name}_epoch", f"{name}_stamp")


def _length(fields: Fields, field: str, name: str, otherwise: int | None) -> int | None:
    return fields.seconds(field, name) if fields.raw(name) else otherwise


def _name(fields: Fields, source: str | None) -> str | None:
    """The caller's name, unless it only repeats the number."""
    name = fields.text("caller_id_name", "effective_caller_id_name", "sip_from_display")
    return None if name in {source, fields.raw("sip_from_user"), fields.raw("caller_id_number")} else name


def _state(fields: Fields, *, answered: bool, known: bool) -> CallState | None:
    """How the call ended: a record is written when it is over."""
    if fields.raw("voicemail_message_len", "voicemail_file_path") or fields.raw("last_app").lower() == "voicemail":
        return "voicemail"
    if answered:
        return "completed"
    cause = fields.raw("hangup_cause", "bridge_hangup_cause").upper()
    if cause in _BUSY:
        return "busy"
    if not cause:
        return "missed" if known else None
    return "missed" if cause in _MISSED else "failed"


def _direction(fields: Fields, source: str | None, to: str | None) -> Direction | None:
    """`direction` is the switch's own view of one leg; the profile and the numbers tell the desk's."""
    if told := _TOLD.get(fields.raw("call_direction").lower()):
        return told
    if source is None or to is None:
        return None
    if is_extension(source):
        return "internal" if is_extension(to) else "out"
    if is_extension(to):
        return "in"
    if fields.raw("sofia_profile_name") != "external":
        return None
    return "in" if fields.raw("direction") == "inbound" else "out"
