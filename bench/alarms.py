"""How many readings a second one worker settles from Kafka, with rules on them and without.

    python bench/alarms.py [--readings 300000] [--devices 500] [--rounds 2] [--profile FILE]

Records of 1,000 messages, as the connector writes them under load, wait on Kafka; the clock runs from the first that is
settled to the last. Each message tells a temperature and a pressure; one in 500 is too hot, the next one of its device
ends the alarm. The last line holds the median with rules, and its ratio to that without.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import psycopg
from aiokafka import AIOKafkaProducer
from servers import Servers, running

from pipeline.config import Config, parse_config
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.store.migrate import migrate
from pipeline.wire import Envelope

MESSAGES = 1000

DESK = """
[desk]
domain = "cases.desk.example"
secret = "bench-secret-bench-secret-bench!"
[[device_feed]]
name = "plant"
topics = ["plant/#"]
format = "json"
device = "plant/{device}/+"
"""
RULES = """
[[alarm]]
name = "overheat"
when = "name == 'temperature' && value > 70.0"
clear = "value < 60.0"
for_s = 0
levels = [{ when = "value > 100.0", severity = "critical", opens_case = true }, { when = "true", severity = "low" }]
[[alarm]]
name = "pressure"
when = "name == 'pressure' && value > 2000.0"
for_s = 60
opens_case = true
[[alarm]]
name = "silent"
silent_s = 3600
opens_case = true
"""


async def prepare(servers: Servers, name: str, text: str, readings: int, devices: int) -> Config:
    """A new database and new topics, with all readings on Kafka."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.dsn("postgres"), autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    overlay = {
        "kafka": {"servers": servers.kafka, "topic_prefix": f"{name}."},
        "postgres": {"dsn": servers.postgres.dsn(name)},
        "blobs": {"url": f"{servers.folder}/blobs"},
    }
    config = parse_config(text, overlay)
    folder = servers.folder / name
    folder.mkdir()
    (folder / "casestream.toml").write_text(text)
    (folder / "addresses.json").write_bytes(
        orjson.dumps({"config": str(folder / "casestream.toml"), "overlay": overlay})
    )
    await migrate(config.postgres.dsn)
    await apply_topics(config.kafka)
    producer = AIOKafkaProducer(**client_settings(config.kafka), acks="all", linger_ms=5, max_request_size=50_000_000)
    await producer.start()
    begin = datetime.now(UTC) - timedelta(seconds=readings / 20_000)
    waiting = [
        await producer.send(f"{name}.inbound.iot", one.raw, key=one.key.encode(), headers=one.headers(), partition=lane)
        for lane, one in records(readings, devices, begin)
    ]
    await asyncio.gather(*waiting)
    await producer.stop()
    return config


def records(readings: int, devices: int, begin: datetime) -> list[tuple[int, Envelope]]:
    """Records for each of the twelve partitions, its devices in turns."""
    found = []
    for number in range(readings // MESSAGES):
        lane = number % 12
        own = [device for device in range(devices) if device % 12 == lane]
        messages = []
        for place in range(MESSAGES):
            at = begin + timedelta(microseconds=50 * (number * MESSAGES + place))
            hot = place % 500 == 0
            values = {"temperature": 120.5 if hot else 21.5, "pressure": 1013, "time": at.isoformat()}
            messages.append(Message(f"plant/pump-{own[place % len(own)]}/env", orjson.dumps(values)))
        envelope = Envelope(
            id=str(number), channel="iot", source="/mqtt/plant", key=f"lane-{lane}", time=at,
            content_type=READINGS, raw=write_readings(messages), count=MESSAGES,
            facts={"feed": "plant", "format": "json"},
        )  # fmt: skip
        found.append((lane, envelope))
    return found


async def until_settled(config: Config, readings: int) -> float:
    """Readings a second, from the first record that was settled to the last."""
    async with await psycopg.AsyncConnection.connect(config.postgres.dsn, autocommit=True) as connection:
        started = 0.0
        before = 0
        while True:
            cursor = await connection.execute(
                "SELECT coalesce(sum(recorded + opened + appended + duplicate), 0)::bigint FROM intake_count"
            )
            (settled,) = await cursor.fetchone() or (0,)
            if settled and not started:
                started, before = time.monotonic(), settled
            if settled >= readings:
                break
            await asyncio.sleep(0.02)
        rate = (settled - before) / (time.monotonic() - started)
        counts = await (
            await connection.execute(
                "SELECT (SELECT count(*) FROM cases), (SELECT count(*) FROM rule_alarm),"
                " (SELECT count(*) FROM dead_letter), (SELECT count(*) FROM message)"
            )
        ).fetchone()
    print(f"{settled} readings, {rate:.0f} per s; cases, alarms, dead, messages: {counts}", flush=True)
    return rate


async def measure(servers: Servers, name: str, text: str, asked: argparse.Namespace) -> float:
    """The rate of one round."""
    config = await prepare(servers, name, text, asked.readings, asked.devices)
    folder = servers.folder / name
    command = [sys.executable, "-m", "pipeline", "work", "--channels", "iot", "--data", str(folder)]
    if asked.profile:
        command = [*asked.profile.split(), "--", *command]
    worker = started(command, folder)
    try:
        return await asyncio.wait_for(until_settled(config, asked.readings // MESSAGES * MESSAGES), 200)
    finally:
        worker.terminate()
        worker.wait(30)


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """The worker as a process of its own."""
    with Path(os.environ.get("PARTS_LOG", folder / "parts.log")).open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def main() -> None:
    """Measure both in turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=300_000)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--profile", default="", help="a command that profiles what follows it")
    asked = parser.parse_args()
    rates: dict[str, list[float]] = {"plain": [], "rules": []}
    texts = {"plain": DESK, "rules": DESK + RULES}
    with running() as servers:
        for number in range(asked.rounds):
            for side, found in rates.items():
                found.append(asyncio.run(measure(servers, f"{side}{number}", texts[side], asked)))
    plain, ruled = statistics.median(rates["plain"]), statistics.median(rates["rules"])
    print(f"alarms: {ruled:.0f} per s, ratio {ruled / plain:.2f} to the same without rules")


if __name__ == "__main__":
    main()
