"""The rule of gaps: an offset that is missing is believed only after a second look."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.config.sections import Kafka
from pipeline.errors import Retry, Stop
from pipeline.log import client_settings
from pipeline.store.ports import OffsetLedger
from pipeline.wire import Partition

PATIENCE = 5.0
"""Seconds to wait for the first record at or after an offset."""

_log = structlog.get_logger(__name__)


async def first_offset(kafka: Kafka, partition: Partition, start: int, patience: float = PATIENCE) -> int | None:
    """The offset of the first record at or after `start`, read by a consumer of its own; None when there is none.

    Raises Retry when Kafka is away, Stop when the log does not hold `start`.
    """
    consumer = AIOKafkaConsumer(
        **client_settings(kafka), enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=100
    )
    try:
        await consumer.start()
        tp = TopicPartition(*partition)
        consumer.assign([tp])
        consumer.seek(tp, start)
        record = await asyncio.wait_for(consumer.getone(), patience)
    except TimeoutError:
        return None
    except OffsetOutOfRangeError as error:
        raise Stop(f"{partition.topic}/{partition.partition} does not hold offset {start} any more") from error
    except KafkaError as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await consumer.stop()
    return int(record.offset)


async def position_after_gap(kafka: Kafka, ledger: OffsetLedger, partition: Partition, expected: int) -> int:
    """Where to read on when records came past `expected`: there, or after a gap that is real and now recorded.

    Raises Retry when Kafka or PostgreSQL is away, Stop when the log does not hold `expected`.
    """
    found = await first_offset(kafka, partition, expected)
    if found is None or found <= expected:
        return expected
    if await ledger.record_gap(partition, expected, found):
        _log.error(
            "gap in the log",
            topic=partition.topic,
            partition=partition.partition,
            expected=expected,
            found=found,
            missing=found - expected,
        )
        return found
    rows = await ledger.positions([partition.topic])
    return rows[partition].next
