"""Lets the JVM remember how Kafka works, which takes a second or two off every later start.

The optimising compiler begins with what was seen here, so that it is done after some thousand records.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.embedded import ports
from pipeline.embedded.kafka import AOT_CACHE, KafkaServer
from pipeline.errors import Retry
from pipeline.kafka_admin import apply_topics
from pipeline.log import KafkaLog
from pipeline.wire import Envelope

_READY_WITHIN = 60.0
_WRITTEN_WITHIN = 60.0
_RECORDS = 5000
_AT_ONCE = 8


def train(jars: Path) -> None:
    """Run a throwaway Kafka under load that then writes the cache beside its jars; a JVM before 24 writes none."""
    asyncio.run(_train(jars))


async def _train(jars: Path) -> None:
    cache = jars / AOT_CACHE
    cache.unlink(missing_ok=True)
    new = jars / f".{AOT_CACHE}.new"
    with tempfile.TemporaryDirectory(prefix="casestream-") as scratch:
        port = ports.free()
        server = KafkaServer(
            Path(scratch) / "kafka",
            port=port,
            controller_port=ports.free(avoid=[port]),
            log=Path(scratch) / "kafka.log",
            jvm=[f"-XX:AOTCacheOutput={new}"],
        )
        await server.create(server.data)
        child = server.spawn()
        try:
            await asyncio.wait_for(server.ready(), _READY_WITHIN)
            await _exercise(Kafka(servers=server.address))
        except (TimeoutError, Retry):
            return
        finally:
            await child.stop(server.stop_signal, _WRITTEN_WITHIN)
    if new.exists():
        new.replace(cache)


async def _exercise(kafka: Kafka) -> None:
    """Publish as a connector does, some mails at once. Raises Retry."""
    await apply_topics(kafka)
    async with KafkaLog(kafka) as log:
        await asyncio.gather(*(_publish(log, one) for one in range(_AT_ONCE)))


async def _publish(log: KafkaLog, one: int) -> None:
    for number in range(one, _RECORDS, _AT_ONCE):
        await log.publish(
            Envelope(
                id=f"{number}",
                channel=topics.CHANNELS[0],
                source="/exercise",
                key=f"{number}",
                time=datetime.now(UTC),
                content_type="text/plain",
                raw=b"x" * 4096,
            )
        )
