"""Promises on PostgreSQL: the receipt that their page shows, and what is reckoned anew when a clock starts."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from scenario import load

from pipeline.agents.promises.agreed import compile_pledges
from pipeline.commands.sla import explained, text_of
from pipeline.replay.rehearsal import rehearse
from pipeline.store.kpi import look_again, promised_on

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "sla.md"
STORY = Path(__file__).parent / "promises" / "receipt.yaml"


def test_the_example_is_told_as_on_the_page(new_database: Callable[[], str], tmp_path: Path) -> None:
    (scenario,) = load(STORY, tmp_path)
    dsn = new_database()
    asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, dsn))
    found = asyncio.run(promised_on(dsn, 1001))
    assert found is not None
    (instance,), now = found
    shown = explained(1001, instance, compile_pledges(scenario.config).terms, now)
    _, _, rest = PAGE.read_text("utf-8").partition("$ casestream sla explain 1001\n")
    assert "\n".join(text_of(shown)) == rest.partition("\n```")[0]
    assert (
        sum(line["seconds"] for line in shown["intervals"] if line["kind"] == "counted") == shown["elapsed_s"] == 9000
    )


def test_a_case_that_is_not_there_is_told_from_one_without_promises(new_database: Callable[[], str]) -> None:
    assert asyncio.run(promised_on(new_database(), 7)) is None


def test_timers_of_promises_that_are_configured_otherwise_now_fire_at_once(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    (scenario,) = [one for one in load(STORY.with_name("kept-or-not.yaml"), tmp_path) if "tells when" in one.says]
    dsn = new_database()
    future = scenario.steps[0].at.replace(year=2999)
    asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, dsn))
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE timer SET at = %s, due = %s", (future, future))
    assert asyncio.run(look_again(dsn, list(compile_pledges(scenario.config).terms.kpis))) == 0
    assert asyncio.run(look_again(dsn, ["another"])) == 2
    assert asyncio.run(look_again(dsn, ["another"])) == 0
