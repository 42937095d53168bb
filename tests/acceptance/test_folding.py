"""Whatever customers and agents do, in whatever order: folding the events of a case gives its state."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from folding import folded, hold_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenario import load

from pipeline.replay.rehearsal import rehearse

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MAILS = ("m1", "m2", "m3")
DESK = {
    "queue": [{"name": "Support"}, {"name": "Field", "closed_reply": "new"}],
    "sla": [
        {
            "name": "Gold",
            "default": True,
            "kpi": [
                {
                    "name": "first_response",
                    "counts_from": "case.opened_at",
                    "warn_after": "30m",
                    "fail_after": "1h",
                    "met_when": "case.first_response_at != null",
                    "on_fail": ["escalate"],
                }
            ],
        }
    ],
}
DATA = [
    {"kind": "account", "external_id": "acme", "name": "Acme", "domains": ["acme.example"]},
    {"kind": "agent", "external_id": "rui", "name": "Rui", "emails": ["rui@desk.example"], "queues": ["Support"]},
    {"kind": "agent", "external_id": "eva", "name": "Eva", "emails": ["eva@desk.example"], "queues": ["Field"]},
]
OF_A_CASE: list[dict[str, Any]] = [
    {"do": "reply", "text": "Which one?"},
    {"do": "note", "text": "It is the old one."},
    {"do": "assign", "owner": "rui"},
    {"do": "assign", "owner": "eva"},
    {"do": "set", "field": "priority", "value": "urgent"},
    {"do": "set", "field": "queue", "value": "Field"},
    {"do": "set", "field": "title", "value": "Another title"},
    {"do": "hold"},
    {"do": "resume"},
    {"do": "resolve", "resolution": "Repaired."},
    {"do": "cancel"},
    {"do": "reactivate"},
    {"do": "tick"},
    {"from": "ana@acme.example", "auth": "pass"},
    {"from": "zoe@acme.example", "auth": "pass"},
]

steps = st.tuples(
    st.sampled_from(MAILS),
    st.one_of(
        st.sampled_from(OF_A_CASE),
        st.sampled_from(MAILS).map(lambda other: {"do": "merge", "into": other}),
        st.sampled_from(MAILS).map(lambda other: {"do": "attach", "message": other}),
    ),
    st.integers(1, 50),
)


def journal(chosen: list[tuple[str, dict[str, Any], int]]) -> list[dict[str, Any]]:
    """Three mails, then what was chosen, minutes apart."""
    at = MONDAY
    lines: list[dict[str, Any]] = [
        {"at": said(at), "id": name, "from": f"{who}@acme.example", "subject": name, "auth": "pass"}
        for name, who in zip(MAILS, ("ana", "zoe", "ana"), strict=True)
    ]
    for number, (of, what, minutes) in enumerate(chosen):
        at += timedelta(minutes=minutes)
        step = {"at": said(at), **what}
        if "from" in what:
            step |= {"id": f"r{number}", "in_reply_to": of, "subject": f"Re: {of}"}
        elif what["do"] != "tick":
            step |= {"id": f"s{number}", "case_of": of, "agent": "rui"}
        lines.append(step)
    return lines


def said(at: datetime) -> str:
    """A time as journals have it."""
    return at.isoformat().replace("+00:00", "Z")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=8, max_size=25))
def test_folding_gives_the_state(
    new_database: Callable[[], str], chosen: list[tuple[str, dict[str, Any], int]]
) -> None:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "folding.yaml"
        story = {"says": "Anything.", "config": DESK, "data": DATA, "journal": journal(chosen), "expect": {}}
        path.write_text(yaml.safe_dump(story), "utf-8")
        (scenario,) = load(path, Path(scratch))
    dsn = new_database()
    report = asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, dsn))
    hold_events(report, dsn)


def test_a_change_that_is_not_told_is_seen() -> None:
    case = {"id": "1", "priority": "low", "queue": {"name": "Support"}}
    first = {"key": "1", "sequence": "1", "data": {"case": case, "changed": {}}}
    told = {"case": {**case, "priority": "high"}, "changed": {"priority": ["low", "high"]}}
    assert folded([first, {"key": "1", "sequence": "2", "data": told}])["1"]["priority"] == "high"
    with pytest.raises(AssertionError):
        folded([first, {"key": "1", "sequence": "2", "data": {**told, "changed": {}}}])
