"""The examples of events are what their schemas say, and a story that hangs together."""

from collections import defaultdict
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.events.examples import Example, examples, story
from pipeline.events.ids import event_id
from pipeline.events.schemas import EVENT_TYPES, event_schemas

SCHEMAS = event_schemas(strict=True)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_type_has_a_valid_one(name: str) -> None:
    example = examples()[name]
    validator = Draft202012Validator(SCHEMAS[example.type], format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(example.data)] == []
    EVENT_TYPES[name].model.model_validate(example.data)


def test_there_is_none_of_a_type_that_is_not() -> None:
    assert examples().keys() == EVENT_TYPES.keys()


def test_all_that_is_told_twice_is_valid_each_time() -> None:
    for example in story():
        EVENT_TYPES[example.name].model.model_validate(example.data)


def test_the_story_has_no_hole_and_every_change_begins_where_the_last_one_ended() -> None:
    keys: dict[str, list[Example]] = defaultdict(list)
    for example in story():
        keys[example.key].append(example)
    for key, told in keys.items():
        assert [one.seq for one in told] == list(range(1, len(told) + 1))
        assert [one.id for one in told] == [event_id(key, seq) for seq in range(1, len(told) + 1)]
        seen: dict[str, Any] = {}
        for one in told:
            for field, (before, now) in one.data["changed"].items():
                assert seen.get(field, before) == before, (one.name, field)
                seen[field] = now
    assert [one.position for one in story()] == list(range(1, len(story()) + 1))
