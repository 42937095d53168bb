"""Up to when what came is settled: the ledger against a real Kafka."""

import asyncio
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from desk import HOUR

from pipeline.config.sections import Kafka
from pipeline.errors import Retry
from pipeline.kafka_admin import cluster_id
from pipeline.log import KafkaLog, partition_bounds
from pipeline.store.ledger import PostgresLedger
from pipeline.watermarks import KafkaWatermarks
from pipeline.wire import Envelope

pytestmark = pytest.mark.integration

CHANNELS = ("email", "web", "iot")


def an_envelope(channel: str, key: str, at: datetime) -> Envelope:
    return Envelope(id=f"{key}{at}", channel=channel, source="/x", key=key, time=at, content_type="t/p", raw=b"x")


def test_what_waits_holds_timers_back_until_it_is_settled(migrated: str, topics: Kafka) -> None:
    later, latest = HOUR + timedelta(minutes=1), HOUR + timedelta(minutes=2)

    async def scenario() -> None:
        ledger = PostgresLedger(migrated)
        watermarks = KafkaWatermarks(topics, ledger)
        bounds = await partition_bounds(topics, [f"inbound.{channel}" for channel in CHANNELS])
        await ledger.assign(await cluster_id(topics), bounds)
        assert await watermarks() == {}, "nothing waits"
        async with KafkaLog(topics) as log:
            for channel, key, at in (("email", "a", latest), ("email", "a", HOUR), ("web", "b", later),
                                     ("iot", "c", later)):  # fmt: skip
                await log.publish(an_envelope(channel, key, at))
        assert await watermarks() == {"messages": later, "devices": later}, "the first of a partition counts"
        settle(migrated, "UPDATE offset_ledger SET next = next + 1 WHERE topic LIKE '%web'")
        assert await watermarks() == {"messages": latest, "devices": later}
        settle(migrated, "UPDATE offset_ledger SET next = next + 1 WHERE topic LIKE '%email'")
        assert await watermarks() == {"messages": HOUR, "devices": later}, "an older one that came after it"
        settle(migrated, "UPDATE offset_ledger SET stopped_reason = 'a bug' WHERE topic LIKE '%email'")
        assert await watermarks() == {"devices": later}, "a partition that is stopped is not waited for"
        await watermarks.close()

    asyncio.run(scenario())


def test_without_kafka_nobody_knows(migrated: str) -> None:
    away = KafkaWatermarks(Kafka(servers="127.0.0.1:1"), PostgresLedger(migrated))
    with pytest.raises(Retry, match="Kafka does not tell"):
        asyncio.run(away())


def settle(dsn: str, statement: LiteralString) -> None:
    """Move the ledger on, as a worker does."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)
