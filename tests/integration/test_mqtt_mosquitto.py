"""Devices on a real broker: mosquitto with MQTT 5 and 3.1.1, its sessions, shared topics, passwords, TLS."""

import asyncio
import subprocess
from pathlib import Path

import pytest
import trustme
from listening import PACE, connected, messages, payloads, publish, until
from mosquitto import Mosquitto, binary

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.iot import IotConnector
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog

pytestmark = pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
both_versions = pytest.mark.parametrize("version", ["5", "3.1.1"])


@both_versions
def test_what_came_while_we_were_away_waits_for_us(broker: Mosquitto, tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with connected(broker, tmp_path, log, version=version):
            await asyncio.to_thread(publish, broker, ("plant/a", b"1"))
            await until(lambda: len(log.published) == 1)
        await asyncio.to_thread(publish, broker, ("plant/a", b"2"), ("plant/b", b"3"))
        broker.stop()
        broker.start()
        async with connected(broker, tmp_path, log, version=version):
            await until(lambda: payloads(log) == {b"1", b"2", b"3"})
        assert len(messages(log)) == 3

    asyncio.run(scenario())


@both_versions
def test_what_kafka_did_not_take_is_delivered_again_to_the_next_life(
    broker: Mosquitto, tmp_path: Path, version: str
) -> None:
    async def scenario() -> None:
        log = MemoryLog(away=True)
        async with connected(broker, tmp_path, log, version=version) as connector:
            await asyncio.to_thread(publish, broker, *((f"plant/{n}", b"%d" % n) for n in range(100)))
            await until(lambda: connector.health.refused["retry"] > 0)
            for lane in connector._lanes.values():
                lane.abandon()
        log.away = False
        async with connected(broker, tmp_path, log, version=version):
            await until(lambda: payloads(log) == {b"%d" % n for n in range(100)})
        assert any(message.dup for message in messages(log))

    asyncio.run(scenario())


def test_a_broker_that_restarts_is_found_again(broker: Mosquitto, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with connected(broker, tmp_path, log):
            for number in range(3):
                await asyncio.to_thread(broker.stop)
                await asyncio.to_thread(broker.start)
                await asyncio.to_thread(publish, broker, ("plant/a", b"%d" % number))
            await until(lambda: payloads(log) == {b"0", b"1", b"2"})

    asyncio.run(scenario())


def test_connectors_share_what_comes_and_fetch_what_was_kept(broker: Mosquitto, tmp_path: Path) -> None:
    async def scenario() -> None:
        logs = [MemoryLog(), MemoryLog()]
        publish(broker, ("plant/kept", b"0"), retain=True)
        share: dict[str, object] = {"shared": "desks"}
        async with (
            connected(broker, tmp_path, logs[0], feed=share, client_id="one"),
            connected(broker, tmp_path, logs[1], feed=share, client_id="two"),
        ):
            await until(lambda: all(payloads(log) == {b"0"} for log in logs))
            sent = [b"%d" % n for n in range(1, 101)]
            await asyncio.to_thread(publish, broker, *((f"plant/{n.decode()}", n) for n in sent))
            await until(lambda: payloads(logs[0]) | payloads(logs[1]) == {b"0", *sent})
        live = [message.payload for log in logs for message in messages(log) if not message.retained]
        assert sorted(live) == sorted(sent)
        assert all(any(not message.retained for message in messages(log)) for log in logs)

    asyncio.run(scenario())


@both_versions
def test_retained_messages_are_marked(broker: Mosquitto, tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        publish(broker, ("plant/a", b"0"), retain=True)
        async with connected(broker, tmp_path, log, version=version):
            await until(lambda: payloads(log) == {b"0"})
            await asyncio.to_thread(publish, broker, ("plant/a", b"1"), retain=True)
            await until(lambda: payloads(log) == {b"0", b"1"})
        assert {message.payload: message.retained for message in messages(log)} == {b"0": True, b"1": False}

    asyncio.run(scenario())


def test_another_client_with_our_id_is_noticed(broker: Mosquitto, tmp_path: Path) -> None:
    """A mosquitto of 2.0 closes the connection without the word that MQTT 5 has for it; that it happens often tells."""

    async def scenario() -> None:
        log = MemoryLog()
        async with connected(broker, tmp_path, log) as one, connected(broker, tmp_path, log) as two:
            await until(lambda: any("does another client use" in it.health.state for it in (one, two)))
            sent = [b"%d" % n for n in range(20)]
            await asyncio.to_thread(publish, broker, *(("plant/a", n) for n in sent))
            await until(lambda: payloads(log) == set(sent))

    asyncio.run(scenario())


def test_a_message_over_the_limit_never_comes_and_stops_nobody(broker: Mosquitto, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with connected(broker, tmp_path, log, max_packet=2048):
            await asyncio.to_thread(publish, broker, ("plant/a", b"x" * 5000), ("plant/a", b"1"))
            await until(lambda: payloads(log) == {b"1"})

    asyncio.run(scenario())


def test_with_tls_and_a_password(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    (tmp_path / "users").write_text("casestream:open-sesame\n")
    subprocess.run(["mosquitto_passwd", "-U", tmp_path / "users"], check=True)  # noqa: S603, S607  # Debian's
    lines = f"password_file {tmp_path}/users\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.pem\n"
    broker = Mosquitto(more=lines.replace("certfile", f"cafile {tmp_path}/ca.pem\ncertfile"), anonymous=False)
    broker.start()

    async def scenario() -> None:
        url = f"mqtts://localhost:{broker.port}"
        known = {"url": url, "ca": str(tmp_path / "ca.pem"), "username": "casestream"}
        async with connected(broker, tmp_path, MemoryLog(), **known, password="open-sesame"):  # a test's
            pass
        config = Config.model_validate(
            {"mqtt": {**known, "password": "wrong"}, "device_feed": [{"name": "a", "topics": ["a"]}]}
        )
        publisher = Publisher(MemoryLog(), BlobStore(tmp_path), FreeSpace(tmp_path, 0.15, share=lambda _: 1.0))
        refused = IotConnector(config, publisher, pace=PACE)
        await refused.start()
        await until(lambda: "Not authorized" in refused.health.state)
        await refused.stop()

    try:
        asyncio.run(scenario())
    finally:
        broker.remove()
