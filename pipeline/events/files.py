"""The files in `docs` that say what events are, as they follow from the code."""

import json
from collections.abc import Mapping

import yaml

from pipeline.events.asyncapi import asyncapi
from pipeline.events.page import page
from pipeline.events.released import schemas_now

GENERATED = "# Generated from the models of the events by `make events`.\n"


def documents() -> Mapping[str, str]:
    """What each file holds, by its path below `docs`."""
    schemas = schemas_now()
    plain = json.loads(json.dumps(asyncapi()))  # YAML would write what comes twice as an anchor
    return {
        **{f"events/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()},
        "asyncapi.yaml": GENERATED + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120),
        "events.md": page(),
    }
