"""What kinds of values conditions know: those of fields, and what functions make of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional  # a class that names itself cannot say it otherwise


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value; of a text the `choices` it may be one of, of a list what it is `of`."""

    name: str
    choices: tuple[str, ...] = ()
    of: Optional["Kind"] = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record by the kinds of its fields; a field may be a record itself."""

    fields: Mapping[str, "Kind | Record"]
    name: str = "record"


BOOL = Kind("true or false")
TEXT = Kind("text")
INT = Kind("a whole number")
NUMBER = Kind("a number")
TIME = Kind("a time")
DURATION = Kind("a duration")
TEXTS = Kind("a list", of=TEXT)
READING = Kind("a reading")
"""What a device tells: a number, a text, true or false."""

BYTES = Kind("bytes")
NULL = Kind("null")
MAP = Kind("a map")
HEADERS = Kind(MAP.name, of=TEXT)
TYPE = Kind("a type")
ANY = Kind("anything")

NUMERIC = (INT.name, NUMBER.name)
UNKNOWN = (ANY.name, READING.name)
MAYBE_NULL = (INT.name, NUMBER.name, TIME.name, DURATION.name, READING.name)
"""Kinds that have no empty value: a field without one is null; an empty text, list or record is itself."""

TYPES = ("bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint")

Shape = tuple[tuple[str, ...], Kind]
"""The kinds of what a function takes, its receiver first, and the kind that it makes."""

_PART = {
    f"get{part}": ((TIME.name,), INT)
    for part in (
        "FullYear",
        "Month",
        "Date",
        "DayOfMonth",
        "DayOfWeek",
        "DayOfYear",
        "Hours",
        "Minutes",
        "Seconds",
        "Milliseconds",
    )
}
METHODS: Mapping[str, Shape] = {
    "contains": ((TEXT.name, TEXT.name), BOOL),
    "startsWith": ((TEXT.name, TEXT.name), BOOL),
    "endsWith": ((TEXT.name, TEXT.name), BOOL),
    "matches": ((TEXT.name, TEXT.name), BOOL),
    "size": (("sized",), INT),
    **_PART,
}
"""Functions that are called on a value: `message.text.contains('x')`."""

FUNCTIONS: Mapping[str, Shape] = {
    "size": (("sized",), INT),
    "matches": ((TEXT.name, TEXT.name), BOOL),
    "int": (("plain",), INT),
    "uint": (("plain",), INT),
    "double": (("plain",), NUMBER),
    "string": (("plain",), TEXT),
    "bytes": ((TEXT.name,), BYTES),
    "timestamp": (("plain",), TIME),
    "duration": (("plain",), DURATION),
    "dyn": (("plain",), ANY),
    "type": (("plain",), TYPE),
}
"""Functions that are called with a value: `size(message.to)`."""

ACCEPTS: Mapping[str, frozenset[str]] = {
    "sized": frozenset({TEXT.name, BYTES.name, TEXTS.name, MAP.name}),
    "plain": frozenset({TEXT.name, INT.name, NUMBER.name, BOOL.name, TIME.name, DURATION.name, BYTES.name}),
}
"""What a word of a shape stands for, where it is no kind itself."""

MACROS = ("all", "exists", "exists_one", "filter", "map")


def accepts(word: str, kind: "Kind | Record") -> bool:
    """Whether a function that takes what `word` says takes a value of that kind."""
    if isinstance(kind, Record):
        return False
    return kind.name in UNKNOWN or kind.name == word or kind.name in ACCEPTS.get(word, ())


def comparable(one: "Kind | Record", other: "Kind | Record") -> bool:
    """Whether one may be less than the other."""
    if isinstance(one, Record) or isinstance(other, Record):
        return False
    names = {one.name, other.name}
    if names & set(UNKNOWN):
        return names <= {*UNKNOWN, *NUMERIC, TEXT.name, TIME.name, DURATION.name}
    return names <= set(NUMERIC) or (len(names) == 1 and names <= {TEXT.name, TIME.name, DURATION.name, BOOL.name})


def can_equal(one: "Kind | Record", other: "Kind | Record") -> bool:
    """Whether one may ever equal the other."""
    if isinstance(one, Record) or isinstance(other, Record):
        return NULL in (one, other)
    names = {one.name, other.name}
    return bool(names & {*UNKNOWN, NULL.name}) or names <= set(NUMERIC) or len(names) == 1
