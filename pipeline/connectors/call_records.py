"""Cuts what an exchange wrote into one record a call, each with the bytes of that call alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.config.channels import PhoneFormat
from pipeline.connectors.followed import Followed
from pipeline.parse import asterisk_cel, asterisk_csv
from pipeline.parse.csv_rows import Row, read_rows
from pipeline.parse.strict_json import elements

WINDOW = 262_144
"""Bytes that are cut at once; a record that is longer comes in pieces."""

UNFINISHED_ROW = timedelta(hours=1)
"""After so long without a change, a row that lacks its end is taken as it is."""

UNFINISHED_JSON = timedelta(minutes=1)

LONGEST_CALL = timedelta(hours=4)
"""After so long a call whose end never came is told as far as it went."""

MAX_OPEN_CALLS = 5000
MAX_CALL_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The bytes that tell of one call, and where they begin."""

    raw: bytes
    file: Followed
    offset: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The records in a piece of a file, and how many of its bytes are done with."""

    records: list[CallRecord]
    used: int


class Cutter(Protocol):
    """Cuts files of one format."""

    def cut(self, file: Followed, window: bytes, first_row: bytes, now: datetime) -> Cut:
        """The whole records that the window begins with; `first_row` is the file's, which may name columns."""

    def held(self, file: Followed) -> int | None:
        """From where the file would have to be read again for what was not given out yet; None if for nothing."""

    def overdue(self, now: datetime) -> list[CallRecord]:
        """What waited for its end too long, as far as it came."""


def cutter_for(format_: PhoneFormat) -> Cutter:
    """The cutter of a format that lies in files."""
    match format_:
        case "asterisk-cel":
            return CelCutter()
        case "freeswitch-json":
            return JsonCutter()
        case _:
            return RowCutter()


def _idle(file: Followed, now: datetime) -> timedelta:
    return timedelta(seconds=now.timestamp() - file.changed)


def _whole_rows(file: Followed, window: bytes, now: datetime) -> bytes:
    """The window up to its last line end, or all of it when no more can be hoped for."""
    end = window.rfind(b"\n") + 1
    if end == 0 and (len(window) >= WINDOW or _idle(file, now) > UNFINISHED_ROW):
        return window
    return window[:end]


class RowCutter:
    """Each row is a record; the row that names the columns goes before each of its file."""

    def cut(self, file: Followed, window: bytes, first_row: bytes, now: datetime) -> Cut:
        """Every whole row."""
        whole = _whole_rows(file, window, now)
        named = next((row for row in read_rows(first_row) if asterisk_csv.header(row.fields)), None)
        names = first_row if named else b""
        records = [
            CallRecord(names + whole[row.start : row.end], file, file.position + row.start)
            for row in read_rows(whole)
            if not asterisk_csv.header(row.fields)
        ]
        return Cut(records, len(whole))

    def held(self, file: Followed) -> int | None:  # noqa: ARG002  # a row is given out at once
        """None: nothing is held back."""
        return None

    def overdue(self, now: datetime) -> list[CallRecord]:  # noqa: ARG002  # the same
        """None: nothing is held back."""
        return []


@dataclass(slots=True)
class _OpenCall:
    """The rows of a call that goes on; `starts` says where its first row is in each file."""

    first: Followed
    offset: int
    since: datetime
    names: bytes
    rows: list[bytes] = field(default_factory=list)
    size: int = 0
    starts: dict[str, int] = field(default_factory=dict)

    def record(self) -> CallRecord:
        """All its rows as one record."""
        return CallRecord(self.names + b"".join(self.rows), self.first, self.offset)


class CelCutter:
    """All events of a linked id are one record, given out when it ends; a call may go over several files."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenCall] = {}

    def cut(self, file: Followed, window: bytes, first_row: bytes, now: datetime) -> Cut:
        """The calls that end in the window."""
        whole = _whole_rows(file, window, now)
        named = next((found for row in read_rows(first_row) if (found := asterisk_cel.header(row.fields))), None)
        columns, names = (named, first_row) if named else (asterisk_cel.COLUMNS, b"")
        records: list[CallRecord] = []
        for row in read_rows(whole):
            if asterisk_cel.header(row.fields) is None:
                records += self._taken(row, whole, file, columns, names, now)
        return Cut(records, len(whole))

    def _taken(
        self, row: Row, whole: bytes, file: Followed, columns: tuple[str, ...], names: bytes, now: datetime
    ) -> list[CallRecord]:
        """What the row completes: its call if it ends, itself if it is of none."""
        raw, offset = whole[row.start : row.end], file.position + row.start
        linked = asterisk_cel.belongs_to(row.fields, columns)
        if linked is None:
            return [CallRecord(names + raw, file, offset)]
        call = self._open.setdefault(linked, _OpenCall(file, offset, now, names))
        call.rows.append(raw if raw.endswith(b"\n") else raw + b"\n")
        call.size += len(raw)
        call.starts.setdefault(file.key, offset)
        if asterisk_cel.ends_call(row.fields, columns) or call.size > MAX_CALL_BYTES:
            return [self._open.pop(linked).record()]
        if len(self._open) > MAX_OPEN_CALLS:
            return [self._open.pop(next(iter(self._open))).record()]
        return []

    def held(self, file: Followed) -> int | None:
        """Where the earliest call begins that goes on."""
        return min((call.starts[file.key] for call in self._open.values() if file.key in call.starts), default=None)

    def overdue(self, now: datetime) -> list[CallRecord]:
        """The calls that no one has heard the end of."""
        late = [linked for linked, call in self._open.items() if now - call.since > LONGEST_CALL]
        return [self._open.pop(linked).record() for linked in late]


class JsonCutter:
    """Each object is a record, whether alone in its file, in a list, or one after the other."""

    def cut(self, file: Followed, window: bytes, first_row: bytes, now: datetime) -> Cut:  # noqa: ARG002  # no columns
        """Every whole object."""
        text = window.decode("latin-1")  # a character a byte: what is between the quotes is not looked at
        records: list[CallRecord] = []
        place = _start(text, 0)
        while place < len(text):
            end, found = _value(text, place)
            if end is None:
                hopeless = len(window) >= WINDOW or _idle(file, now) > UNFINISHED_JSON
                end = _broken_end(text, place, hopeless=hopeless)
            if end is None:
                break
            parts = _parts(text[place:end]) if isinstance(found, list) else [text[place:end]]
            records += (CallRecord(part.encode("latin-1"), file, file.position + place) for part in parts)
            place = _start(text, end)
        return Cut(records, place)

    def held(self, file: Followed) -> int | None:  # noqa: ARG002  # an object is given out at once
        """None: nothing is held back."""
        return None

    def overdue(self, now: datetime) -> list[CallRecord]:  # noqa: ARG002  # the same
        """None: nothing is held back."""
        return []


def _parts(text: str) -> list[str]:
    """The elements of a list; the list itself when one holds what is no JSON for us, such as an endless number."""
    try:
        return list(elements(text))
    except (ValueError, RecursionError):
        return [text]


def _start(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


def _value(text: str, place: int) -> tuple[int | None, list[object] | Mapping[str, object] | None]:
    """Where the value ends that begins there, and the value if it holds objects; None when it is not whole."""
    try:
        found, end = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode(text, place)
    except (ValueError, RecursionError):
        return None, None
    return (end, found) if isinstance(found, list | dict) else (None, None)


def _broken_end(text: str, place: int, *, hopeless: bool) -> int | None:
    """Where the next object begins after one that is broken; None when this one may still become whole."""
    following = text.find("\n{", place + 1)
    if following >= 0:
        return following
    return len(text) if hopeless else None
