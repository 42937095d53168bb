"""`casestream calendar`: one answer line for each question line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {"timezone": "Europe/Berlin", "hours": {day: [["08:00", "18:00"]] for day in DAYS}}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def answers(*questions: dict[str, Any] | str) -> list[dict[str, Any]]:
    lines = "".join((q if isinstance(q, str) else json.dumps(q)) + "\n" for q in questions)
    result = CliRunner().invoke(app, ["calendar", "--json"], input=lines)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.output.splitlines()]


def add(start: str, seconds: float, calendar: object = OFFICE) -> dict[str, Any]:
    return {"op": "add", "start": start, "seconds": seconds, "calendar": calendar}


def elapsed(start: str, end: str, calendar: object = OFFICE) -> dict[str, Any]:
    return {"op": "elapsed", "start": start, "end": end, "calendar": calendar}


def test_naive_times_are_in_the_calendars_zone_and_answered_so() -> None:
    assert answers(add("2026-03-02T16:00:00", 14400)) == [{"end": "2026-03-03T10:00:00"}]


def test_aware_times_are_answered_in_their_own_offset() -> None:
    assert answers(add("2026-03-02T15:00:00+00:00", 14400)) == [{"end": "2026-03-03T09:00:00+00:00"}]


def test_elapsed_is_in_seconds_and_negative_when_the_end_comes_first() -> None:
    asked = (
        elapsed("2026-03-02T17:00:00", "2026-03-03T09:00:00"),
        elapsed("2026-03-03T09:00:00", "2026-03-02T17:00:00"),
        elapsed("2026-03-02T09:00:00", "2026-03-02T09:00:00.5"),
    )
    assert answers(*asked) == [{"seconds": 7200}, {"seconds": -7200}, {"seconds": 0.5}]


def test_no_hours_is_round_the_clock() -> None:
    zone = {"timezone": "Europe/Berlin"}
    assert answers(elapsed("2026-03-28T12:00:00", "2026-03-29T12:00:00", zone)) == [{"seconds": 82800}]


def test_a_span_may_end_at_24() -> None:
    late = {"timezone": "UTC", "hours": {"mon": [["22:00", "24:00"]], "tue": [["00:00", "01:00"]]}}
    assert answers(add("2026-03-02T22:00:00", 9000, late)) == [{"end": "2026-03-03T00:30:00"}]


def test_public_holidays_of_a_country_and_its_part() -> None:
    thursday = "2026-06-04T00:00:00", "2026-06-05T00:00:00"  # Corpus Christi, a holiday in Bavaria, not in Berlin
    found = [answers(elapsed(*thursday, OFFICE | {"country": "DE", "subdivision": part})) for part in ("BY", "BE")]
    assert found == [[{"seconds": 0}], [{"seconds": 36000}]]


def test_a_calendar_of_the_configuration_may_be_named() -> None:
    Path("casestream.toml").write_text('[calendar.office]\ntimezone = "UTC"\nhours = { mon = [["08:00", "09:00"]] }\n')
    asked = add("2026-03-02T08:30:00", 3600, "office"), add("2026-03-02T08:30:00", 3600, "shop")
    right, wrong = answers(*asked)
    assert right == {"end": "2026-03-09T08:30:00"}
    assert "no [calendar.shop]; there are: office" in wrong["error"]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("{", "this is not JSON"),
        ("[]", "a question is a JSON object"),
        ({}, '"op" must be "add" or "elapsed"'),
        ({"op": "subtract"}, '"op" must be "add" or "elapsed"'),
        (add("yesterday", 1), '"start" must be a time like'),
        ({"op": "elapsed", "start": "2026-03-02", "calendar": {}}, '"end" must be a time like'),
        (add("2026-03-02T16:00:00", -1), '"seconds" must be a number, 0 or more'),
        (add("2026-03-02T16:00:00", 1e30), "beyond the years 1900"),
        (add("2026-03-02T16:00:00", 1e11), "not open for so long"),
        (add("0001-01-01T00:00:00", 1), "beyond the years 1900"),
        (add("2026-03-02T16:00:00", 1, {"timezone": "Berlin"}), '"calendar.timezone": there is no time zone "Berlin"'),
        (add("2026-03-02T16:00:00", 1, {"hours": {"mo": []}}), '"calendar.hours.mo'),
        (add("2026-03-02T16:00:00", 1, {"hours": {"mon": [["8", "9"]]}}), '"8" is no time of day'),
        (add("2026-03-02T16:00:00", 1, {"hours": {"mon": [["24:00", "24:00"]]}}), "ends before it begins"),
        (add("2026-03-02T16:00:00", 1, {"hours": {"mon": []}}), "it never opens"),
        (add("2026-03-02T16:00:00", 1, {"holidays": ["2026-02-30"]}), '"2026-02-30" is no date'),
        (add("2026-03-02T16:00:00", 1, {"country": "XX"}), 'no public holidays are known of "XX"'),
        (add("2026-03-02T16:00:00", 1, {"country": "PT", "subdivision": "ZZ"}), 'has no subdivision "ZZ"'),
        (add("2026-03-02T16:00:00", 1, 7), '"calendar"'),
    ],
)
def test_a_bad_question_is_answered_with_what_is_wrong(question: dict[str, Any] | str, says: str) -> None:
    before, wrong, after = answers(add("2026-03-02T16:00:00", 0), question, add("2026-03-02T16:00:00", 0))
    assert before == after == {"end": "2026-03-02T16:00:00"}
    assert says in wrong["error"]
