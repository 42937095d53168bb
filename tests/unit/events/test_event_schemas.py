"""The files about events in `docs` are those of the code; `make events` writes them anew."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline.events.examples import state_example
from pipeline.events.files import documents
from pipeline.events.schemas import event_schemas
from pipeline.events.state import CaseState, state_schema

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_is_that_of_the_code(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == DOCUMENTS[name]


def test_there_is_no_schema_of_a_type_that_is_not() -> None:
    there = {f"events/{path.name}" for path in (DOCS / "events").glob("*.json")}
    assert there <= DOCUMENTS.keys()


def test_a_published_schema_says_nothing_of_fields_that_it_does_not_name() -> None:
    assert not any("additionalProperties': False" in str(schema) for schema in event_schemas().values())
    assert all("additionalProperties': False" in str(schema) for schema in event_schemas(strict=True).values())


def test_the_state_has_a_valid_example() -> None:
    _, value = state_example()
    Draft202012Validator(state_schema(strict=True)).validate(value)
    CaseState.model_validate(value)
