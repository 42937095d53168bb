"""Dead letters after their death: listed, shown, retried in place, dropped."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from desk import HOUR, Desk, close, lines

from pipeline.agents.batch import Batch
from pipeline.app import build_retrial
from pipeline.store.dead import DeadLetters
from pipeline.store.ledger import PostgresLedger, Total
from pipeline.store.ports import Transaction
from pipeline.wire import Bounds, Partition, Record

pytestmark = pytest.mark.integration


class Poison:
    """A bug of ours, which a mail with the word in its text meets."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        if any("poison" in message.text for message in batch.messages):
            raise ZeroDivisionError("poison")


async def settle(desk: Desk, records: Sequence[Record]) -> None:
    await PostgresLedger(desk.dsn).assign("test", {Partition(desk.topic, 0): Bounds(0, 1_000)})
    settler = desk.settler(Poison())
    await settler(records)
    await close(settler)


def total(desk: Desk) -> Total:
    (one,) = [t for t in asyncio.run(PostgresLedger(desk.dsn).totals()) if t.hour == HOUR]
    return one


def position(desk: Desk) -> tuple[int, int]:
    (row,) = asyncio.run(PostgresLedger(desk.dsn).partitions())
    assert row.balanced
    return row.next, row.settled


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    """A desk with a case, a letter that died of a bug, and one that is no envelope."""
    desk = Desk(tmp_path, migrated)
    nothing = Record(desk.topic, 0, 2, b"key", b"\x1b[31mno envelope", ())
    asyncio.run(settle(desk, [desk.mail(0, "one"), desk.mail(1, "two", answers="one", text="poison"), nothing]))
    return desk


def ids(desk: Desk, state: str = "new") -> list[str]:
    return [str(line["id"]) for line in lines(desk.casestream("dead", "list", "--state", state, "--json"))]


def test_lists_and_shows_why_and_what(desk: Desk) -> None:
    bug, unreadable = lines(desk.casestream("dead", "list", "--json"))
    assert (bug["kind"], bug["reason"], bug["place"]) == ("unexpected", "ZeroDivisionError('poison')", "settle")
    assert (unreadable["kind"], unreadable["place"], unreadable["source"]) == (
        "unreadable",
        "envelope",
        "/inbound.email",
    )
    shown = desk.casestream("dead", "show", str(bug["id"]))
    assert "ce_id: <two@client.example>" in shown.stdout
    assert shown.stdout.endswith("\n\npoison\n\n")
    assert "\x1b" not in desk.casestream("dead", "show", str(unreadable["id"])).stdout
    assert "ZeroDivisionError" in desk.casestream("dead", "list").stdout


def test_a_retried_letter_is_settled_in_place_and_its_outcome_moves(desk: Desk) -> None:
    before, place = total(desk), position(desk)
    assert (before.received, before.opened, before.appended, before.dead) == (2, 1, 0, 1)
    bug, _ = ids(desk)
    result = desk.casestream("dead", "retry", bug, "--json")
    assert result.returncode == 0, result.stderr
    (verdict,) = lines(result)
    assert (verdict["state"], verdict["outcome"], verdict["case"]) == ("settled", "appended", 1001)
    after = total(desk)
    assert (after.received, after.opened, after.appended, after.dead) == (2, 1, 1, 0)
    assert after.balanced
    assert position(desk) == place, "the offset was settled when the letter died"
    assert ids(desk, "retried") == [bug]
    with psycopg.connect(desk.dsn) as connection:
        raw = connection.execute("SELECT raw FROM raw_message JOIN message ON id = message_id WHERE source_id ~ 'two'")
        assert b"poison" in next(iter(raw))[0]


def test_retrying_twice_is_harmless(desk: Desk) -> None:
    bug, _ = ids(desk)
    assert desk.casestream("dead", "retry", bug).returncode == 0
    counted = total(desk)
    again = desk.casestream("dead", "retry", bug)
    assert (again.returncode, again.stdout) == (0, f"{bug}  before  it was settled before\n")
    assert total(desk) == counted
    assert desk.casestream("dead", "drop", bug).returncode == 1


def test_two_who_retry_at_once_settle_it_once(desk: Desk) -> None:
    bug, _ = ids(desk)

    async def both() -> list[str]:
        letter = await DeadLetters(desk.dsn).find(bug)
        retrials = [build_retrial(desk.config) for _ in range(4)]
        verdicts = await asyncio.gather(*(retrial(letter) for retrial in retrials))
        for retrial in retrials:
            await retrial.close()
        return sorted(verdict.state for verdict in verdicts)

    assert asyncio.run(both()) == ["before", "before", "before", "settled"]
    assert (total(desk).appended, total(desk).dead) == (1, 0)


def test_a_letter_that_dies_again_stays_new_with_its_new_reason(desk: Desk) -> None:
    bug, _ = ids(desk)
    with psycopg.connect(desk.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE activity ADD CONSTRAINT a_new_bug CHECK (body !~ 'poison')")
    counted = total(desk)
    result = desk.casestream("dead", "retry", bug)
    assert result.returncode == 1
    assert "a_new_bug" in result.stdout
    assert "Traceback" not in result.stderr
    (letter,) = [line for line in lines(desk.casestream("dead", "list", "--json")) if line["id"] == bug]
    assert "a_new_bug" in str(letter["reason"])
    assert total(desk) == counted


def test_what_is_no_envelope_cannot_be_retried(desk: Desk) -> None:
    _, unreadable = ids(desk)
    result = desk.casestream("dead", "retry", unreadable)
    assert result.returncode == 1
    assert "no envelope of Casestream" in result.stdout
    assert unreadable in ids(desk)


def test_a_dropped_letter_is_only_marked(desk: Desk) -> None:
    _, unreadable = ids(desk)
    counted = total(desk)
    for _ in range(2):
        assert desk.casestream("dead", "drop", unreadable).stdout == f"{unreadable}  dropped\n"
    assert ids(desk, "dropped") == [unreadable]
    assert total(desk) == counted


def test_an_id_may_be_abbreviated_while_it_is_alone(desk: Desk) -> None:
    bug, other = ids(desk)
    common = next(n for n, (a, b) in enumerate(zip(bug, other, strict=True)) if a != b)
    several = desk.casestream("dead", "show", bug[:common])
    assert (several.returncode, several.stderr.count("\n")) == (1, 1)
    assert "several dead letters" in several.stderr
    assert desk.casestream("dead", "show", bug[: common + 1]).returncode == 0
    unknown = desk.casestream("dead", "drop", "ffff")
    assert (unknown.returncode, unknown.stderr) == (1, "casestream: there is no dead letter ffff\n")
