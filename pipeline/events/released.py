"""What a release promised of events: kept beside the schemas, so that later ones are held against it."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.events.examples import examples, state_example
from pipeline.events.schemas import event_schemas
from pipeline.events.state import STATE_TYPE, state_schema


def schemas_now() -> Mapping[str, Any]:
    """Every published schema, that of the states as well, by type."""
    return {**event_schemas(), STATE_TYPE: state_schema()}


def release() -> str:
    """What a file in `docs/events/released` holds: the schemas of this version and an example of each."""
    told = {example.type: example.data for example in examples().values()} | {STATE_TYPE: state_example()[1]}
    return f'{{"schemas": {_by_line(schemas_now())},\n"examples": {_by_line(told)}}}\n'


def _by_line(parts: Mapping[str, Any]) -> str:
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(part)}" for name, part in parts.items()) + "}"
