"""What waits is listed, picked and released from the command line; a stored message's way is explained."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import orjson
import psycopg
import pytest
from desk import Desk, close
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.store.ledger import PostgresLedger
from pipeline.wire import Bounds, Partition

pytestmark = pytest.mark.integration

RULES = """
[[queue]]
name = "Support"
[[route]]
name = "loud"
when = "message.subject.contains('m1')"
priority = "high"
"""


@pytest.fixture
def desk(tmp_path: Path, new_database: Callable[[], str]) -> Desk:
    made = Desk(tmp_path, new_database(), more=RULES)
    asyncio.run(_receive(made))
    with psycopg.connect(made.dsn) as connection:
        connection.execute(
            "INSERT INTO agent (id, external_id, name, queues) VALUES (%s, 'ines', 'Ines', '{Support}')", (uuid4(),)
        )
    return made


async def _receive(desk: Desk) -> None:
    await PostgresLedger(desk.dsn).assign("cluster", {Partition(desk.topic, 0): Bounds(0, 2)})
    settler = desk.settler()
    await settler([desk.mail(0, "m0"), desk.mail(1, "m1", text="Quite another matter.")])
    await close(settler)


def ask(desk: Desk, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--data", str(desk.folder)])
    return result.exit_code, result.stdout + result.stderr


def test_what_waits_is_listed_picked_and_released(desk: Desk) -> None:
    def waiting() -> list[tuple[int, str | None]]:
        code, out = ask(desk, "queue", "list", "Support", "--json")
        assert code == 0
        return [(item["case"], item["owner"]) for item in map(orjson.loads, out.splitlines())]

    assert waiting() == [(1002, None), (1001, None)], "the loud one first"
    assert ask(desk, "queue", "pick", "--agent", "ines") == (0, "case 1002 of Support\n")
    assert waiting() == [(1002, "ines"), (1001, None)]
    assert ask(desk, "queue", "release", "1001", "--agent", "ines") == (1, "casestream: ines does not have it\n")
    assert ask(desk, "queue", "release", "1002", "--agent", "ines") == (0, "case 1002 of Support\n")
    assert waiting() == [(1002, None), (1001, None)]
    assert ask(desk, "queue", "pick", "--agent", "ines", "--queue", "Nowhere") == (
        1,
        "casestream: nothing waits in Nowhere\n",
    )
    assert ask(desk, "queue", "presence", "ines", "away") == (0, "")
    assert ask(desk, "queue", "presence", "nobody", "away") == (1, 'casestream: there is no agent "nobody"\n')


def test_a_task_that_somebody_picked_is_released_by_its_id(desk: Desk) -> None:
    task = uuid4()
    with psycopg.connect(desk.dsn) as connection:
        connection.execute(
            "INSERT INTO queue_item (kind, ref, queue, rank, since, units)"
            " VALUES ('task', %s, 'Support', 3, now(), 10)",
            (task,),
        )
    assert ask(desk, "queue", "pick", "--agent", "ines") == (0, f"task {task} of Support\n")
    assert ask(desk, "queue", "release", str(task), "--agent", "ines") == (0, f"task {task} of Support\n")
    code, out = ask(desk, "queue", "release", "7", "--agent", "ines")
    assert (code, out) == (1, "casestream: nothing of that number or id (7) is in any queue\n")


def test_the_way_of_a_stored_message_is_explained(desk: Desk) -> None:
    code, out = ask(desk, "route", "explain", "<m1@client.example>")
    assert code == 0, out
    assert "1  loud  holds" in out
    assert "→ queue Support, priority high" in out
    assert ask(desk, "route", "explain", "no-such-id") == (
        1,
        "casestream: there is neither a file nor a message no-such-id\n",
    )


def test_why_a_case_is_where_it_is_can_be_asked(desk: Desk) -> None:
    code, out = ask(desk, "case", "show", "1002", "--why")
    assert code == 0, out
    assert 'rule loud: message.subject = "About m1" → priority high' in out
