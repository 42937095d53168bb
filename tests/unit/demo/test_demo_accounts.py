"""The accounts of the demonstration, and how its options are read."""

from collections import Counter

import pytest
from typer.testing import CliRunner

from pipeline.app import wanted_channels
from pipeline.cli import app
from pipeline.config import parse_config
from pipeline.demo.balance import Balance, wrong_sequences
from pipeline.demo.desk import CONFIG
from pipeline.demo.observe import Seen
from pipeline.demo.tally import Tally
from pipeline.demo.view import summary
from pipeline.topics import CHANNELS

FOUND = {"received": 3, "opened": 2, "appended": 1, "recorded": 0, "duplicate": 0, "suppressed": 0}
FOUND |= {"quarantined": 0, "dead": 0, "events": 3}


def test_sequences_begin_at_one_and_have_no_hole() -> None:
    assert wrong_sequences({"a": {1, 2, 3}, "b": {1}}) == []
    assert wrong_sequences({"a": {1, 3}}) == ["the events of a have a gap: 2 events up to number 3"]
    assert len(wrong_sequences({"a": {2, 3}})) == 1


def test_what_is_wrong_is_said_and_does_not_balance() -> None:
    right, wrong = Balance(**FOUND, wrong=()), Balance(**FOUND, wrong=("one is lost",))
    assert right.as_json() == {**FOUND, "balanced": True}
    assert wrong.as_json() == {**FOUND, "balanced": False}
    assert summary(right, Tally()).splitlines()[-1].startswith("Balanced")
    assert summary(wrong, Tally()).splitlines()[-2:] == ["WRONG: one is lost", "NOT BALANCED"]


def test_its_desk_takes_every_channel() -> None:
    config = parse_config(CONFIG.format(workers=2, secret="a-token-nobody-guesses", figures=9000))
    assert (len(config.mailbox), len(config.form), config.worker.processes) == (2, 1, 2)
    assert wanted_channels(config) == ["email", "web", "phone", "social", "iot"]
    sources = (config.phone[0], config.social[0], config.device_feed[0])
    assert [source.queue for source in sources] == ["Support", "Social", "Field"]


def test_messages_are_counted_for_the_channel_that_brought_them() -> None:
    seen = Seen(
        sources=Counter({"/email/a@x.example": 3, "/email/b@x.example": 2, "/mqtt/plant": 7, "/web/contact": 1})
    )
    assert [seen.of_channel(name) for name in CHANNELS] == [5, 0, 1, 0, 7]


@pytest.mark.parametrize("text", ["soon", "0s", "-3s", "3d", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    result = CliRunner().invoke(app, ["demo", f"--for={text}"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 2
    assert "write one like 30s or 5m" in result.output
