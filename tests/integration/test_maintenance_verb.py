"""`casestream maintenance` sets a time in which devices raise nothing, for those that judge them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk import Desk, lines

from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    return Desk(tmp_path, migrated)


def test_what_is_set_holds_until_it_is_ended(desk: Desk) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    begins = (soon - timedelta(hours=4)).isoformat()
    told = ["Service", "--from", begins, "--to", soon.isoformat(), "--device", "pump-7", "--device", "pump-8"]
    (added,) = lines(desk.casestream("maintenance", "add", *told, "--json"))
    assert (added["name"], added["devices"], added["products"]) == ("Service", ["pump-7", "pump-8"], [])
    assert [one["id"] for one in lines(desk.casestream("maintenance", "list", "--json"))] == [added["id"]]
    assert asyncio.run(_windows(desk.dsn)) == ["Service"]
    assert desk.casestream("maintenance", "end", str(added["id"])[:12]).returncode == 0
    assert lines(desk.casestream("maintenance", "list", "--json")) == []
    assert asyncio.run(_windows(desk.dsn)) == []


async def _windows(dsn: str) -> list[str]:
    store = PostgresStore(dsn)
    async with store.transaction() as tx:
        found = [window.name for window in (await tx.watched(["pump-7"], datetime.now(UTC))).windows]
    await store.close()
    return found


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (("add", "Service", "--from", "soon", "--to", "2026-03-02T12:00"), '"soon" is no time; write one like'),
        (
            ("add", "Service", "--from", "2026-03-02T12:00", "--to", "2026-03-02T08:00"),
            "--to must be later than --from",
        ),
        (("end", "019a3c"), "there is no maintenance whose id begins with 019a3c"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, told: tuple[str, ...], says: str) -> None:
    result = desk.casestream("maintenance", *told)
    assert result.returncode == 1
    assert says in result.stderr
