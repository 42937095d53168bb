"""What can be found in PostgreSQL and on Kafka when all is over."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.log import client_settings, partition_bounds

from .states import States, database_states, last_states

Place = tuple[str, int]
"""A topic and the number of its partition."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of `event` that belongs on `case.events`."""

    id: str
    key: str
    seq: int
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """A record of `case.events`; `position` is None without the header."""

    id: str
    key: str
    seq: int
    type: str
    position: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of `message`; `id` is the oracle's, see `Acked`."""

    id: str
    outcome: str
    case: str | None
    place: Place
    offset: int


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A row of `dead_letter`."""

    raw: bytes
    reason: str
    place: Place
    offset: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of `offset_ledger`."""

    place: Place
    first: int
    next: int
    settled: int
    gaps: int
    stopped_reason: str | None


@dataclass(slots=True)
class Evidence:
    """All of it; `published` is in the order of each partition, `bounds` are log start and end.

    `states` are the cases as their topic has them, `cases` as the database has them.
    """

    events: Sequence[StoredEvent] = ()
    published: Sequence[PublishedEvent] = ()
    positions: Mapping[str, int] = field(default_factory=dict)
    last_position: int = 0
    outbox: int = 0
    messages: Sequence[StoredMessage] = ()
    dead: Sequence[DeadRow] = ()
    ledger: Sequence[LedgerRow] = ()
    bounds: Mapping[Place, tuple[int, int]] = field(default_factory=dict)
    states: States = field(default_factory=dict)
    cases: States = field(default_factory=dict)


_MESSAGES = """
SELECT coalesce(facts ->> 'idempotencykey', source_id), outcome, case_id::text, topic, partition, log_offset
FROM message
"""


_RELAYED = "SELECT (SELECT pos FROM relay_state), (SELECT count(*) FROM outbox)"
_BEHIND = "SELECT (SELECT pos FROM relay_state) - (SELECT pos FROM case_state) + (SELECT count(*) FROM case_state_due)"


def all_published(dsn: str) -> bool:
    """Whether no event waits for the relay, and no state of a case."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        _, waiting = connection.execute(_RELAYED).fetchone() or (0, 0)
        (behind,) = connection.execute(_BEHIND).fetchone() or (0,)
    return bool(waiting == behind == 0)


def gather(dsn: str, servers: str) -> Evidence:
    """Read everything, when nothing happens any more."""
    kafka = Kafka(servers=servers)
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = connection.execute
        events = [
            StoredEvent(*row)
            for row in query("SELECT id::text, key, seq, type, data FROM event WHERE type NOT LIKE '%inbound.dead%'")
        ]
        cases = [case for (case,) in query("SELECT id FROM cases")]
        state, outbox = query(_RELAYED).fetchone() or (0, 0)
        return Evidence(
            events=events,
            published=asyncio.run(_published(kafka)),
            positions=dict(query("SELECT event_id::text, pos FROM event_position").fetchall()),
            last_position=state,
            outbox=outbox,
            states=asyncio.run(last_states(kafka)),
            cases=asyncio.run(database_states(dsn, cases)),
            messages=[
                StoredMessage(own, outcome, case, (topic, partition), offset)
                for own, outcome, case, topic, partition, offset in query(_MESSAGES)
            ],
            dead=[
                DeadRow(raw, reason, (topic, partition), offset)
                for raw, reason, topic, partition, offset in query(
                    "SELECT coalesce(raw, ''), reason, topic, partition, log_offset FROM dead_letter"
                )
            ],
            ledger=[
                LedgerRow((topic, partition), *rest)
                for topic, partition, *rest in query(
                    "SELECT topic, partition, first, next, settled, gaps, stopped_reason FROM offset_ledger"
                )
            ],
            bounds={
                tuple(where): (bound.start, bound.end)
                for where, bound in asyncio.run(partition_bounds(kafka, map(topics.inbound, topics.CHANNELS))).items()
            },
        )


async def _published(kafka: Kafka) -> list[PublishedEvent]:
    """All records of `case.events`, partition by partition."""
    consumer = AIOKafkaConsumer(**client_settings(kafka), auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: dict[int, list[PublishedEvent]] = {}
    try:
        partitions = [TopicPartition(topics.EVENTS, number) for number in range(12)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = {tp for tp in partitions if ends[tp]}
        while left:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    found.setdefault(tp.partition, []).append(_event(record))
                    if record.offset + 1 >= ends[tp]:
                        left.discard(tp)
    finally:
        await consumer.stop()
    return [event for number in sorted(found) for event in found[number]]


def _event(record: Any) -> PublishedEvent:  # noqa: ANN401  # aiokafka ships no types
    headers = {name: value.decode() for name, value in record.headers}
    position = headers.get("ce_position")
    return PublishedEvent(
        id=headers["ce_id"],
        key=record.key.decode(),
        seq=int(headers["ce_sequence"]),
        type=headers["ce_type"],
        position=int(position) if position else None,
        data=orjson.loads(record.value),
    )


def poison_id(raw: bytes) -> str:
    """What the oracle calls a poisoned record."""
    return hashlib.sha256(raw).hexdigest()
