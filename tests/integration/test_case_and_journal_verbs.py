"""`casestream case show` tells what happened and why; `casestream journal` writes it down for a rehearsal."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.config import parse_config
from pipeline.replay.journal import read_journal
from pipeline.replay.rehearsal import rehearse

pytestmark = pytest.mark.integration

CONFIG = """
[desk]
domain = "cases.desk.example"
secret = "the secret of this desk"
timezone = "Europe/Berlin"
[kafka]
servers = "127.0.0.1:1"
[[queue]]
name = "Support"
[[mailbox]]
address = "support@desk.example"
[[mailbox]]
address = "sales@desk.example"
"""
MONDAY = datetime.fromisoformat("2026-03-02T09:00:00+01:00")


def mail(name: str, days: int, *, to: str = "support", answers: str = "") -> dict[str, Any]:
    headers = f"From: Ana <ana@acme.example>\nTo: {to}@desk.example\nSubject: {name}\nMessage-ID: <{name}@x>\n"
    headers += f"In-Reply-To: <{answers}@x>\n" if answers else ""
    return {"at": (MONDAY + timedelta(days=days)).isoformat(), "id": name, "channel": "email",
            "mailbox": f"{to}@desk.example", "raw": f"{headers}\nIt does not print.\n"}  # fmt: skip


STEPS = [
    mail("old", 0),
    mail("sold", 1, to="sales"),
    {"at": "2026-03-04T10:00:00+01:00", "do": "note", "case_of": "old", "text": "She called.", "by": "rui"},
    mail("new", 7),
    mail("answer", 8, answers="old"),
    {"at": "2026-03-10T12:00:00+01:00", "do": "resolve", "case_of": "answer", "resolution": "Toner."},
]


@pytest.fixture
def desk(tmp_path: Path, new_database: Callable[[], str]) -> Callable[..., Result]:
    """A desk on which all that happened; answers to what is asked of its command line."""
    dsn = new_database()
    path = tmp_path / "steps.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, STEPS)))
    config = parse_config(CONFIG)
    journal = read_journal([path], config)
    assert not journal.mistakes
    asyncio.run(rehearse(journal.steps, config, [], dsn))
    (tmp_path / "casestream.toml").write_text(f'{CONFIG}[postgres]\ndsn = "{dsn}"\n')

    def ask(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--config", str(tmp_path / "casestream.toml"), "--data", str(tmp_path)])

    return ask


def written(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_a_case_is_shown_with_why_it_is_so(desk: Callable[..., Result]) -> None:
    shown = desk("case", "show", "1001", "--why")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == "1001  old"
    for says in (
        "opened: it belongs to no case yet",
        "appended: it answers <old@x>; by message_id; sender Ana found by identity",
        'rui ordered Note {"text": "She called."}',
        "2026-03-04 10:00:00",
    ):
        assert says in shown.stdout


def test_a_case_is_shown_as_one_object(desk: Callable[..., Result]) -> None:
    (found,) = written(desk("case", "show", "1001", "--json"))
    assert (found["state"], found["contact"], "why" in found) == ("resolved", "Ana", False)
    assert [one["kind"] for one in found["activities"]] == ["email", "note", "email", "resolution"]
    (found,) = written(desk("case", "show", "1001", "--json", "--why"))
    assert [one["part"] for one in found["why"]] == ["email", "agent", "email", "agent"]


def test_a_case_that_is_not_there_is_said(desk: Callable[..., Result]) -> None:
    shown = desk("case", "show", "7")
    assert (shown.exit_code, shown.stderr) == (1, "casestream: there is no case 7\n")


def test_a_week_comes_with_what_its_cases_had_before(desk: Callable[..., Result]) -> None:
    lines = written(desk("journal", "--from", "2026-03-09", "--to", "2026-03-16"))
    assert [(line.get("source_id"), line.get("do"), line.get("before", False)) for line in lines] == [
        ("<old@x>", None, True),
        (None, "note", True),
        ("<new@x>", None, False),
        ("<answer@x>", None, False),
        (None, "resolve", False),
    ]
    assert lines[-1]["case_opened_by"] == lines[0]["id"]
    assert lines[3]["was"] == {"outcome": "appended", "opened_by": lines[0]["id"], "matched_by": "message_id"}


def test_one_mailbox_alone_may_be_written(desk: Callable[..., Result]) -> None:
    lines = written(desk("journal", "--from", "2026-03-01", "--to", "2026-04-01", "--mailbox", "sales@desk.example"))
    assert [line["source_id"] for line in lines] == ["<sold@x>"]


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("soon", "2026-03-09", '--from is "soon"; write a day like 2026-03-02'),
        ("2026-03-09", "2026-03-02", "--to must be later than --from"),
    ],
)
def test_a_time_that_is_none_is_said(desk: Callable[..., Result], since: str, until: str, says: str) -> None:
    asked = desk("journal", "--from", since, "--to", until)
    assert asked.exit_code == 2
    assert says in asked.stderr
