"""Quarantined messages after they were put aside: listed with their age, shown, released in place, dropped."""

import asyncio
from pathlib import Path

import orjson
import pytest
from desk import HOUR, Desk, close, lines
from typer.testing import CliRunner

from pipeline.agents.batch import Deed
from pipeline.agents.quarantine import Judged, Quarantine
from pipeline.app import build_quarantine
from pipeline.cli import app
from pipeline.domain.quarantine import Release
from pipeline.store.ledger import PostgresLedger, Total
from pipeline.store.quarantine import Quarantined
from pipeline.wire import Bounds, Partition

pytestmark = pytest.mark.integration

STRICT = '[[queue]]\nname = "Support"\nnew_sender = "quarantine"\n'


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    """A desk that asks a person about unknown senders; two wrote."""
    made = Desk(tmp_path, migrated, more=STRICT)
    asyncio.run(_receive(made))
    return made


async def _receive(desk: Desk) -> None:
    await PostgresLedger(desk.dsn).assign("test", {Partition(desk.topic, 0): Bounds(0, 2)})
    settler = desk.settler()
    await settler([desk.mail(0, "one"), desk.mail(1, "two", sender="eva@other.example")])
    await close(settler)


def total(desk: Desk) -> Total:
    (one,) = [t for t in asyncio.run(PostgresLedger(desk.dsn).totals()) if t.hour == HOUR]
    return one


def ask(desk: Desk, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["quarantine", *words, "--data", str(desk.folder)])
    return result.exit_code, result.stdout


def listed(desk: Desk, *words: str) -> list[dict[str, object]]:
    code, out = ask(desk, "list", "--json", *words)
    assert code == 0
    return [orjson.loads(line) for line in out.splitlines()]


def test_what_waits_is_listed_with_who_wrote_it_and_why_it_waits(desk: Desk) -> None:
    first, second = listed(desk)
    assert (first["from"], first["subject"], first["queue"]) == ("ana@client.example", "About one", "Support")
    assert first["reason"] == "ana@client.example is unknown, and Support asks a person then"
    assert isinstance(first["age_s"], int)
    assert second["from"] == "eva@other.example"
    code, out = ask(desk, "show", str(first["id"])[:-1])
    assert code == 0
    assert "ce_id: <one@client.example>" in out
    assert out.rstrip().endswith("It does not print, says one.")
    assert "About two" in ask(desk, "list")[1]
    some = desk.casestream("quarantine", "list", "--most", "1")
    assert (some.stdout.count("\n"), some.stderr) == (1, "1 more; --most 2 lists them all\n")


def test_a_released_message_is_settled_in_place_and_its_outcome_moves_within_its_hour(desk: Desk) -> None:
    before = total(desk)
    assert (before.received, before.opened, before.quarantined) == (2, 0, 2)
    result = desk.casestream("quarantine", "release", str(listed(desk)[0]["id"]), "--agent", "rui", "--json")
    assert result.returncode == 0, result.stderr
    (judged,) = lines(result)
    assert (judged["outcome"], judged["case"]) == ("opened", 1001)
    after = total(desk)
    assert (after.received, after.opened, after.quarantined) == (2, 1, 1)
    assert after.balanced
    (row,) = asyncio.run(PostgresLedger(desk.dsn).partitions())
    assert (row.next, row.settled) == (2, 2), "the offset was settled when the mail was put aside"
    assert [one["from"] for one in listed(desk)] == ["eva@other.example"]
    assert "rui ordered Release" in desk.casestream("case", "show", "1001", "--why").stdout


def test_what_is_dropped_is_listed_apart_and_stays_counted(desk: Desk) -> None:
    second = str(listed(desk)[1]["id"])
    code, out = ask(desk, "drop", second)
    assert (code, out) == (0, f"{second}  quarantined  nobody is asked about it any more\n")
    assert [one["id"] for one in listed(desk, "--dropped")] == [second]
    assert len(listed(desk)) == 1
    assert total(desk).quarantined == 2


def test_of_four_who_release_it_at_once_one_does(desk: Desk) -> None:
    async def together() -> list[bool]:
        message = (await Quarantined(desk.dsn).list())[0].id
        desks = [build_quarantine(desk.config) for _ in range(4)]
        done = await asyncio.gather(*(_release(one, message) for one in desks))
        for one in desks:
            await one.close()
        return sorted(judged.changed for judged in done)

    async def _release(one: Quarantine, message: object) -> Judged:
        judged = await one.do(Release(message), Deed(HOUR))  # type: ignore[arg-type]  # the id that was found
        assert isinstance(judged, Judged)
        return judged

    assert asyncio.run(together()) == [False, False, False, True]
    assert (total(desk).opened, total(desk).quarantined) == (1, 1)


def test_what_is_not_there_is_said(desk: Desk) -> None:
    assert desk.casestream("quarantine", "release", "ffff").stderr == "casestream: there is no message ffff\n"
    assert desk.casestream("quarantine", "show", "0").returncode == 1
