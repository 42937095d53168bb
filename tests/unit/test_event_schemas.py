"""The published schemas of events are those of the code; `python tests/unit/test_event_schemas.py` writes them anew."""

import json
from pathlib import Path

from pipeline.schemas import event_schemas

FOLDER = Path(__file__).parents[2] / "docs" / "events"


def written() -> dict[str, str]:
    return {f"{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in event_schemas().items()}


def test_the_files_are_those_of_the_code() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")} == written()


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, "utf-8")
