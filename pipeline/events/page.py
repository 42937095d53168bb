"""The page `docs/events.md`: of each type when it is told, what it holds, and an example."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.events.examples import examples, state_example
from pipeline.events.models import CaseEvent
from pipeline.events.schemas import EVENT_TYPES, event_schemas
from pipeline.events.state import STATE_SAYS, CaseState, state_schema

_HEAD = """\
<!-- Generated from the models of the events by `make events`. -->
# Events: the reference

How to receive them: [subscribe-to-events.md](subscribe-to-events.md). Each type is `dev.casestream.` and its name here
and `.v1`; its JSON Schema is in [events/](events), and served at `/schemas`; all of them at once are in
[asyncapi.yaml](asyncapi.yaml). Within `v1` a schema only gains optional fields. The examples tell the story of one
morning, in which all that they name is made up.

Every event has these fields, `case` as it is after everything that the same transaction did:
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    schemas = event_schemas()
    told = examples()
    parts: dict[str, Any] = {}
    common = CaseEvent.model_json_schema()
    yield _HEAD
    yield from _table(common)
    for kind in EVENT_TYPES.values():
        schema = schemas[kind.full]
        parts |= schema.get("$defs", {})
        own = {
            name: part
            for name, part in schema["properties"].items()
            if name not in common["properties"] or _form(part) != _form(common["properties"][name])
        }
        yield f"\n## {kind.name}\n{kind.when}\n"
        if own:
            yield from _table({**schema, "properties": own})
            yield ""
        yield from _example(told[kind.name].data)
    state = state_schema()
    yield f"\n## case.state\nA topic of its own. {STATE_SAYS}\n\n{_prose(CaseState.__doc__ or '')}\n"
    yield from _table(state)
    yield ""
    yield from _example(state_example()[1])
    yield "\n# What they are made of"
    for name, part in sorted({**parts, **state["$defs"]}.items()):
        yield f"\n## {name}\n{_prose(part.get('description', ''))}\n"
        yield from _table(part)


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    yield "| field | is | |\n| --- | --- | --- |"
    for name, part in schema["properties"].items():
        yield f"| `{name}` | {_form(part)} | {'' if name in required else 'may be absent'} |"


def _form(part: Mapping[str, Any]) -> str:  # noqa: PLR0911  # one for each form
    """What a value may be, in a few words."""
    match part:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": several}:
            return " or ".join(dict.fromkeys(_form(one) for one in several))
        case {"enum": values}:
            return " · ".join(f"`{value}`" for value in values)
        case {"type": "array", "prefixItems": pair}:
            return "before and after" if not any(pair) else " and ".join(_form(one) for one in pair)
        case {"type": "array", "items": items}:
            return f"list of {_form(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"by field: {_form(values)}"
        case {"type": kind}:
            return f"{kind}, {part['format']}" if "format" in part else str(kind)
    return "anything"


def _prose(description: str) -> str:
    return " ".join(description.split())


def _example(data: Mapping[str, Any]) -> Iterator[str]:
    yield "```json\n{"
    fields = [f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in data.items()]
    yield ",\n".join(fields)
    yield "}\n```"
