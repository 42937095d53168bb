"""What an exchange tells of calls, in any of its formats → typed calls."""

import json
from collections.abc import Iterator, Mapping
from typing import Literal

from pipeline.config.channels import PhoneFormat
from pipeline.parse import asterisk_cel, asterisk_csv
from pipeline.parse.call import Call
from pipeline.parse.call_fields import Fields, Site
from pipeline.parse.csv_rows import read_rows
from pipeline.parse.cti import parse_cti
from pipeline.parse.form_body import read_body
from pipeline.parse.freeswitch import parse_freeswitch
from pipeline.parse.strict_json import Malformed
from pipeline.parse.twilio import parse_twilio

CONTENT_TYPES: Mapping[PhoneFormat, str] = {
    "cti": "application/x-cti-event",
    "twilio": "application/x-twilio-call",
    "asterisk-csv": "application/x-asterisk-cdr+csv",
    "asterisk-cel": "application/x-asterisk-cel+csv",
    "freeswitch-json": "application/x-freeswitch-cdr+json",
}
"""What the records of each format are called on the way, so that whoever reads them need not guess."""

_GUESSED_BYTES = 65_536


def parse_phone(raw: bytes, site: Site, format_: PhoneFormat | None = None) -> Iterator[Call]:
    """The calls, at least one; never raises. What means nothing to us is a call that says so."""
    calls = _read(raw, site, format_ or guess_format(raw))
    first = next(calls, None)
    yield first or Call(defects=("record: there is none",))
    yield from calls


def format_of(content_type: str) -> PhoneFormat | None:
    """The format whose records are called so."""
    return next((name for name, called in CONTENT_TYPES.items() if called == content_type), None)


def guess_format(raw: bytes) -> PhoneFormat:
    """The format that the bytes look most like."""
    head = raw[:_GUESSED_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in {b"{", b"["}:
        if b'"variables"' in head or b'"core-uuid"' in head or b'"channel_data"' in head:
            return "freeswitch-json"
        return "twilio" if b'"CallSid"' in head else "cti"
    row = next(read_rows(head), None)
    if row and (row.fields[0].upper() in asterisk_cel.EVENTS or asterisk_cel.header(row.fields)):
        return "asterisk-cel"
    if row and (len(row.fields) >= asterisk_csv.FEWEST_COLUMNS or asterisk_csv.header(row.fields)):
        return "asterisk-csv"
    return "twilio" if b"CallSid=" in head else "cti"


def _read(raw: bytes, site: Site, format_: PhoneFormat) -> Iterator[Call]:
    match format_:
        case "asterisk-csv":
            return asterisk_csv.parse_asterisk_csv(raw, site)
        case "asterisk-cel":
            return asterisk_cel.parse_asterisk_cel(raw, site)
        case "freeswitch-json":
            return parse_freeswitch(raw, site)
        case "cti" | "twilio":
            return _events(raw, site, format_)


def _events(raw: bytes, site: Site, format_: Literal["cti", "twilio"]) -> Iterator[Call]:
    """One event a body; a list or lines of JSON are several."""
    read = parse_twilio if format_ == "twilio" else parse_cti
    for body in _bodies(raw):
        try:
            fields = Fields(event_fields(body), site)
        except Malformed as problem:
            yield Call(defects=(f"record: {problem}",), event="other")
        else:
            yield read(fields)


def event_fields(raw: bytes) -> dict[str, str]:
    """The fields of an event sent as JSON or as a form, their names without marks. Raises Malformed."""
    is_json = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    submitted = read_body(raw, "application/json" if is_json else "application/x-www-form-urlencoded")
    found: dict[str, str] = {}
    for name, value in submitted.fields.items():
        found.setdefault(name.lower().replace("_", "").removesuffix("[]"), value)
    return found


def _bodies(raw: bytes) -> Iterator[bytes]:
    """The events in it, each as it came; what is no list of them is one."""
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"[":
        try:
            events = json.loads(text)
        except (ValueError, RecursionError):
            events = ()
        if events and all(isinstance(event, dict) for event in events):
            yield from (json.dumps(event).encode() for event in events)
            return
    elif text[:1] == b"{" and len(lines := text.splitlines()) > 1 and all(_is_object(line) for line in lines):
        yield from lines
        return
    yield raw


def _is_object(line: bytes) -> bool:
    return line.strip()[:1] == b"{" and line.strip()[-1:] == b"}"
