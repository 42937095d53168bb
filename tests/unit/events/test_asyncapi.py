"""AsyncAPI's own parser accepts the document, and each example in it is what its schema says."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from pipeline.events.asyncapi import asyncapi
from pipeline.events.schemas import EVENT_TYPES

CHECKER = Path(__file__).parents[2] / "asyncapi"
DOCUMENT = Path(__file__).parents[3] / "docs" / "asyncapi.yaml"


def judged(*documents: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What AsyncAPI's parser says of each."""
    node = shutil.which("node")
    if node is None or not (CHECKER / "node_modules").is_dir():
        pytest.skip("AsyncAPI's parser is not there: run `npm ci` in tests/asyncapi")
    lines = "".join(json.dumps(json.dumps(one)) + "\n" for one in documents)
    done = subprocess.run([node, "check.js"], cwd=CHECKER, input=lines, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_parser_accepts_it_and_refuses_what_is_wrong() -> None:
    good = yaml.load(DOCUMENT.read_text("utf-8"), Loader=yaml.CSafeLoader)
    reference, messages = deepcopy(good), deepcopy(good)
    reference["components"]["messages"]["case_opened"]["payload"]["properties"]["case"] = {"$ref": "#/nowhere"}
    messages["channels"]["events"]["messages"] = ["case_opened"]
    told = judged(good, reference, messages)
    assert told[0] == {"valid": True, "wrong": []}
    assert [one["valid"] for one in told[1:]] == [False, False]


def test_each_example_is_what_its_message_says() -> None:
    document = json.loads(json.dumps(asyncapi()))
    for message in document["components"]["messages"].values():
        (example,) = message["examples"]
        for part in ("headers", "payload"):
            schema = {**message[part], "components": document["components"]}
            assert [error.message for error in Draft7Validator(schema).iter_errors(example[part])] == []
        del example["payload"]["case"]
        schema = {**message["payload"], "components": document["components"]}
        assert not Draft7Validator(schema).is_valid(example["payload"])


def test_it_names_every_type_and_the_states() -> None:
    document = asyncapi()
    titles = {message["title"] for message in document["components"]["messages"].values()}
    assert titles == {*EVENT_TYPES, "case.state"}
    assert {channel["address"] for channel in document["channels"].values()} == {"case.events", "case.state"}
