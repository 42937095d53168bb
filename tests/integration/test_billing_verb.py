"""`casestream billing export` bills every line once, and a correction as a line of its own."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import parse_config
from pipeline.replay.journal import read_journal
from pipeline.replay.rehearsal import rehearse

pytestmark = pytest.mark.integration

CONFIG = """
[desk]
domain = "cases.desk.example"
secret = "the secret of this desk"
[kafka]
servers = "127.0.0.1:1"
[[mailbox]]
address = "support@desk.example"
[billing]
round = "15m"
"""
MONDAY = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
MAIL = {
    "id": "m1",
    "channel": "email",
    "raw": "From: ana@acme.example\nMessage-ID: <m1@x>\nSubject: Printer\n\nHelp.\n",
}


def steps(*told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"at": (MONDAY + timedelta(hours=hours)).isoformat(), **step} for hours, step in enumerate(told)]


def work(seconds: int) -> dict[str, Any]:
    return {"do": "activity", "case_of": "m1", "subject": "On site", "duration_s": seconds, "billable": True}


class Desk:
    """A desk on which some things happened, and its command line."""

    def __init__(self, folder: Path, dsn: str, *told: dict[str, Any]) -> None:
        self._config = folder / "casestream.toml"
        self._config.write_text(f'{CONFIG}[postgres]\ndsn = "{dsn}"\n')
        path = folder / "steps.jsonl"
        path.write_bytes(b"\n".join(map(orjson.dumps, steps(*told))))
        config = parse_config(CONFIG)
        journal = read_journal([path], config)
        assert not journal.mistakes
        asyncio.run(rehearse(journal.steps, config, [], dsn))

    def export(self, *words: str) -> list[int]:
        """The seconds of each line."""
        result = CliRunner().invoke(app, ["billing", "export", *words, "--json", "--config", str(self._config)])
        assert result.exit_code == 0, result.output
        return [orjson.loads(line)["seconds"] for line in result.stdout.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, new_database: Callable[[], str]) -> Callable[..., Desk]:
    return lambda *told: Desk(tmp_path, new_database(), *told)


def test_every_line_is_billed_once(desk: Callable[..., Desk]) -> None:
    one = desk(MAIL, work(900), work(901), {"do": "resolve", "case_of": "m1"})
    assert one.export("--dry-run") == [900, 1800]
    assert one.export() == [900, 1800]
    assert one.export() == []


def test_what_is_not_resolved_is_not_billed(desk: Callable[..., Desk]) -> None:
    assert desk(MAIL, work(900)).export() == []


def test_what_was_resolved_later_waits_for_the_next_bill(desk: Callable[..., Desk]) -> None:
    one = desk(MAIL, work(900), {"do": "resolve", "case_of": "m1"})
    assert one.export("--to", "2026-03-02T11:00") == []
    assert one.export("--to", "2026-03-02T11:00:01") == [900]


def test_a_correction_is_a_negative_line(desk: Callable[..., Desk]) -> None:
    agreed = {"do": "resolve", "case_of": "m1", "billable_s": 1800, "why": "Our own mistake."}
    assert desk(MAIL, work(2700), agreed).export() == [2700, -900]


def test_a_time_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "casestream.toml").write_text(f'{CONFIG}[postgres]\ndsn = "host=127.0.0.1 port=1"\n')
    asked = ["billing", "export", "--to", "soon", "--config", str(tmp_path / "casestream.toml")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert '--to is "soon"' in result.stderr
