"""Reads records that Kafka holds, for a backup or a journal, and puts them onto another Kafka."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.config.sections import Kafka
from pipeline.errors import Retry
from pipeline.log import client_settings, partition_bounds
from pipeline.wire import Bounds, Partition, Record

_TIMEOUT = 30.0
_AT_ONCE = 200


async def waiting_records(kafka: Kafka, wanted: Mapping[Partition, Bounds]) -> AsyncIterator[Record]:
    """The records of these partitions from `start` to before `end`. Raises Retry when Kafka is away."""
    asked = {TopicPartition(*where): bounds for where, bounds in wanted.items() if bounds.start < bounds.end}
    if not asked:
        return
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    try:
        await asyncio.wait_for(consumer.start(), _TIMEOUT)
        consumer.assign([*asked])
        for where, bounds in asked.items():
            consumer.seek(where, bounds.start)
        while any([await consumer.position(where) < bounds.end for where, bounds in asked.items()]):
            fetched = await asyncio.wait_for(consumer.getmany(timeout_ms=1000), _TIMEOUT)
            for where, records in fetched.items():
                for one in records:
                    if one.offset < asked[where].end:
                        yield Record(where.topic, where.partition, one.offset, one.key, one.value, tuple(one.headers))
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await consumer.stop()


async def records_between(
    kafka: Kafka, topic: str, since: datetime, until: datetime
) -> tuple[Mapping[Partition, Bounds], AsyncIterator[Record]]:
    """The records that a topic still holds of that time, and their offsets; the earliest first. Raises Retry."""
    bounds = await partition_bounds(kafka, [topic])
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    try:
        await asyncio.wait_for(consumer.start(), _TIMEOUT)
        asked = [TopicPartition(*where) for where in bounds]
        starts = await consumer.offsets_for_times(dict.fromkeys(asked, int(since.timestamp() * 1000)))
        ends = await consumer.offsets_for_times(dict.fromkeys(asked, int(until.timestamp() * 1000)))
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await consumer.stop()
    held = {
        Partition(*where): Bounds(
            starts[where].offset if starts[where] else bounds[Partition(*where)].end,
            ends[where].offset if ends[where] else bounds[Partition(*where)].end,
        )
        for where in asked
    }
    return held, _merged([waiting_records(kafka, {where: of_one}) for where, of_one in held.items()])


async def _merged(streams: Sequence[AsyncIterator[Record]]) -> AsyncIterator[Record]:
    """Of many partitions, each in its order, the earliest record first."""
    heads = [(head, stream) for stream in streams if (head := await anext(stream, None)) is not None]
    while heads:
        first = min(range(len(heads)), key=lambda index: _time(heads[index][0]))
        head, stream = heads[first]
        yield head
        following = await anext(stream, None)
        if following is None:
            del heads[first]
        else:
            heads[first] = (following, stream)


def _time(record: Record) -> str:
    return next((value.decode("ascii", "replace") for name, value in record.headers if name == "ce_time"), "")


async def write_records(kafka: Kafka, records: Iterable[Record]) -> int:
    """Put records onto their partitions, in their order; how many. Raises Retry when Kafka does not confirm."""
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all", enable_idempotence=True)
    count, left = 0, iter(records)
    try:
        await asyncio.wait_for(producer.start(), _TIMEOUT)
        while some := list(islice(left, _AT_ONCE)):
            sent = [
                await producer.send(one.topic, one.value, one.key, partition=one.partition, headers=list(one.headers))
                for one in some
            ]
            await asyncio.wait_for(asyncio.gather(*sent), _TIMEOUT)
            count += len(some)
    except (KafkaError, TimeoutError) as error:
        raise Retry(f"Kafka does not take what waited: {error!r}") from error
    finally:
        await producer.stop()
    return count


def record_line(record: Record) -> bytes:
    """A record as a line of a file."""
    told = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def line_record(line: bytes) -> Record:
    """The record of such a line. Raises ValueError when it is none."""
    try:
        told: dict[str, Any] = orjson.loads(line)
        headers = tuple((name, base64.b64decode(value)) for name, value in told["headers"])
        key, value = _bytes(told["key"]), _bytes(told["value"])
        return Record(told["topic"], told["partition"], told["offset"], key, value, headers)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no record: {error!r}") from error


def _text(value: bytes | None) -> str | None:
    return base64.b64encode(value).decode() if value is not None else None


def _bytes(text: str | None) -> bytes | None:
    return base64.b64decode(text) if text is not None else None
