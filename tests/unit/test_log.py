"""Publishing while Kafka takes connections and says nothing."""

import asyncio
from datetime import UTC, datetime

import pytest

from pipeline import log
from pipeline.config import parse_config
from pipeline.errors import Retry
from pipeline.wire import Envelope


def test_all_who_publish_to_a_silent_kafka_hear_so_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PUBLISH_TIMEOUT", 0.5)
    envelope = Envelope(
        id="m1",
        channel="email",
        source="/email/support@desk.example",
        key="m1",
        time=datetime(2026, 3, 2, tzinfo=UTC),
        content_type="message/rfc822",
        raw=b"",
    )

    async def run() -> float:
        silent = await asyncio.start_server(lambda _, writer: open_ones.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        config = parse_config(f'[kafka]\nservers = "127.0.0.1:{port}"\n')
        kafka = log.KafkaLog(config.kafka)
        began = asyncio.get_running_loop().time()
        told = await asyncio.gather(*(kafka.publish(envelope) for _ in range(10)), return_exceptions=True)
        took = asyncio.get_running_loop().time() - began
        assert {type(error) for error in told} == {Retry}
        for writer in open_ones:
            writer.close()
        silent.close()
        return took

    open_ones: list[asyncio.StreamWriter] = []
    assert asyncio.run(run()) < 2.5
