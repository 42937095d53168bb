"""Where conditions stand in the settings, what each may name there, and what is wrong with them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.conditions import Condition, Expression
from pipeline.domain.vocabulary import vocabulary

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Asks:
    """Marks the text of a condition (or, unless `yes_or_no`, of any expression) with what it may name."""

    names: tuple[str, ...]
    yes_or_no: bool = True


MESSAGE_NAMES = ("case", "message", "account", "contact", "device", "fields")
CASE_NAMES = ("case", "account", "contact", "device")
MAIL_NAMES = ("message",)
CUT_NAMES = ("fields", "message")
READING_NAMES = ("name", "value", "unit", "severity", "device", "account")

ConditionText = Annotated[str, Asks(MESSAGE_NAMES)]
"""A condition on a message and the case it is about."""

CaseConditionText = Annotated[str, Asks(CASE_NAMES)]
"""A condition on a case, when no message is at hand."""

MailConditionText = Annotated[str, Asks(MAIL_NAMES)]
"""A condition on a mail by itself, before anything else is known."""

CutConditionText = Annotated[str, Asks(CUT_NAMES)]
"""A condition on a mail and the fields that its own record cuts from it."""

ReadingConditionText = Annotated[str, Asks(READING_NAMES)]
"""A condition on what a device told."""


class Wrong(NamedTuple):
    """Where a condition stands, what is wrong with it, and at which of its characters."""

    location: Place
    says: str
    at: int


def wrong_conditions(model: type[BaseModel], values: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong with the conditions in values that need not be valid otherwise."""
    for location, text, asks in _asked(model, values, ()):
        compiled = Condition if asks.yes_or_no else Expression
        try:
            compiled.compile(text, names_at(values, location, asks))
        except BadConditionError as error:
            yield Wrong(location, error.says, error.at)


def names_at(values: Mapping[str, Any], location: Place, asks: Asks) -> Names:
    """What a condition may name at its place; `fields` are those of forms, or what its own [[correlate]] cuts."""
    own = values.get("fields")
    known = vocabulary(_declared(own) if isinstance(own, Mapping) else {}, _cut(values, location))
    return {name: known[name] for name in asks.names}


def _declared(own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        record: {name: kind if isinstance(kind, str) else tuple(kind) for name, kind in fields.items()}
        for record, fields in own.items()
        if isinstance(fields, Mapping)
    }


def _cut(values: Mapping[str, Any], location: Place) -> list[str]:
    section, number = (*location, None, None)[:2]
    records = values.get(str(section))
    if section == "correlate" and isinstance(number, int) and isinstance(records, list | tuple):
        fields = records[number].get("fields")
        return list(fields) if isinstance(fields, Mapping) else []
    forms = values.get("form")
    found: dict[str, None] = {}
    for form in forms if isinstance(forms, list | tuple) else ():
        if isinstance(form, Mapping):
            found |= dict.fromkeys(form.get("required") or ()) | dict.fromkeys(form.get("labels") or ())
    cuts = records if (records := values.get("correlate")) is not None else ()
    for record in cuts if isinstance(cuts, list | tuple) else ():
        fields = record.get("fields") if isinstance(record, Mapping) else None
        found |= dict.fromkeys(fields) if isinstance(fields, Mapping) else {}
    return [name for name in found if isinstance(name, str)]


def _asked(model: type[BaseModel], values: Mapping[str, Any], location: Place) -> Iterator[tuple[Place, str, Asks]]:
    for name, known in model.model_fields.items():
        key = known.alias if known.alias and known.alias in values else name
        if key in values:
            annotation = Annotated[known.annotation, *known.metadata] if known.metadata else known.annotation
            yield from _within(annotation, values[key], (*location, key))


def _within(annotation: object, value: object, location: Place) -> Iterator[tuple[Place, str, Asks]]:
    """The conditions in a value of that type, with their places."""
    if hasattr(annotation, "__metadata__"):
        inner, *marks = get_args(annotation)
        asks = next((mark for mark in marks if isinstance(mark, Asks)), None)
        if asks is not None and isinstance(value, str):
            yield location, value, asks
        else:
            yield from _within(inner, value, location)
    elif isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel) and isinstance(value, Mapping):
            yield from _asked(annotation, value, location)
    elif get_origin(annotation) in (tuple, list):
        for index, element in enumerate(value if isinstance(value, list | tuple) else ()):
            yield from _within(get_args(annotation)[0], element, (*location, index))
    elif get_origin(annotation) in (dict, Mapping):
        for key, element in value.items() if isinstance(value, Mapping) else ():
            yield from _within(get_args(annotation)[1], element, (*location, key))
    else:
        for option in get_args(annotation):
            yield from _within(option, value, location)
