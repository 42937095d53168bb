"""Lets the JVM remember how Kafka starts, which takes a second or two off every later start."""

import asyncio
import tempfile
from pathlib import Path

from pipeline.embedded import ports
from pipeline.embedded.kafka import AOT_CACHE, KafkaServer

_READY_WITHIN = 60.0
_WRITTEN_WITHIN = 60.0


def train(jars: Path) -> None:
    """Start and stop a throwaway Kafka that writes the cache beside its jars; a JVM before 24 writes none."""
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
        except TimeoutError:
            return
        finally:
            await child.stop(server.stop_signal, _WRITTEN_WITHIN)
    if new.exists():
        new.replace(cache)
