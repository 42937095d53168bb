"""The files about events in `docs` are those of the code; `make events` writes them anew."""

from pathlib import Path

from pipeline.events.files import documents
from pipeline.events.schemas import event_schemas

DOCS = Path(__file__).parents[3] / "docs"


def test_the_files_are_those_of_the_code() -> None:
    there = {f"events/{path.name}": path.read_text("utf-8") for path in (DOCS / "events").glob("*.json")}
    assert there == {name: text for name, text in documents().items() if name.startswith("events/")}


def test_a_published_schema_says_nothing_of_fields_that_it_does_not_name() -> None:
    assert not any("additionalProperties': False" in str(schema) for schema in event_schemas().values())
    assert all("additionalProperties': False" in str(schema) for schema in event_schemas(strict=True).values())
