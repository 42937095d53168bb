"""Relay: events from PostgreSQL to Kafka, against a bare aiokafka producer that sends the same bytes.

    python bench/relay.py [--events 60000] [--rounds 2] [--rate 500] [--seconds 20]

The relay is `casestream relay` as it runs in production: it numbers the events, publishes them and the states of their
cases, and forgets what was confirmed. Counted from the first number it gives until all is forgotten. The peer sends
what the relay published, record by record, from memory. Then events are committed one by one at a steady rate, each
timed from its commit until a consumer has it.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from drain import part
from servers import Servers, running

from pipeline.agents.events import case_view, event_id
from pipeline.config import Config
from pipeline.domain.cases import Case
from pipeline.events.examples import story
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings, partition_bounds
from pipeline.store.migrate import migrate
from pipeline.store.ports import Changes, NewEvent
from pipeline.store.postgres import PostgresStore
from pipeline.topics import EVENTS

EVENTS_OF_A_CASE = 15
AT_ONCE = 500
TOLD = [example for example in story() if example.subject is not None]


def a_case(number: int) -> Case:
    """Some case."""
    at = datetime.now(UTC)
    return Case(
        uuid4(), f"Pump {number} leaks", "active", "in progress", "normal", "email", "Support", at, number=number
    )


def next_event(case: Case) -> NewEvent:
    """What happens to it next, told in as many bytes as in the published examples."""
    case.event_seq += 1
    case.revision += 1
    example = TOLD[case.event_seq % len(TOLD)]
    data: Mapping[str, Any] = {**example.data, "case": case_view(case)}
    key, seq = str(case.id), case.event_seq
    return NewEvent(event_id(key, seq), key, seq, example.type, str(case.number), data, datetime.now(UTC))


async def prepare(servers: Servers, name: str, events: int) -> tuple[Config, list[Case]]:
    """A new database and new topics, with so many events in the outbox, those of the cases mingled."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.dsn("postgres"), autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    config = servers.config(name, f"{name}.")
    await migrate(config.postgres.dsn)
    await apply_topics(config.kafka)
    cases = [a_case(1001 + number) for number in range(max(1, events // EVENTS_OF_A_CASE))]
    store = PostgresStore(config.postgres.dsn)
    turns = (cases[first : first + AT_ONCE] for _ in range(EVENTS_OF_A_CASE) for first in range(0, len(cases), AT_ONCE))
    for turn in turns if events else iter([cases]):
        new = [case for case in turn if not case.event_seq]
        told = [next_event(case) for case in turn]
        async with store.transaction() as tx:
            await tx.write(Changes(opened=new, changed=[one for one in turn if one.event_seq > 1], events=told))
    await store.close()
    async with await psycopg.AsyncConnection.connect(config.postgres.dsn, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")
    return config, cases


async def relay_rate(config: Config) -> float:
    """Events a second of the relay, from the first that it numbers."""
    process = part(config, "-m", "pipeline", "relay")
    try:
        async with await psycopg.AsyncConnection.connect(config.postgres.dsn, autocommit=True) as connection:
            began, before = 0.0, 0
            while True:
                row = await (
                    await connection.execute("SELECT pos, EXISTS (SELECT FROM outbox) FROM relay_state")
                ).fetchone()
                pos, waiting = row or (0, True)
                if pos and not began:
                    began, before = time.monotonic(), pos
                if began and not waiting:
                    return float((pos - before) / (time.monotonic() - began))
                await asyncio.sleep(0.01)
    finally:
        process.terminate()
        process.wait(30)


async def published(config: Config) -> list[Any]:
    """Every record of the topic."""
    bounds = await partition_bounds(config.kafka, [EVENTS])
    left = sum(bound.end - bound.start for bound in bounds.values())
    consumer = AIOKafkaConsumer(
        config.kafka.topic_prefix + EVENTS, **client_settings(config.kafka), auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    found: list[Any] = []
    async with consumer:
        while len(found) < left:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
    return found


async def bare_rate(config: Config, topic: str, records: Sequence[Any]) -> float:
    """Records a second of a producer that sends what is in memory as fast as it can."""
    producer = AIOKafkaProducer(
        **client_settings(config.kafka), acks="all", linger_ms=5, max_batch_size=900_000, max_request_size=4_000_000
    )
    await producer.start()
    began = time.monotonic()
    waiting = [
        await producer.send(topic, one.value, one.key, timestamp_ms=one.timestamp, headers=list(one.headers))
        for one in records
    ]
    await asyncio.gather(*waiting)
    seconds = time.monotonic() - began
    await producer.stop()
    return len(records) / seconds


async def latencies(config: Config, cases: Sequence[Case], rate: int, seconds: float) -> list[float]:
    """The time of each event from its commit until a consumer has it."""
    committed: dict[UUID, float] = {}
    seen: dict[UUID, float] = {}
    consumer = AIOKafkaConsumer(
        config.kafka.topic_prefix + EVENTS, **client_settings(config.kafka), enable_auto_commit=False
    )
    process = part(config, "-m", "pipeline", "relay")
    try:
        async with consumer:
            for tp in consumer.assignment():
                await consumer.seek_to_end(tp)
            expected = int(rate * seconds)

            async def listen() -> None:
                while len(seen) < expected:
                    record = await consumer.getone()
                    name = dict(record.headers)["ce_id"].decode()
                    seen.setdefault(UUID(name), time.monotonic())

            listening = asyncio.create_task(listen())
            await asyncio.sleep(3)  # the relay begins
            writers, began = 4, time.monotonic()
            turns = [iter(range(first, expected, writers)) for first in range(writers)]

            async def write(turn: Iterator[int], own: Sequence[Case]) -> None:
                store = PostgresStore(config.postgres.dsn)
                for number in turn:
                    await asyncio.sleep(began + number / rate - time.monotonic())
                    case = own[number // writers % len(own)]
                    event = next_event(case)
                    async with store.transaction() as tx:
                        await tx.write(Changes(changed=[case], events=[event]))
                    committed[event.id] = time.monotonic()
                await store.close()

            await asyncio.gather(*(write(turn, cases[first::writers]) for first, turn in enumerate(turns)))
            await asyncio.wait_for(listening, 60)
    finally:
        process.terminate()
        process.wait(30)
    return sorted(max(0.0, at - committed[name]) for name, at in seen.items() if name in committed)


async def rounds(servers: Servers, events: int, count: int) -> tuple[list[float], list[float]]:
    """Both sides in turns."""
    ours, theirs = [], []
    for number in range(count):
        config, _ = await prepare(servers, f"relay{number}", events)
        ours.append(await relay_rate(config))
        records = await published(config)
        size = statistics.mean(len(one.value) + sum(map(len, dict(one.headers).values())) for one in records)
        bare, _ = await prepare(servers, f"bare{number}", 1)
        theirs.append(await bare_rate(bare, bare.kafka.topic_prefix + EVENTS, records))
        print(f"{len(records)} events of {size:.0f} bytes: relay {ours[-1]:.0f} per s, bare {theirs[-1]:.0f} per s")
    return ours, theirs


async def measure(servers: Servers, arguments: argparse.Namespace) -> None:
    """All figures."""
    ours, theirs = await rounds(servers, arguments.events, arguments.rounds)
    config, cases = await prepare(servers, "steady", 15_000)
    await relay_rate(config)
    times = await latencies(config, cases, arguments.rate, arguments.seconds)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    told = f"{len(times)} events at {arguments.rate} per s"
    print(f"{told}, commit to topic: p50 {p50 * 1000:.1f} p99 {p99 * 1000:.1f} ms")
    rate, bare = statistics.median(ours), statistics.median(theirs)
    print(f"relay: {rate:.0f} per s, ratio {rate / bare:.2f} to bare aiokafka, p99 {p99 * 1000:.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    with running() as servers:
        uvloop.run(measure(servers, parser.parse_args()))


if __name__ == "__main__":
    main()
