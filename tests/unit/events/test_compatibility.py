"""Within v1 a schema only gains optional fields: each is held against every release."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.events.compatibility import breaches
from pipeline.events.examples import story
from pipeline.events.released import schemas_now

RELEASED = sorted((Path(__file__).parents[3] / "docs" / "events" / "released").glob("*.json"))
TYPE = "dev.casestream.sla.started.v1"

Change = Callable[[dict[str, Any]], object]


def released(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def test_there_is_a_release_to_be_held_against() -> None:
    assert RELEASED


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_every_schema_keeps_what_was_released(path: Path) -> None:
    assert breaches(released(path)["schemas"], schemas_now()) == []


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_who_checks_by_released_schemas_accepts_the_events_of_today(path: Path) -> None:
    schemas = released(path)["schemas"]
    for example in story():
        if example.type in schemas:
            Draft202012Validator(schemas[example.type]).validate(example.data)


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_what_was_told_then_is_still_right(path: Path) -> None:
    now = schemas_now()
    for kind, example in released(path)["examples"].items():
        Draft202012Validator(now[kind]).validate(example)


def after(change: Change) -> list[str]:
    """What is said of a change to a schema that is as it was."""
    old = schemas_now()
    new = deepcopy(old)
    change(new[TYPE])
    return breaches(old, new)


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(schema["properties"])[name]  # type: ignore[no-any-return]


ALLOWED: dict[str, Change] = {
    "nothing": lambda schema: schema,
    "an optional field": lambda schema: schema["properties"].update(tone={"type": "string"}),
    "an optional field further in": lambda s: s["$defs"]["Ref"]["properties"].update(language={"type": "string"}),
    "another description": lambda schema: schema.update(description="A promise began."),
    "a part by another name": lambda schema: (
        schema["$defs"].update(Other=schema["$defs"]["Actor"]),
        schema["properties"].update(actor={"$ref": "#/$defs/Other"}),
    ),
    "a part in its place": lambda schema: schema["properties"].update(actor=schema["$defs"]["Actor"]),
}
REFUSED: dict[str, tuple[Change, str]] = {
    "a removed field": (lambda s: s["properties"].pop("late_s"), ".late_s: the field is gone"),
    "a removed field further in": (
        lambda s: (s["$defs"]["Ref"]["properties"].pop("name"), s["$defs"]["Ref"]["required"].remove("name")),
        ".case.queue.name: the field is gone",
    ),
    "a new field that must be there": (
        lambda s: (s["properties"].update(tone={"type": "string"}), s["required"].append("tone")),
        ".tone: must be there now",
    ),
    "an optional field that must be there": (lambda s: s["required"].append("late_s"), ".late_s: must be there now"),
    "a field that may be absent now": (lambda s: s["required"].remove("actor"), ".actor: need not be there any more"),
    "a narrowed type": (
        lambda s: field(s, "late_s").update(anyOf=[{"type": "number"}]), ".late_s: is never null any more",
    ),
    "a widened type": (
        lambda s: field(s, "late_s")["anyOf"].append({"type": "string"}), ".late_s: may be string now",
    ),
    "another type": (
        lambda s: s["$defs"]["Linked"]["properties"].update(number={"type": "string"})
        if "Linked" in s["$defs"] else s["$defs"]["Case"]["properties"].update(number={"type": "string"}),
        ".case.number: is never integer any more",
    ),
    "a narrowed enum": (
        lambda s: s["$defs"]["Case"]["properties"]["priority"]["enum"].remove("urgent"),
        ".case.priority: urgent is no value any more",
    ),
    "a widened enum": (
        lambda s: s["$defs"]["Actor"]["properties"]["kind"]["enum"].append("robot"),
        ".actor.kind: robot is a value now",
    ),
    "any value instead of an enum": (
        lambda s: s["$defs"]["Actor"]["properties"]["kind"].pop("enum"), ".actor.kind: any value may stand there now",
    ),
    "another format": (
        lambda s: s["$defs"]["Case"]["properties"].update(id={"type": "string"}),
        ".case.id: is never string (uuid) any more",
    ),
    "a bound": (lambda s: s["$defs"]["Case"]["properties"]["title"].update(maxLength=10), ".case.title: maxLength was"),
    "a pair that is none": (
        lambda s: field(s, "changed")["additionalProperties"]["prefixItems"].pop(), ".changed[]: had 2 places",
    ),
    "a list of something else": (
        lambda s: s["$defs"]["Kpi"]["properties"]["actions"].update(items={"type": "integer"}),
        ".kpi.actions[]: is never string any more",
    ),
    "a word against unknown fields": (
        lambda s: s.update(additionalProperties=False), "nothing may stand there now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", ALLOWED)
def test_it_lets_pass(change: str) -> None:
    assert after(ALLOWED[change]) == []


@pytest.mark.parametrize("change", REFUSED)
def test_it_refuses(change: str) -> None:
    make, says = REFUSED[change]
    assert any(says in breach for breach in after(make)), after(make)


def test_a_type_that_is_gone_is_seen_and_a_new_one_is_none_of_it() -> None:
    now = schemas_now()
    fewer = {name: schema for name, schema in now.items() if name != TYPE}
    assert breaches(now, fewer) == [f"{TYPE}: the type is gone"]
    assert breaches(fewer, now) == []
