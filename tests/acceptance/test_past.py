"""What was recorded of a scenario, written as a journal and rehearsed again, differs in nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from scenario import Scenario
from test_scenarios import SCENARIOS

from pipeline.replay.difference import differences
from pipeline.replay.journal import read_journal
from pipeline.replay.past_lines import PastLines
from pipeline.replay.rehearsal import rehearse
from pipeline.replay.report import Report
from pipeline.replay.steps import Arrival, Deed
from pipeline.store.past import Past, Period
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

IOT = Partition("inbound.iot", 0)
"""Where a rehearsal has what devices tell; of a desk Kafka holds it still."""

_WHOLE = ("merging/", "quarantine/", "customers/merging", "activities/records")
"""Files of which every scenario is rehearsed twice, since agents do there what others do not."""


def chosen(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """All in which agents move or judge things, and the first of each other file: each is rehearsed twice."""
    first = {scenario.name: scenario for scenario in reversed(scenarios)}
    return [one for one in scenarios if one.name.startswith(_WHOLE) or first[one.name] is one]


PASTS = chosen([scenario for scenario in SCENARIOS if scenario.steps])


@pytest.mark.parametrize("scenario", PASTS, ids=[f"{s.name}: {s.says}" for s in PASTS])
def test_its_past_rehearsed_again_differs_in_nothing(
    scenario: Scenario,
    new_database: Callable[[], str],
    tmp_path: Any,  # noqa: ANN401  # a path of pytest's
) -> None:
    dsn = new_database()
    before = asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, dsn))
    lines = asyncio.run(written(dsn, scenario.steps))
    path = tmp_path / "past.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, [*lines, until(scenario.steps)])))
    journal = read_journal([path], scenario.config)
    assert not journal.mistakes
    after = asyncio.run(rehearse(journal.steps, scenario.config, scenario.data, new_database()))
    assert list(map(str, differences(renamed(before, scenario.steps, lines), after))) == []


async def written(dsn: str, steps: Sequence[Arrival | Deed]) -> list[dict[str, Any]]:
    """The journal of all of it, as `casestream journal` writes it."""
    times = [step.at for step in steps]
    period = Period(min(times) - timedelta(days=1), max(times) + timedelta(days=1))
    told = [step.envelope for step in steps if isinstance(step, Arrival) and step.envelope.channel == "iot"]
    async with Past.open(dsn) as past:
        lines = PastLines(no_blob, _records(told), {IOT: Bounds(0, len(told))})
        return [line async for line in lines(past.steps(period))]


async def _records(told: Sequence[Envelope]) -> AsyncIterator[Record]:
    """What `--readings` finds on Kafka."""
    for offset, one in enumerate(told):
        yield Record(*IOT, offset, one.key.encode(), one.raw, tuple(one.headers()))


def no_blob(digest: str) -> bytes:
    raise LookupError(digest)


def until(steps: Sequence[Arrival | Deed]) -> dict[str, str]:
    """Lets the clock run as far as the scenario does."""
    ended: datetime = max(step.at for step in steps)
    return {"at": ended.isoformat(), "do": "tick"}


def renamed(report: Report, steps: Sequence[Arrival | Deed], lines: Sequence[Mapping[str, Any]]) -> Report:
    """The report with messages called as in the written journal, without the steps that changed nothing."""
    arrived = [step.id for step in steps if isinstance(step, Arrival)]
    stored = [line["id"] for line in lines if "channel" in line]
    names = dict(zip(arrived, stored, strict=True))
    done = [deed for deed in report["deeds"] if deed["outcome"] == "done"]
    told = [line["id"] for line in lines if "do" in line]
    return {
        **report,
        "messages": [{**message, "id": names[message["id"]]} for message in report["messages"]],
        "cases": [{**case, "messages": [names[name] for name in case["messages"]]} for case in report["cases"]],
        "deeds": [{**deed, "id": name} for deed, name in zip(done, told, strict=True)],
    }
