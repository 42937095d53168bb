"""What the settings may be: their sections, keys, words, and the headings above them."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import BaseModel

from pipeline.config import Config, Location


def homes(key: str) -> list[str]:
    """The sections that know a key, as a reader finds their headings."""
    return [heading(record(name)) for name in Config.model_fields if key in keys(record(name))]


def record(section: str) -> Location:
    """Where keys of a section stand: in itself, in its first record, or under a name that the user gives."""
    if is_list((section,)):
        return section, 0
    return (section, "NAME") if is_named((section,)) else (section,)


def heading(outer: Sequence[str | int]) -> str:
    """The heading under which a reader finds a location's keys, in its brackets."""
    if not outer:
        return ""
    tables = [part for part in outer if isinstance(part, str)]
    model = tuple(outer)
    while model and not is_record(model):
        tables = tables[:-1] if isinstance(model[-1], str) else tables
        model = model[:-1]
    name = ".".join(tables)
    if not name:
        return ""
    return f"[[{name}]]" if isinstance(model[-1], int) else f"[{name}]"


def _annotation(location: Location) -> object:
    """The type that the settings have at a location; None where they have none."""
    found: object = Config
    for part in location:
        found = _inside(found, part)
    return found


def _inside(annotation: object, part: str | int) -> object:
    for option in _options(annotation):
        origin, arguments = get_origin(option), get_args(option)
        if isinstance(part, int) and origin in (tuple, list):
            return arguments[0]
        if isinstance(part, str) and origin in (dict, Mapping):
            return arguments[1]
        if isinstance(part, str) and isinstance(option, type) and issubclass(option, BaseModel):
            for name, known in option.model_fields.items():
                if part == (known.alias or name):
                    return known.annotation
    return None


def _options(annotation: object) -> list[object]:
    """The types a value may have, without what decorates them."""
    if hasattr(annotation, "__metadata__"):
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [option for argument in get_args(annotation) for option in _options(argument)]
    return [annotation]


def choices(location: Location) -> list[str]:
    """The words of which a setting must be one."""
    return [str(word) for option in _options(_annotation(location)) for word in get_args(option)]


def _model(location: Location) -> type[BaseModel] | None:
    for option in _options(_annotation(location)):
        if isinstance(option, type) and get_origin(option) is None and issubclass(option, BaseModel):
            return option
    return None


def is_record(location: Location) -> bool:
    """Whether a location is a section or a record, which has keys."""
    return _model(location) is not None


def is_list(location: Location) -> bool:
    """Whether a location holds a list, of records or of values."""
    return any(get_origin(option) in (tuple, list) for option in _options(_annotation(location)))


def is_named(location: Location) -> bool:
    """Whether a location holds records under names that the user gives, like [calendar.NAME]."""
    return is_record((*location, "NAME")) and any(
        get_origin(option) in (dict, Mapping) for option in _options(_annotation(location))
    )


def keys(location: Location) -> list[str]:
    """The keys that a section or record may have."""
    model = _model(location)
    return [known.alias or name for name, known in model.model_fields.items()] if model else []
