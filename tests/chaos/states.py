"""What `case.state` says of each case, and what the database says."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.log import client_settings, partition_bounds
from pipeline.store.case_states import CaseStates

States = Mapping[str, Mapping[str, Any] | None]
"""By the key of each case; None of one that is no more."""


async def state_records(kafka: Kafka) -> list[Any]:
    """All records of the topic whose transactions ended, those of a partition in order.

    Up to where each log has grown: a transaction that was committed may be marked so in the logs only afterwards.
    """
    bounds = await partition_bounds(kafka, [topics.STATE])
    ends = {TopicPartition(*tp): bound.end for tp, bound in bounds.items()}
    consumer = AIOKafkaConsumer(
        **client_settings(kafka), enable_auto_commit=False, isolation_level="read_committed",
        auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    found = []
    try:
        consumer.assign(list(ends))
        async with asyncio.timeout(60):
            for tp, end in ends.items():
                while await consumer.position(tp) < end:  # the end of a transaction takes an offset as well
                    for fetched in (await consumer.getmany(timeout_ms=200)).values():
                        found += fetched
    finally:
        await consumer.stop()
    return found


async def last_states(kafka: Kafka) -> States:
    """What compaction leaves; fails where a case went backwards on the way."""
    last: dict[str, Mapping[str, Any] | None] = {}
    for record in await state_records(kafka):
        key, value = record.key.decode(), orjson.loads(record.value) if record.value else None
        before = last.get(key)
        if value is not None and before is not None:
            assert value["sequence"] >= before["sequence"], f"{key} went back to {value} from {before}"
        last[key] = value
    return last


async def database_states(dsn: str, cases: Collection[UUID]) -> States:
    async with CaseStates.open(dsn) as states:
        found = await states.read(cases)
    return {str(state.id): orjson.loads(orjson.dumps(state.data)) for state in found}
