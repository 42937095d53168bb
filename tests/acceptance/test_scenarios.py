"""Every scenario beside this file, through the code of `casestream replay`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from scenario import Scenario, load

from pipeline.replay.rehearsal import rehearse
from pipeline.replay.report import Report

pytestmark = pytest.mark.integration

FILES = sorted(Path(__file__).parent.glob("*/*.yaml"))


def all_scenarios() -> list[Scenario]:
    with TemporaryDirectory() as scratch:
        return [scenario for file in FILES for scenario in load(file, Path(scratch))]


SCENARIOS = all_scenarios()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{s.name}: {s.says}" for s in SCENARIOS])
def test_it_is_so(scenario: Scenario, new_database: Callable[[], str]) -> None:
    report = asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, new_database()))
    expect = dict(scenario.expect)
    events = expect.pop("events", None)
    if events is not None:
        types = [event["type"].removeprefix("dev.casestream.").removesuffix(".v1") for event in report["events"]]
        assert types == events
    for name, wanted in expect.items():
        assert what_became(report, name, wanted) == wanted, f"{name}, {message(report, name)['reason']}"


def what_became(report: Report, name: str, wanted: object) -> object:
    """What became of a message, in the words and to the extent of the expectation."""
    became = message(report, name)
    if isinstance(wanted, str):
        return became["outcome"]
    assert isinstance(wanted, dict)
    case = next((case for case in report["cases"] if case["number"] == became["case"]), {})
    told: dict[str, Any] = {}
    for key, value in wanted.items():
        if key in {"appended", "duplicate"}:  # of the message named, or rather of its case
            same = became["outcome"] == key and became["case"] == message(report, value)["case"]
            told[key] = value if same else f"{became['outcome']}, case {became['case']}"
        elif key in {"opened", "suppressed", "quarantined"}:
            told[key] = value if became["outcome"] == key else became["outcome"]
        elif key in {"follow_up_of", "linked_to"}:
            told[key] = value if value and case.get(key) == message(report, value)["case"] else case.get(key)
        elif key == "contact":
            contact = next((one for one in report["contacts"] if one["id"] == became["contact"]), None)
            told[key] = contact and (contact["external_id"] or contact["name"])
        elif key in {"matched_by", "reason", "account"}:
            told[key] = became[key]
        else:
            told[key] = case.get(key)
    return told


def message(report: Report, name: str) -> dict[str, Any]:
    return next(message for message in report["messages"] if message["id"] == name)
