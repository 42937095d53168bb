"""Reads files of records: JSON lines, and CSV as spreadsheets write it."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from pipeline.reference.kinds.all import KINDS

MAX_LINE = 1_000_000

_SEPARATORS = ",;\t"
_SEVERAL = re.compile(r"[;\n|]")


@dataclass(frozen=True, slots=True)
class Row:
    """What a line says, or what is wrong with it."""

    number: int | None
    values: Mapping[str, Any]
    wrong: str | None = None


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, CSV when it is called so; one that cannot be read is one row that says why."""
    try:
        content = path.read_bytes()
    except OSError as error:
        yield Row(None, {}, f"cannot read it: {error.strerror}")
        return
    yield from _csv(path, content) if path.suffix.lower() in {".csv", ".tsv"} else _json_lines(content)


def _json_lines(content: bytes) -> Iterator[Row]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            yield Row(number, {}, f"it is longer than {MAX_LINE:,} bytes")
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Row(number, {}, f"not JSON: {error}")
            continue
        yield Row(number, values) if isinstance(values, dict) else Row(number, {}, "a line is a JSON object")


def _csv(path: Path, content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        yield Row(number, {}, "this is not UTF-8; save the file in the encoding UTF-8")
        return
    header, _, _ = text.partition("\n")
    separator = max(_SEPARATORS, key=header.count)
    rows = csv.reader(StringIO(text, newline=""), delimiter=separator)
    names: Sequence[str] | None = None
    before = 0
    try:
        for cells in rows:
            number, before = before + 1, rows.line_num
            if names is None:
                names = [name.strip() for name in cells]
            elif any(cells):
                yield _csv_row(path, number, names, cells)
    except csv.Error as error:
        yield Row(rows.line_num, {}, f"not CSV: {error}")


def _csv_row(path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) > len(names) and any(cells[len(names) :]):
        return Row(number, {}, f"it has {len(cells)} cells, and the heading {len(names)}; put text in quotes")
    told = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
    kind = told.setdefault("kind", _kind_of(path))
    lists = KINDS[kind].lists if kind in KINDS else frozenset()
    values: dict[str, Any] = {}
    for name, cell in told.items():
        if name.startswith("fields."):
            values.setdefault("fields", {})[name.removeprefix("fields.")] = cell
            continue
        try:
            values[name] = _cell(name, cell, several=name in lists)
        except ValueError as error:
            return Row(number, {}, f'"{name}": {error}')
    return Row(number, values)


def _kind_of(path: Path) -> str:
    """The kind that a file's name says, like `contacts.csv`."""
    word = re.match(r"[a-z]+", path.name.lower())
    name = word[0] if word else ""
    return next((kind for kind in KINDS if name in {kind, f"{kind}s"}), "")


def _cell(name: str, cell: str, *, several: bool) -> object:
    """Several values stand between semicolons; skills as `pump=3`; anything deeper is JSON."""
    if cell[0] in "[{":
        try:
            return orjson.loads(cell)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from error
    if several:
        return [part.strip() for part in _SEVERAL.split(cell) if part.strip()]
    if name == "skills":
        pairs = [part.partition("=") for part in _SEVERAL.split(cell) if part.strip()]
        return {skill.strip(): level.strip() or 1 for skill, _, level in pairs}
    return cell
