"""A pick and a fill read what they take, however much waits."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pipeline.store.queries import load_queries

pytestmark = pytest.mark.integration

WAITING = 100_000
SQL = load_queries("queues.sql")
QUEUES = ["Support", "Second", "Third"]

CASES = """
INSERT INTO cases (id, number, title, state, status, priority, origin, queue, opened_at, revision, event_seq)
SELECT gen_random_uuid(), n, 'Case', 'active', 'in progress', 'normal', 'email', 'Support', now(), 1, 1
FROM generate_series(1, %s) AS n
"""
ITEMS = """
INSERT INTO queue_item (kind, ref, queue, rank, since, units, assign, skills)
SELECT 'case', id, (%s::text[])[1 + number %% 3], number %% 4, now() - number * interval '1 second', 10,
    CASE WHEN number %% 2 = 0 THEN 'round_robin' END,
    CASE WHEN number %% 50 = 0 THEN '{}'::jsonb ELSE '{"latin": 5}'::jsonb END
FROM cases
"""


@pytest.fixture
def crowded(migrated: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(CASES, (WAITING,))
        connection.execute(ITEMS, (QUEUES,))
        connection.execute("INSERT INTO queue_item (kind, ref, queue, rank, since, units)"
                           " SELECT 'quarantined', gen_random_uuid(), 'Support', 1, now(), 10"
                           " FROM generate_series(1, 20000)")  # fmt: skip
        connection.execute("ANALYZE")
        yield connection


def rows_read(connection: psycopg.Connection, name: str, **values: object) -> int:
    """How many rows of items and cases a statement looks at, those that it throws away too."""
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {SQL[name].decode()}"
    (plan,) = connection.execute(statement.encode(), values).fetchone() or ([{}],)
    return _rows(plan[0]["Plan"])


def _rows(node: dict[str, Any]) -> int:
    own = 0
    if node.get("Relation Name") in {"queue_item", "cases"}:
        kept = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = round(kept * node["Actual Loops"])
    return own + sum(_rows(child) for child in node.get("Plans", ()))


def test_however_much_waits_a_pick_or_a_fill_reads_little_of_it(crowded: psycopg.Connection) -> None:
    assert rows_read(crowded, "lock_next_case", queues=QUEUES, most=20) <= 120
    assert rows_read(crowded, "lock_next_other", queues=QUEUES, most=20) <= 120
    assert rows_read(crowded, "needs", queues=QUEUES) < 20
    few = {"queue": "Support", "units": 10, "skills": "{}", "most": 7}
    assert rows_read(crowded, "lock_waiting", **few) < 30
    assert rows_read(crowded, "lock_waiting", **{**few, "skills": '{"latin": 5}'}) < 30
