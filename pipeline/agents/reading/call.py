"""Reads what an exchange tells of a call into a typed message."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.channels.told import CallMessage
from pipeline.agents.rules import Rules
from pipeline.agents.text import clean
from pipeline.domain.calls import SAME_CALL_S, CallTold
from pipeline.domain.duplicates import CALL_WINDOW_S, digest, window_keys
from pipeline.parse.call import Call
from pipeline.parse.call_fields import Site
from pipeline.parse.phone import format_of, parse_phone
from pipeline.wire import Envelope, Record

MAX_WORD = 400
"""Characters of a number, an id or a name that are kept."""


def read_call(rules: Rules, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
    """The event or record of a call. Raises LookupError when it is none, or the desk has no such exchange."""
    phone = rules.phone(envelope.source)
    site = Site(phone.country or rules.country, ZoneInfo(phone.timezone or rules.timezone))
    calls = list(parse_phone(raw, site, format_of(envelope.content_type) or phone.format))
    if len(calls) > 1:
        raise LookupError(f"it holds {len(calls)} calls, where each should be a record of its own")
    call = calls[0]
    if call.call_id is None and call.from_ is None and call.to is None:
        raise LookupError(f"it tells of no call: {'; '.join(call.defects)}"[:500])
    told = _told(call, envelope.time)
    name = _word(call.linked_id or call.call_id) or envelope.id
    own, *near = _dedupe_keys(phone.name, name, call, told, envelope)
    party = None if told.direction == "internal" else told.called if told.direction == "out" else told.caller
    known_as, alike = _alike(party, told)
    return Incoming(
        record=record,
        envelope=envelope,
        id=uuid7(),
        source_id=_word(call.call_id) or clean(envelope.id)[:MAX_WORD],
        kind="phone",
        subject="",
        text="",
        queue=phone.queue or rules.default_queue,
        dedupe_key=own,
        dedupe_near=tuple(near),
        dedupe_window_s=CALL_WINDOW_S,
        sender=party,
        sender_kind="phone",
        sender_name=told.name or "",
        may_be_new=told.direction in {None, "in"},
        direction="out" if told.direction == "out" else "in",
        call=CallMessage(key=digest("call", phone.name, name), told=told, known_as=known_as, alike=alike),
        defects=tuple(clean(defect[:MAX_WORD]) for defect in call.defects),
    )


def _told(call: Call, received: datetime) -> CallTold:
    """What it says; an event that does not say when it happened did so when it came."""
    received = received.astimezone(UTC)
    return CallTold(
        state=call.state,
        record=call.event == "record",
        direction=call.direction,
        caller=_word(call.from_),
        called=_word(call.to),
        name=_word(call.from_name),
        agent=_word(call.agent),
        started_at=_utc(call.started_at) or (received if call.event == "ring" else None),
        answered_at=_utc(call.answered_at) or (received if call.event == "answer" else None),
        ended_at=_utc(call.ended_at) or (received if call.event == "hangup" else None),
        duration_s=call.duration_s,
        billable_s=call.billable_s,
    )


def _dedupe_keys(phone: str, name: str, call: Call, told: CallTold, envelope: Envelope) -> tuple[str, ...]:
    """Call id with event; what an exchange recorded is the same when all of it is, whenever it comes."""
    if call.event == "record":
        known = told if call.call_id or call.started_at else envelope.id
        return (digest("call-record", phone, name, call.call_id, known),)
    happened = (call.started_at, call.answered_at, call.ended_at)
    whose = digest("call-event", phone, name, call.call_id, call.event, call.state, *map(_utc, happened))
    return window_keys(whose, envelope.time, CALL_WINDOW_S)


def _alike(party: str | None, told: CallTold) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys by number and start: under which it may be found, and under which the other kind of account of it is.

    An exchange that posts its events and writes its records stands in the configuration twice, so its name is no part.
    """
    if party is None or told.started_at is None:
        return (), ()
    mine, *_ = window_keys(digest("call-of", party, told.record), told.started_at, SAME_CALL_S)
    return (mine,), window_keys(digest("call-of", party, not told.record), told.started_at, SAME_CALL_S)


def _word(text: str | None) -> str | None:
    return clean(text[:MAX_WORD]) if text else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
