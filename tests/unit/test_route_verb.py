"""`casestream route explain` tells every rule with the values that it saw."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from pipeline.cli import app

CONFIG = """
[desk]
secret = "env:PATH"
[[queue]]
name = "Support"
[[queue]]
name = "Outages"
[[mailbox]]
address = "support@desk.example"
[[form]]
name = "contact"
required = ["email", "text", "count"]
[fields.account]
tier = ["gold", "silver"]
[[route]]
name = "VIP"
when = "account.tier == 'gold'"
priority = "high"
[[route]]
name = "many"
when = "int(fields.count) > 100"
queue = "Support"
[[route]]
name = "outage"
when = "message.text.matches('(?i)outage')"
queue = "Outages"
priority = "urgent"
assign = "least_active"
[[route]]
name = "rest"
when = "true"
queue = "Support"
"""
MAIL = b"From: Ana <ana@acme.example>\nTo: support@desk.example\nSubject: Help\n\nA total OUTAGE.\n"
FORM = {
    "at": "2026-03-02T09:00:00Z",
    "id": "w1",
    "channel": "web",
    "payload": {"form": "contact", "email": "ana@acme.example", "text": "Hello", "count": "many"},
}


@pytest.fixture(autouse=True)
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("casestream.toml").write_text(CONFIG, "utf-8")
    Path("m.eml").write_bytes(MAIL)
    Path("w.jsonl").write_bytes(orjson.dumps(FORM) + b"\n")


def test_every_rule_is_told_with_the_values_that_it_saw() -> None:
    result = CliRunner().invoke(app, ["route", "explain", "m.eml"])
    assert result.exit_code == 0, result.output
    told = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert told == [
        "Help — from nobody known, came to Support",
        '1 VIP does not hold account.tier = ""',
        '2 many does not hold fields.count = ""',
        '3 outage holds message.text = "A total OUTAGE."',
        "4 rest not reached asks nothing",
        "→ queue Outages, priority urgent, given by least active",
    ]


def test_as_json_each_rule_is_a_line_and_what_they_decide_the_last() -> None:
    result = CliRunner().invoke(app, ["route", "explain", "m.eml", "--json"])
    *rules, last = map(orjson.loads, result.stdout.splitlines())
    assert [(rule["rule"], rule["holds"], rule["reached"]) for rule in rules] == [
        ("VIP", False, True),
        ("many", False, True),
        ("outage", True, True),
        ("rest", True, False),
    ]
    assert last == {
        "decided": {"queue": "Outages", "priority": "urgent", "assign": "least_active"},
        "by": ["outage"],
    }


def test_a_rule_that_fails_says_why() -> None:
    result = CliRunner().invoke(app, ["route", "explain", "w.jsonl", "--json"])
    rules = [orjson.loads(line) for line in result.stdout.splitlines()]
    failed = next(rule for rule in rules if rule.get("rule") == "many")
    assert failed["holds"] is False
    assert failed["failure"].startswith("many failed: ")


def test_a_message_that_is_nowhere_is_said() -> None:
    result = CliRunner().invoke(app, ["route", "explain", "no-such.eml"])
    assert result.exit_code == 1
    assert "there is no file no-such.eml" in result.stderr
