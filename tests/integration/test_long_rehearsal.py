"""A long journal is settled in large batches, and timers still fire between its messages, at their very times."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.config import parse_config
from pipeline.replay.journal import read_journal
from pipeline.replay.rehearsal import FEW, rehearse

pytestmark = pytest.mark.integration

CONFIG = """
[desk]
domain = "cases.desk.example"
secret = "the secret of this desk"
[[mailbox]]
address = "support@desk.example"
[[phone]]
name = "pbx"
opens_case = "always"
[[sla]]
name = "Calls"
default = true
[[sla.kpi]]
name = "resolve"
applies_when = "case.origin == 'phone'"
warn_after = "3h"
fail_after = "4h"
met_when = "case.state == 'resolved'"
"""
RINGS = datetime.fromisoformat("2026-03-02T09:00:30+00:00")
MAILS = max(FEW + 10, 5 * 60)


def mail(number: int) -> dict[str, Any]:
    word = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
    raw = f"From: {word}@{word}.example\nTo: support@desk.example\nSubject: {word}\nMessage-ID: <{word}@x>\n\n{word}\n"
    at = RINGS - timedelta(seconds=30) + timedelta(minutes=number)
    return {"at": at.isoformat(), "id": word, "channel": "email", "mailbox": "support@desk.example", "raw": raw}


def ring(seconds: int, event: str) -> dict[str, Any]:
    payload = {"event": event, "callId": "c1", "direction": "in", "from": "4930555", "to": "4930111"}
    at = RINGS + timedelta(seconds=seconds)
    return {"at": at.isoformat(), "id": event, "channel": "phone", "payload": payload}


def test_a_promise_is_broken_between_two_mails(tmp_path: Path, new_database: Callable[[], str]) -> None:
    path = tmp_path / "long.jsonl"
    lines = sorted([*map(mail, range(MAILS)), ring(0, "newCall"), ring(5, "answer")], key=lambda line: line["at"])
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    config = parse_config(CONFIG)
    journal = read_journal([path], config)
    assert not journal.mistakes
    report = asyncio.run(rehearse(journal.steps, config, [], new_database()))
    told = {event["type"].split(".")[3]: event["time"] for event in report["events"] if ".sla." in event["type"]}
    assert told == {"started": RINGS, "warned": RINGS + timedelta(hours=3), "breached": RINGS + timedelta(hours=4)}
    times = [event["time"] for event in report["events"]]
    around = times.index(told["breached"])
    assert times[around - 1] <= told["breached"] <= times[around + 1]
    (call,) = [one for one in report["activities"] if one["kind"] == "phone"]
    assert call["state"] == "closed"
    assert len(report["cases"]) == MAILS + 1
