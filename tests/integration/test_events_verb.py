"""`casestream events`: what was published, in order, from any position, through an outage."""

import signal
import subprocess
import time
from pathlib import Path

import orjson
import psycopg
import pytest
from desk import Desk, lines
from running import RunningPostgres, eventually

pytestmark = pytest.mark.integration

PUBLISH = """
WITH written AS (
    INSERT INTO event (id, key, seq, type, subject, data, at)
    SELECT gen_random_uuid(), 'key ' || n %% 3, n, 'dev.casestream.case.' ||
        CASE WHEN n %% 2 = 1 THEN 'opened' ELSE 'appended' END || '.v1', n::text,
        json_build_object('n', n, 'text', repeat('x', %(width)s) || '"'), '2026-03-02T09:00:00Z'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING id, seq, at
)
INSERT INTO event_position (pos, event_id, at) SELECT seq, id, at FROM written
"""


def publish(dsn: str, first: int, last: int, width: int = 3) -> None:
    """As if the relay had published so many events."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PUBLISH, {"first": first, "last": last, "width": width})
        connection.execute("UPDATE relay_state SET pos = %s", (last,))


def positions(result: "subprocess.CompletedProcess[str]") -> list[object]:
    assert result.returncode == 0, result.stderr
    return [line["position"] for line in lines(result)]


def test_a_line_is_the_event_as_on_kafka(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 2)
    one, _ = lines(Desk(tmp_path, migrated).casestream("events", "--from", "start", "--json"))
    assert list(one) == ["id", "source", "type", "subject", "time", "sequence", "position", "key", "data"]
    assert {name: value for name, value in one.items() if name != "id"} == {
        "source": "/casestream/desk.example",
        "type": "dev.casestream.case.opened.v1",
        "subject": "1",
        "time": "2026-03-02T09:00:00+00:00",
        "sequence": "000000000001",
        "position": 1,
        "key": "key 1",
        "data": {"n": 1, "text": 'xxx"'},
    }


def test_begins_where_it_is_told_and_keeps_to_the_types(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    publish(migrated, 1, 6)
    assert positions(desk.casestream("events", "--json")) == [1, 2, 3, 4, 5, 6]
    assert positions(desk.casestream("events", "--from", "4", "--json")) == [4, 5, 6]
    assert positions(desk.casestream("events", "--from", "end", "--json")) == []
    assert positions(desk.casestream("events", "--type", "case.opened", "--json")) == [1, 3, 5]
    assert positions(desk.casestream("events", "--type", "dev.casestream.case.appended.v1", "--json")) == [2, 4, 6]
    assert desk.casestream("events", "--from", "5").stdout.splitlines() == [
        "       5  2026-03-02 09:00:00  case.opened            key 2",
        "       6  2026-03-02 09:00:00  case.appended          key 0",
    ]
    assert desk.casestream("events", "--from", "yesterday").returncode == 2
    unknown = desk.casestream("events", "--type", "case.openned")
    assert (unknown.returncode, "did you mean case.opened?" in unknown.stderr) == (2, True)


def test_keeps_to_the_cases(tmp_path: Path, migrated: str) -> None:
    desk = Desk(tmp_path, migrated)
    publish(migrated, 1, 6)
    assert positions(desk.casestream("events", "--case", "4", "--json")) == [4]
    assert positions(desk.casestream("events", "--case", "key 2", "--json")) == [2, 5]
    assert positions(desk.casestream("events", "--case", "key 2", "--type", "case.opened", "--json")) == [5]
    assert positions(desk.casestream("events", "--case", "1", "--case", "6", "--json")) == [1, 6]


def test_shows_nothing_that_kafka_has_not_confirmed(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 3)
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("INSERT INTO outbox (event_id, at) SELECT event_id, at FROM event_position WHERE pos = 2")
    assert positions(Desk(tmp_path, migrated).casestream("events", "--json")) == [1]


def test_numbers_that_outlived_their_events_are_passed_over(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 9_000)
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("DELETE FROM event WHERE seq < 8999")
        connection.execute("DELETE FROM event_position WHERE pos BETWEEN 1 AND 10 OR pos BETWEEN 20 AND 5000")
    assert positions(Desk(tmp_path, migrated).casestream("events", "--json")) == [8999, 9000]


def test_a_hundred_thousand_events_take_seconds(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 100_000, width=800)
    began = time.monotonic()
    result = subprocess.run(Desk(tmp_path, migrated).command("events", "--json"), capture_output=True, check=True)  # noqa: S603  # the command under test
    took = time.monotonic() - began
    assert result.stdout.count(b"\n") == 100_000
    assert took < 15, f"{took:.1f} s"


def test_idle_ends_it_and_no_earlier(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 1)
    began = time.monotonic()
    assert positions(Desk(tmp_path, migrated).casestream("events", "--idle", "1.5", "--json")) == [1]
    assert time.monotonic() - began >= 1.5


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, migrated: str) -> None:
    publish(migrated, 1, 20_000)
    with subprocess.Popen(  # noqa: S603  # the command under test
        Desk(tmp_path, migrated).command("events", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert orjson.loads(process.stdout.readline())["position"] == 1
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_following_survives_a_postgres_that_goes_away(
    tmp_path: Path, migrated: str, postgres_server: RunningPostgres
) -> None:
    publish(migrated, 1, 2)
    out = tmp_path / "out"
    with (
        out.open("wb") as stdout,
        subprocess.Popen(  # noqa: S603  # the command under test
            Desk(tmp_path, migrated).command("events", "--follow", "--json"), stdout=stdout, stderr=subprocess.PIPE
        ) as process,
    ):
        eventually(lambda: out.read_bytes().count(b"\n") == 2)
        postgres_server.kill()
        postgres_server.start()
        publish(migrated, 3, 4)
        eventually(lambda: out.read_bytes().count(b"\n") == 4)
        process.terminate()
        process.wait(10)
    assert [orjson.loads(line)["position"] for line in out.read_bytes().splitlines()] == [1, 2, 3, 4]


def test_a_following_reader_is_stopped_in_peace(tmp_path: Path, migrated: str) -> None:

    publish(migrated, 1, 1)
    with subprocess.Popen(  # noqa: S603  # the command under test
        Desk(tmp_path, migrated).command("events", "--follow", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_nothing_runs_here(tmp_path: Path) -> None:
    result = Desk(tmp_path, "embedded").casestream("events")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "casestream up" in result.stderr
