"""Asterisk's call detail records → calls, one a row.

Source: Asterisk's cdr_csv (the order of its columns) and its documentation of the CDR fields; a file that names its
columns in a first line may have them in any order.
"""

import re
from collections.abc import Iterator, Mapping

from pipeline.parse.call import Call, CallState, Direction
from pipeline.parse.call_fields import MAX_TEXT, Fields, Site
from pipeline.parse.csv_rows import Row, read_rows
from pipeline.parse.numbers import is_extension

COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip

FEWEST_COLUMNS = 15
"""Columns that every record has: up to the disposition."""

_OTHER_NAMES = {
    "calldate": "start",
    "calleridname": "clid",
    "source": "src",
    "destination": "dst",
    "cdr_uniqueid": "uniqueid",
}
_STATES: Mapping[str, CallState] = {
    "ANSWERED": "completed",
    "ANSWER": "completed",
    "NO ANSWER": "missed",
    "NOANSWER": "missed",
    "CANCEL": "missed",
    "BUSY": "busy",
    "FAILED": "failed",
    "CONGESTION": "failed",
    "CHANUNAVAIL": "failed",
}
_FROM_OUTSIDE = re.compile(r"from-(?:trunk|pstn|did|outside|provider|sip-external)|incoming|inbound", re.IGNORECASE)
_CALLER = re.compile(r'\s*"?(?P<name>.*?)"?\s*<(?P<number>[^<>]*)>\s*', re.DOTALL)
_PEER = re.compile(r"[A-Za-z0-9_]+/(?:[a-z]+:)?(?P<peer>[^/@]+?)(?:-[0-9a-f]{8})?(?:;[12])?(?:@.*)?")
_NOT_DIALLED = re.compile(r"[a-z]?|~~s~~|failed|hang|dialout", re.IGNORECASE)


def parse_asterisk_csv(raw: bytes, site: Site) -> Iterator[Call]:
    """A call for each row; a row that is broken is a call with what can be read of it."""
    columns: tuple[str, ...] = COLUMNS
    for row in read_rows(raw):
        if named := header(row.fields):
            columns = named
        else:
            yield _call(row, columns, site)


def header(fields: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns that a row names, when it is no record but the names of what follows."""
    names = tuple(_OTHER_NAMES.get(name.lower(), name.lower()) for name in fields)
    return names if {"dst", "disposition"} <= set(names) else None


def _call(row: Row, columns: tuple[str, ...], site: Site) -> Call:
    fields = Fields(dict(zip(columns, row.fields, strict=False)), site)
    if row.defect:
        fields.note("record", row.defect)
    if len(row.fields) < FEWEST_COLUMNS and columns is COLUMNS:
        fields.note("record", f"{len(row.fields)} columns, where at least {FEWEST_COLUMNS} belong")
    caller = _CALLER.fullmatch(fields.raw("clid")[:MAX_TEXT])
    state = _state(fields)
    answered = state in {"completed", "voicemail"}
    source, dialled = fields.number("from", "src"), _dialled(fields)
    if source is None and caller:
        source = Fields({"number": caller["number"]}, site).number("from", "number")
    callee = peer_of(fields.raw("dstchannel"))
    direction = direction_of(fields.raw("dcontext"), source, dialled, peer_of(fields.raw("channel")), callee)
    call_id = fields.text("uniqueid")
    if call_id is None:
        fields.note("call_id", "there is none")
    return Call(
        call_id=call_id,
        direction=direction,
        from_=source,
        to=dialled or callee,
        from_name=(Fields({"name": caller["name"]}, site).text("name") if caller else None),
        state=state,
        started_at=fields.moment("started_at", "start"),
        answered_at=fields.moment("answered_at", "answer") if answered else None,
        ended_at=fields.moment("ended_at", "end"),
        duration_s=fields.seconds("duration_s", "duration"),
        billable_s=_billable(fields, state),
        agent=peer_of(fields.raw("channel")) if direction == "out" else callee,
        linked_id=fields.text("linkedid"),
        defects=fields.defects,
    )


def _state(fields: Fields) -> CallState | None:
    """How the call ended; a mailbox that answers is voicemail."""
    disposition = fields.raw("disposition").upper()
    state = _STATES.get(disposition)
    if state is None:
        fields.note("state", f"{disposition[:40]!r} is no disposition" if disposition else "there is no disposition")
    if state == "completed" and fields.raw("lastapp").lower() == "voicemail":
        return "voicemail"
    return state


def _billable(fields: Fields, state: CallState | None) -> int | None:
    """Talk time; what a machine records is none."""
    seconds = fields.seconds("billable_s", "billsec")
    return 0 if state == "voicemail" and seconds is not None else seconds


def _dialled(fields: Fields) -> str | None:
    """The number that was dialled; the dialplan's own places like `s` are none."""
    return None if _NOT_DIALLED.fullmatch(fields.raw("dst")) else fields.number("to", "dst")


def peer_of(channel: str) -> str | None:
    """The telephone that a channel leads to: 201 of `PJSIP/201-0000001a`."""
    matched = _PEER.fullmatch(channel[:200])
    return matched["peer"] if matched else None


def direction_of(
    context: str, source: str | None, dialled: str | None, caller: str | None, callee: str | None
) -> Direction | None:
    """Told by the dialplan's context where it says so, else by which side is a telephone of the exchange.

    A number may be the desk's own to the outside, so the telephones at both ends, `caller` and `callee`, count too.
    """
    if _FROM_OUTSIDE.search(context[:200]):
        return "in"
    inside = is_extension(source) or _is_telephone(caller)
    reached = is_extension(dialled) or _is_telephone(callee)
    if inside and not reached:
        return "out" if dialled or callee else None
    return None if not reached else "internal" if inside else "in"


def _is_telephone(peer: str | None) -> bool:
    """Whether a channel leads to a telephone of the exchange; trunks have names, or whole numbers."""
    return peer is not None and peer.isdecimal() and is_extension(peer)
