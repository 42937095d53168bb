"""What settling asks of PostgreSQL is looked up, even where its planner has never seen a row."""

import re
from collections.abc import Callable

import psycopg
import pytest

from pipeline.store.connection import LOOK_UP
from pipeline.store.queries import load_queries

_PARAMETER = re.compile(r"%\((\w+)\)[sb]")

ASKED = {
    "intake.sql": (
        "claim_thread_ids", "lock_thread_ids", "thread_links", "known_messages", "parties", "device_parties",
        "accounts", "case_ids", "insert_contacts", "lock_cases", "survivors", "participants", "update_cases",
        "insert_participants", "insert_links",
    ),
    "mail.sql": (
        "sent", "likes", "acknowledged", "bounced", "misses", "newcomers", "touched", "write_likes",
        "wrote_to",
    ),
    "kpi.sql": ("read_kpis", "entitled_slas", "write_kpis"),
    "timers.sql": ("due_timers", "arm", "disarm"),
    "entitlements.sql": ("entitlements", "lines", "work", "write_lines", "write_exhausted"),
    "queues.sql": ("items", "put_items", "take_items"),
    "customers.sql": ("contacts", "accounts", "devices"),
    "case_states.sql": ("waiting", "read"),
}  # fmt: skip


@pytest.mark.parametrize("file", ASKED)
def test_no_statement_reads_a_whole_table(new_database: Callable[[], str], file: str) -> None:
    statements = load_queries(file)
    with psycopg.connect(new_database(), options=LOOK_UP) as connection:
        whole = {name: found for name in ASKED[file] if (found := _read_whole(statements[name].decode(), connection))}
    assert not whole


def _read_whole(statement: str, connection: psycopg.Connection) -> list[str]:
    order = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${order.index(found[1]) + 1}", statement).replace("%%", "%")
    plan = [row[0] for row in connection.execute(f"EXPLAIN (GENERIC_PLAN) {numbered}".encode()).fetchall()]
    return [line for line, below in zip(plan, [*plan[1:], ""], strict=True) if _reads_all(line, below)]


def _reads_all(line: str, below: str) -> bool:
    """Whether a node reads a table, or an index of it, without saying which rows; one that sorts may stop early."""
    if "Seq Scan on" in line:
        return not any(small in line for small in ("Seq Scan on case_state ", "Seq Scan on relay_state "))
    return "Index Scan using" in line and "Cond" not in below
