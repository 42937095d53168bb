"""The files in `docs` that say what events are, as they follow from the code."""

import json
from collections.abc import Mapping

from pipeline.events.schemas import event_schemas


def documents() -> Mapping[str, str]:
    """What each file holds, by its path below `docs`."""
    return {f"events/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in event_schemas().items()}
