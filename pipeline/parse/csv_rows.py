"""The rows of a CSV file that an exchange appends to, each with its own bytes, however broken its neighbours are.

Source: RFC 4180, as Asterisk writes it: each record in one piece, quotes doubled, fields that may hold line ends.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

MAX_ROW = 65_536
"""Bytes of a row; a longer one is cut there."""

MAX_JOINED = 8
"""Lines that one row may go over."""

MAX_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it begins, where the next one does, its fields, and what is wrong with it."""

    start: int
    end: int
    fields: tuple[str, ...]
    defect: str | None = None


def read_rows(raw: bytes) -> Iterator[Row]:
    """All rows that hold anything; a row whose quote never ends takes no other with it."""
    start = 0
    while start < len(raw):
        if raw[start] in b"\r\n":
            start += 1
            continue
        row = _row_at(raw, start)
        if any(row.fields):
            yield row
        start = row.end


def _row_at(raw: bytes, start: int) -> Row:
    first_end = end = _line_end(raw, start)
    for _ in range(MAX_JOINED):
        if raw.count(b'"', start, end) % 2 == 0 or end == len(raw) or end - start > MAX_ROW:
            break
        end = _line_end(raw, end)  # a quote is open: the row goes on
    if end - start <= MAX_ROW and (fields := _fields(raw[start:end], strict=True)) is not None:
        return Row(start, end, fields)
    line = raw[start:first_end]
    says = "the row is longer than any record" if len(line) > MAX_ROW else "the row's quotes do not match"
    return Row(start, first_end, _fields(line[:MAX_ROW], strict=False) or (), says)


def _line_end(raw: bytes, start: int) -> int:
    found = raw.find(b"\n", start)
    return len(raw) if found < 0 else found + 1


def _fields(line: bytes, *, strict: bool) -> tuple[str, ...] | None:
    """The fields of a row; None when it is none by the rules, or by what comes after it."""
    text = line.decode("utf-8-sig", "replace").replace("\0", "\ufffd").strip("\r\n")
    if '"' not in text:
        return tuple(field.strip() for field in text.split(",", MAX_FIELDS)[:MAX_FIELDS]) if text else ()
    try:
        rows = list(csv.reader([text], strict=strict, skipinitialspace=not strict))
    except csv.Error:
        return None
    return tuple(field.strip() for field in rows[0][:MAX_FIELDS]) if rows else ()
