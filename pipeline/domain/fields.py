"""The desk's own fields: what a record may hold beyond what every desk's does."""

import re
from collections.abc import Mapping
from datetime import date

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

WORDS: Mapping[str, str] = {
    "text": "text in quotes",
    "number": "a number",
    "boolean": "true or false",
    "date": 'a day like "2027-01-31"',
}
"""The kinds of values that are no choice of words, each with what to write."""

MAX_TEXT = 2000

FieldType = str | tuple[str, ...]
"""One of `WORDS`, or the words to choose from."""


def wrong_fields(values: Mapping[str, object], declared: Mapping[str, FieldType]) -> list[str]:
    """What is wrong with a record's own fields, with what would be right; null takes a value away."""
    found = []
    for name, value in values.items():
        if name not in declared:
            there = ", ".join(declared) or "none"
            found.append(f'there is no field "{name}" of its own; declared are: {there}')
        elif value is not None and not _fits(value, declared[name]):
            found.append(f'"{name}" should be {_wanted(declared[name])}')
    return found


def _wanted(kind: FieldType) -> str:
    return WORDS[kind] if isinstance(kind, str) else f"one of: {', '.join(kind)}"


def _fits(value: object, kind: FieldType) -> bool:
    if not isinstance(kind, str):
        return value in kind
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, str) and _is_day(value)
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2027-01-31")
