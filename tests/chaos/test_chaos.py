"""A minute of chaos, and proof that the judge sees each breach."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from .evidence import DeadRow, Evidence, LedgerRow, PublishedEvent, StoredEvent, StoredMessage, poison_id
from .oracle import Acked
from .verdict import Verdict, judge

ROOT = Path(__file__).parents[2]
PLACE = ("inbound.email", 3)
FIRST, SECOND = "<first@client.example>", "<second@client.example>"
ACKED = [Acked("mail", FIRST, "talk", 0), Acked("mail", SECOND, "talk", 1), Acked("poison", poison_id(b"poison"))]


@pytest.mark.chaos
@pytest.mark.integration
def test_a_short_chaos_breaks_no_promise() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--seconds", "20", "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)  # noqa: S603  # ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert " lost 0 doubled 0 disordered 0 gaps 0 split 0 stale 0 " in done.stdout.splitlines()[-1]


def event(seq: int, source_id: str) -> StoredEvent:
    kind = "opened" if seq == 1 else "appended"
    data = {"message": {"id": f"message-{source_id}", "source_id": source_id}}
    return StoredEvent(f"event-{seq}", "case-1", seq, f"dev.casestream.case.{kind}.v1", data)


def message(source_id: str, offset: int, outcome: str = "appended", case: str = "case-1") -> StoredMessage:
    return StoredMessage(source_id, outcome, case, PLACE, offset)


def published(event: StoredEvent) -> PublishedEvent:
    return PublishedEvent(event.id, event.key, event.seq, event.type, event.seq, event.data)


@pytest.fixture
def whole() -> Evidence:
    """Two mails of one conversation and a poisoned record, all as it should be."""
    events = [event(1, FIRST), event(2, SECOND)]
    return Evidence(
        events=events,
        published=[published(one) for one in events],
        positions={"event-1": 1, "event-2": 2},
        last_position=2,
        messages=[message(FIRST, 0, "opened"), message(SECOND, 2)],
        dead=[DeadRow(b"poison", "not an envelope", PLACE, 1)],
        ledger=[LedgerRow(PLACE, 0, 3, 3, 0, None)],
        bounds={PLACE: (0, 3), ("inbound.web", 0): (0, 0)},
        states={"case-1": {"sequence": 2}},
        cases={"case-1": {"sequence": 2}},
    )


def verdict(found: Evidence, acked: list[Acked] = ACKED) -> Verdict:
    return judge(acked, {poison_id(b"poison")}, found)


def test_what_is_whole_is_no_breach(whole: Evidence) -> None:
    assert verdict(whole).breaches() == []
    whole.messages = [*whole.messages, message(FIRST, 3, "duplicate")]
    whole.bounds = {PLACE: (0, 4)}
    whole.ledger = [LedgerRow(PLACE, 0, 4, 4, 0, None)]
    whole.published = [*whole.published, *whole.published]
    assert verdict(whole).breaches() == []


def test_a_lost_message_is_seen(whole: Evidence) -> None:
    assert len(verdict(whole, [*ACKED, Acked("mail", "<lost@client.example>")]).lost) == 2
    assert len(verdict(whole, [*ACKED, Acked("form", "lost")]).lost) == 1
    whole.messages = whole.messages[:1]
    assert len(verdict(whole).lost) == 3


def test_a_doubled_message_is_seen(whole: Evidence) -> None:
    whole.messages = [*whole.messages, message(FIRST, 0, "opened", "case-2")]
    assert len(verdict(whole).doubled) == 2
    whole.events = [*whole.events, event(3, FIRST)]
    assert len(verdict(whole).doubled) == 4


def test_a_conversation_in_two_cases_is_seen(whole: Evidence) -> None:
    whole.messages = [message(FIRST, 0, "opened"), message(SECOND, 2, "opened", "case-2")]
    assert len(verdict(whole).split) == 1


def test_a_conversation_out_of_order_is_seen(whole: Evidence) -> None:
    whole.events = [event(1, SECOND), event(2, FIRST)]
    assert len(verdict(whole).disordered) == 1


def test_events_that_are_missing_inverted_or_changed_are_seen(whole: Evidence) -> None:
    first, second = whole.published
    for wrong in ([first], [second, first], [first, replace(second, data={})], [first, replace(second, position=3)],
                  [first, second, replace(second, seq=3)]):  # fmt: skip
        whole.published = wrong
        assert verdict(whole).gaps, wrong
    whole.published = [first, second]
    whole.positions = {"event-1": 1, "event-2": 3}
    assert verdict(whole).gaps


def test_a_ledger_that_does_not_stand_at_the_end_is_seen(whole: Evidence) -> None:
    for wrong in (LedgerRow(PLACE, 0, 2, 2, 0, None), LedgerRow(PLACE, 0, 3, 2, 1, None),
                  LedgerRow(PLACE, 0, 3, 3, 0, "a bug")):  # fmt: skip
        whole.ledger = [wrong]
        assert len(verdict(whole).ledger) == 1


def test_a_state_that_is_not_the_case_is_seen(whole: Evidence) -> None:
    for wrong in ({}, {"case-1": {"sequence": 1}}, {**whole.states, "case-2": {"sequence": 1}}, {"case-1": None}):
        assert len(verdict(replace(whole, states=wrong)).states) == 1, wrong
    gone = replace(whole, states={"case-1": None}, cases={})
    assert verdict(gone).states == []


def test_a_dead_letter_that_nobody_planted_is_seen(whole: Evidence) -> None:
    whole.dead = [*whole.dead, DeadRow(b"a good mail", "KeyError()", PLACE, 2)]
    assert len(verdict(whole).dead) == 1
    assert len(verdict(whole).doubled) == 1
    whole.dead = []
    assert len(verdict(whole).lost) == 2
