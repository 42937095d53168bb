"""Whether schemas only gained optional fields: who reads events by the old ones understands all that is told now."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SAYS_NOTHING = frozenset({"$schema", "$defs", "title", "description", "default", "examples", "deprecated"})
_LOOKED_INTO = frozenset({"properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "enum"})
_FINAL = (True, False)

Schema = Mapping[str, Any]


def breaches(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """What a consumer of the old schemas, by type, could stumble over; new types are none of it."""
    found = [f"{name}: the type is gone" for name in old if name not in new]
    for name in old:
        if name in new:
            found += _Comparison(old[name], new[name]).breaches(name)
    return found


class _Comparison:
    """Two schemas, each with parts of its own that it refers to."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def breaches(self, where: str) -> Iterator[str]:
        return self._part(self._old, self._new, where)

    def _part(self, old: Any, new: Any, where: str) -> Iterator[str]:  # noqa: ANN401  # a schema may be a boolean
        if old in _FINAL or new in _FINAL:
            if (old or old == {}) != (new or new == {}):
                yield f"{where}: {'nothing' if new is False else 'anything'} may stand there now"
            return
        before, now = _followed(old, self._old), _followed(new, self._new)
        yield from self._alternatives(_alternatives(before, self._old), _alternatives(now, self._new), where)

    def _alternatives(self, old: Sequence[Schema], new: Sequence[Schema], where: str) -> Iterator[str]:
        kinds, now = {_kind(one): one for one in old}, {_kind(one): one for one in new}
        yield from (f"{where}: is never {kind} any more" for kind in kinds.keys() - now.keys())
        yield from (f"{where}: may be {kind} now" for kind in now.keys() - kinds.keys())
        for kind in kinds.keys() & now.keys():
            yield from self._one(kinds[kind], now[kind], where)

    def _one(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        for name in sorted((old.keys() | new.keys()) - _SAYS_NOTHING - _LOOKED_INTO):
            if old.get(name) != new.get(name):
                yield f"{where}: {name} was {old.get(name)} and is {new.get(name)}"
        yield from _enum(old.get("enum"), new.get("enum"), where)
        yield from self._fields(old, new, where)
        for name, nothing in (("items", True), ("additionalProperties", True)):
            yield from self._part(old.get(name, nothing), new.get(name, nothing), f"{where}[]")
        before, now = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(before) != len(now):
            yield f"{where}: had {len(before)} places and has {len(now)}"
            return
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from self._part(one, other, f"{where}[{place}]")

    def _fields(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        sure, sure_now = set(old.get("required", ())), set(new.get("required", ()))
        yield from (f"{where}.{name}: the field is gone" for name in before if name not in now)
        yield from (f"{where}.{name}: need not be there any more" for name in sorted(sure - sure_now) if name in now)
        yield from (f"{where}.{name}: must be there now" for name in sorted(sure_now - sure))
        for name in before:
            if name in now:
                yield from self._part(before[name], now[name], f"{where}.{name}")


def _enum(old: Sequence[object] | None, new: Sequence[object] | None, where: str) -> Iterator[str]:
    if old is None and new is None:
        return
    if old is None or new is None:
        yield f"{where}: {'only certain values may' if old is None else 'any value may'} stand there now"
        return
    yield from (f"{where}: {value} is no value any more" for value in old if value not in new)
    yield from (f"{where}: {value} is a value now" for value in new if value not in old)


def _followed(schema: Schema, whole: Schema) -> Schema:
    """The part that a reference means."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def _alternatives(schema: Schema, whole: Schema) -> Sequence[Schema]:
    several = schema.get("anyOf")
    return [_followed(one, whole) for one in several] if several is not None else [schema]


def _kind(schema: Schema) -> str:
    """By what an alternative is told from the others."""
    kind = schema.get("type", "anything")
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)
