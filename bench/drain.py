"""Drain: record on Kafka → case committed and event published, one worker, real mails; against a hand-written loop.

    python bench/drain.py [--mails 6046] [--times 3] [--rounds 2]

Both sides use the same parser, the same SQL statements and the same relay, on the same servers, in turns; the corpus
is read so many `--times`, each time under other Message-IDs. Counted from the first settled record to the last
published event.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaProducer
from servers import Servers, envelope, real_mails, running

from pipeline.config import Config
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings
from pipeline.store.migrate import migrate


async def prepare(servers: Servers, name: str, mails: list[bytes], times: int) -> Config:
    """A new database and new topics, with all mails on Kafka."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.dsn("postgres"), autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    config = servers.config(name, f"{name}.")
    await migrate(config.postgres.dsn)
    await apply_topics(config.kafka)
    producer = AIOKafkaProducer(**client_settings(config.kafka), acks="all", linger_ms=5, max_request_size=50_000_000)
    await producer.start()
    waiting = []
    for turn in range(times):
        for place, raw in enumerate(mails):
            if len(raw) > 262_144:
                continue
            one = envelope(other_id(raw, turn) if turn else raw, f"{turn}-{place}")
            waiting.append(
                await producer.send(f"{name}.inbound.email", one.raw, key=one.key.encode(), headers=one.headers())
            )
    await asyncio.gather(*waiting)
    await producer.stop()
    return config


def other_id(raw: bytes, turn: int) -> bytes:
    """The mail under another Message-ID, answering another mail."""
    head, gap, body = raw.partition(b"\n\n")
    return head.replace(b"<", b"<%d." % turn) + gap + body


async def until_drained(config: Config, expected: int) -> tuple[float, dict[str, int]]:
    """Seconds from the first settled record to the last published event, and the outcomes."""
    started = 0.0
    async with await psycopg.AsyncConnection.connect(config.postgres.dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(
                "SELECT coalesce(sum(settled), 0)::bigint, EXISTS (SELECT FROM outbox),"
                " (SELECT count(*) FROM dead_letter) FROM offset_ledger"
            )
            settled, unpublished, dead = await cursor.fetchone() or (0, False, 0)
            if settled and not started:
                started, before = time.monotonic(), settled
            if settled >= expected and not unpublished:
                break
            await asyncio.sleep(0.02)
        seconds = (time.monotonic() - started) * expected / (expected - before)
        rows = await (
            await connection.execute("SELECT outcome, count(*) FROM message GROUP BY 1 ORDER BY 1")
        ).fetchall()
    return seconds, {**dict(rows), "dead": dead}


def part(config: Config, *command: str) -> subprocess.Popen[bytes]:
    """A process of the pipeline, or the loop, on this desk."""
    environment = {
        **os.environ,
        "CASESTREAM_KAFKA__SERVERS": config.kafka.servers,
        "CASESTREAM_KAFKA__TOPIC_PREFIX": config.kafka.topic_prefix,
        "CASESTREAM_POSTGRES__DSN": config.postgres.dsn,
        "CASESTREAM_DESK__DOMAIN": config.desk.domain,
        "CASESTREAM_DESK__SECRET": config.desk.secret[0],
        "CASESTREAM_BLOBS__URL": config.blobs.url,
    }
    folder = Path(config.blobs.url).parent
    with Path(os.environ.get("PARTS_LOG", folder / "parts.log")).open("ab") as log:
        return subprocess.Popen([sys.executable, *command], env=environment, cwd=folder, stdout=log, stderr=log)


async def measure(servers: Servers, side: str, name: str, mails: list[bytes], times: int) -> float:
    """Mails a second of one side in one round."""
    config = await prepare(servers, name, mails, times)
    expected = times * sum(len(raw) <= 262_144 for raw in mails)
    worker = {
        "casestream": ["-m", "pipeline", "work", "--channels", "email"],
        "loop": [str(Path(__file__).resolve().parent / "drain_loop.py")],
    }[side]
    return await rate(config, side, expected, worker, within_s=120)


async def rate(config: Config, side: str, expected: int, worker: list[str], within_s: float) -> float:
    """Mails a second, of so many that wait on Kafka, by the relay and this worker."""
    parts = [part(config, "-m", "pipeline", "relay"), part(config, *worker)]
    try:
        seconds, outcomes = await asyncio.wait_for(until_drained(config, expected), within_s)
    finally:
        for process in parts:
            process.terminate()
        for process in parts:
            process.wait(30)
    print(f"{side}: {expected} mails in {seconds:.1f} s, {expected / seconds:.0f} per s, {outcomes}", flush=True)
    return expected / seconds


def main() -> None:
    """Measure both sides in turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=None)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=["casestream", "loop"], default=None)
    arguments = parser.parse_args()
    mails = real_mails(arguments.mails)
    rates: dict[str, list[float]] = {"casestream": [], "loop": []}
    with running() as servers:
        asyncio.run(measure(servers, "loop", "warm", mails, 1))  # the servers are warm for the first who counts, too
        for number in range(arguments.rounds):
            for side in [arguments.side] if arguments.side else rates:
                name = f"{side}{number}"
                rates[side].append(asyncio.run(measure(servers, side, name, mails, arguments.times)))
    if not arguments.side:
        ours, theirs = statistics.median(rates["casestream"]), statistics.median(rates["loop"])
        print(f"drain: {ours:.0f} per s, ratio {ours / theirs:.2f} to a bare aiokafka + psycopg loop")


if __name__ == "__main__":
    main()
