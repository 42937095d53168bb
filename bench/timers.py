"""Timers: a million armed, ten thousand due at one instant; then a steady two hundred a second.

    python bench/timers.py [--armed 1000000] [--burst 10000] [--rate 200] [--seconds 30]

Each timer is the warning of a KPI on a case of its own, fired by `casestream clock` as it runs in production: the case
is locked, the instance moves, its event is written. The burst is counted from its instant until all events are
committed; lateness is the time from when a timer was due until its event was written.
"""

import argparse
import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from drain import part
from servers import MAILBOX, Servers, envelope, running

from pipeline import app
from pipeline.agents.promises.deadlines import WARN
from pipeline.config import Config, parse_config
from pipeline.kafka_admin import apply_topics, cluster_id
from pipeline.log import partition_bounds
from pipeline.store.ledger import PostgresLedger
from pipeline.store.migrate import migrate
from pipeline.store.postgres import PostgresStore
from pipeline.topics import CHANNELS, inbound
from pipeline.wire import Record

SLA = f"""
[[mailbox]]
address = "{MAILBOX}"
[[sla]]
name = "Gold"
default = true
[[sla.kpi]]
name = "resolve"
counts_from = "case.opened_at"
warn_after = "45m"
fail_after = "10000h"
met_when = "case.state == 'resolved'"
"""
MAIL = b"From: Ana <ana@acme.example>\nSubject: Printer\nMessage-ID: <a@acme.example>\n\nIt does not print.\n"

CLONE = """
WITH made AS MATERIALIZED (
    SELECT gen_random_uuid() AS case_id, gen_random_uuid() AS kpi_id, nextval('case_number') AS number,
        %(first)s + n * %(apart)s AS at
    FROM generate_series(0, %(count)s - 1) AS n
), cloned AS (
    INSERT INTO cases SELECT (jsonb_populate_record(c, jsonb_build_object('id', case_id, 'number', made.number))).*
    FROM made, cases AS c WHERE c.number = 1001
), promised AS (
    INSERT INTO kpi SELECT (jsonb_populate_record(k,
        jsonb_build_object('id', made.kpi_id, 'case_id', made.case_id, 'warn_at', at,
            'fail_at', at + interval '1 hour'))).*
    FROM made, kpi AS k WHERE k.case_id = (SELECT id FROM cases WHERE number = 1001)
)
INSERT INTO timer (kind, key, at, due, case_id, waits_for)
SELECT %(kind)s, kpi_id, at, at, case_id, 'messages' FROM made
"""


async def prepare(servers: Servers, armed: int) -> Config:
    """A desk with a case that a mail opened, and so many more like it that are warned about some day."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.dsn("postgres"), autocommit=True) as connection:
        await connection.execute("CREATE DATABASE timers")
    plain = servers.config("timers", "timers.")
    overlay = {name: getattr(plain, name).model_dump() for name in ("desk", "kafka", "postgres", "blobs")}
    config = parse_config(SLA, overlay)
    await migrate(config.postgres.dsn)
    await apply_topics(config.kafka)
    bounds = await partition_bounds(config.kafka, map(inbound, CHANNELS))
    await PostgresLedger(config.postgres.dsn).assign(await cluster_id(config.kafka), bounds)
    store = PostgresStore(config.postgres.dsn)
    one = envelope(MAIL, "one")
    topic = config.kafka.topic_prefix + inbound("email")
    await app.build_settler(config, store)([Record(topic, 0, 0, one.key.encode(), one.raw, tuple(one.headers()))])
    await store.close()
    with psycopg.connect(config.postgres.dsn, autocommit=True) as connection:
        connection.execute("UPDATE offset_ledger SET next = 0, settled = 0")
        for first in range(0, armed, 100_000):
            arm(connection, min(100_000, armed - first), datetime.now(UTC) + timedelta(days=30), apart=1.0)
        connection.execute("ANALYZE")
    return config


def arm(connection: psycopg.Connection, count: int, first: datetime, apart: float) -> None:
    """So many cases that are warned about, the first then, the next ones so many seconds apart."""
    values = {"count": count, "first": first, "apart": timedelta(seconds=apart), "kind": WARN}
    connection.execute(CLONE, values)


def wait_for(connection: psycopg.Connection, warned: int) -> datetime:
    """When so many warnings were committed."""
    until = time.monotonic() + 120
    while True:
        counted = connection.execute("SELECT count(*) FROM event WHERE type LIKE '%sla.warned%'").fetchone()
        if counted is not None and counted[0] >= warned:
            return datetime.now(UTC)
        if time.monotonic() > until:
            raise TimeoutError(f"{counted} of {warned} warned")
        time.sleep(0.02)


def lateness(connection: psycopg.Connection, since: datetime) -> list[float]:
    """Seconds between when each timer was due and when its event was written."""
    rows = connection.execute(
        "SELECT extract(epoch FROM event.at - kpi.warn_at)::float8 FROM event JOIN kpi ON kpi.case_id::text = event.key"
        " WHERE event.type LIKE '%%sla.warned%%' AND kpi.warn_at >= %s",
        (since,),
    )
    return sorted(late for (late,) in rows)


def main() -> None:
    """Measure the burst and the steady flow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--armed", type=int, default=1_000_000)
    parser.add_argument("--burst", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    with running() as servers:
        config = asyncio.run(prepare(servers, arguments.armed))
        file = Path(servers.folder) / "timers.toml"
        file.write_text(SLA, "utf-8")
        clock = part(config, "-m", "pipeline", "clock", "--config", str(file))
        try:
            with psycopg.connect(config.postgres.dsn, autocommit=True) as connection:
                instant = datetime.now(UTC) + timedelta(seconds=10)
                arm(connection, arguments.burst, instant, apart=0.0)
                if datetime.now(UTC) > instant:
                    raise RuntimeError("arming the burst took longer than ten seconds")
                seconds = (wait_for(connection, arguments.burst) - instant).total_seconds()
                print(
                    f"burst: {arguments.burst} of {arguments.armed} timers due at one instant fired in {seconds:.2f} s"
                )
                steady = datetime.now(UTC) + timedelta(seconds=5)
                count = arguments.rate * arguments.seconds
                arm(connection, count, steady, apart=1 / arguments.rate)
                wait_for(connection, arguments.burst + count)
                late = lateness(connection, steady)
        finally:
            clock.terminate()
            clock.wait(30)
    p99 = late[int(len(late) * 0.99)]
    print(f"steady: {len(late)} timers at {arguments.rate} per s, median {statistics.median(late):.3f} s late")
    print(
        f"timers: {arguments.burst / seconds:.0f} per s, p99 {p99:.3f} s late, ratio {5 / seconds:.2f} to the 5 s asked"
    )


if __name__ == "__main__":
    main()
