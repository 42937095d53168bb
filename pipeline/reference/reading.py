"""Reads records out of files: each line is a record, or says what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.domain.fields import FieldType
from pipeline.domain.importing import Line
from pipeline.reference.files import Row, read_rows
from pipeline.reference.kinds.all import KINDS
from pipeline.reference.kinds.told import Told
from pipeline.reference.names import Names

_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that is no record, and why; without a number it is the whole file."""

    file: str
    number: int | None
    kind: str | None
    external_id: str | None
    says: str

    def __str__(self) -> str:
        place = self.file if self.number is None else f"{self.file}:{self.number}"
        return f"{place}: {self.says}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The records of some files in order, and the lines that are none."""

    lines: list[Line] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)


def read_records(paths: Sequence[Path], names: Names) -> Reading:
    """The records in these files."""
    found = Reading()
    for path in paths:
        for row in read_rows(path):
            told = _told(row, names)
            if isinstance(told, Told):
                found.lines.append(Line(str(path), row.number or 0, told.record(names)))
            else:
                kind, external_id = row.values.get("kind"), row.values.get("external_id")
                shown = None if external_id is None else str(external_id)
                found.wrong.append(
                    Wrong(str(path), row.number, kind if isinstance(kind, str) else None, shown, "; ".join(told))
                )
    return found


def _told(row: Row, names: Names) -> Told | list[str]:
    """What a row tells of a record, or everything that is wrong with it."""
    if row.wrong is not None:
        return [row.wrong]
    kind = row.values.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        shown = f'"{kind}"' if kind else "that it names"
        return [f"there is no kind {shown}; there are: {', '.join(KINDS)}"]
    try:
        told = model.model_validate(_gathered(row.values, model, names.fields.get(str(kind), {})))
    except ValidationError as error:
        return [_sentence(one, model, names) for one in error.errors(include_url=False, include_context=True)]
    return list(told.wrong(names)) or told


def _gathered(values: Mapping[str, Any], model: type[Told], declared: Mapping[str, FieldType]) -> Mapping[str, Any]:
    """The values with own fields gathered under `fields`, where a spreadsheet has them as columns like others."""
    if "fields" not in model.model_fields:
        return values
    own = {name: value for name, value in values.items() if name in declared and name not in model.model_fields}
    inside = values.get("fields")
    if not own and not isinstance(inside, Mapping):
        return values
    gathered = {**(inside if isinstance(inside, Mapping) else {}), **own}
    typed = {name: _typed(value, declared.get(name)) for name, value in gathered.items()}
    return {**{name: value for name, value in values.items() if name not in own}, "fields": typed}


def _typed(value: object, kind: FieldType | None) -> object:
    """A cell's text as what was declared, where it can be that."""
    if not isinstance(value, str):
        return value
    if kind == "number":
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return value
    if kind == "boolean":
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else value
    return value


def _sentence(error: ErrorDetails, model: type[Told], names: Names) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{_unknown(place, model, names)}"
    if error["type"] == "missing":
        return f'"{place}" is missing'
    if error["type"] == "value_error":
        return f'"{place}": {error["ctx"]["error"]}'
    return f'"{place}": {error["msg"][:1].lower()}{error["msg"][1:]}'


def _unknown(name: str, model: type[Told], names: Names) -> str:
    kind = str(model.model_fields["kind"].annotation.__args__[0])  # type: ignore[union-attr]  # a Literal of one word
    called = [field.alias or field_name for field_name, field in model.model_fields.items()]
    known = [*called, *names.fields.get(kind, {})]
    close = get_close_matches(name, known, n=1)
    meant = f'; did you mean "{close[0]}"?' if close else "."
    own = ", ".join(names.fields.get(kind, {})) or "none"
    has = ", ".join(one for one in called if one != "fields")
    return f'"{name}" is nothing that {kind}s have{meant} They have: {has}; fields of your own: {own}'
