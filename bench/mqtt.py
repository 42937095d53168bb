"""How many readings a second go from mosquitto to durable Kafka with QoS 1: ours against a bare paho → aiokafka loop.

    python bench/mqtt.py [--readings 60000] [--rounds 3] [--devices 500]

The broker holds the readings for a session that is away; the clock runs from the first that comes to the last that is
acknowledged. Both run on this machine one after the other, A B A B, each in a process of its own, on topics with one
fsync for each batch. The last line holds the median of our rates and its ratio to the bare loop's.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import uvloop
from aiokafka import AIOKafkaProducer
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from mosquitto import Mosquitto
from mqtt_devices import Devices
from servers import running

from pipeline.app import build_connector, build_publisher
from pipeline.config import parse_config
from pipeline.config.sections import Kafka
from pipeline.kafka_admin import apply_topics
from pipeline.log import KafkaLog

PAYLOAD = b'{"temperature":21.5,"pressure":1013,"time":"2026-03-02T12:00:00Z"}'


def main() -> None:
    """Run both, interleaved, and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--run", nargs=6, metavar="X", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        name, mqtt, kafka, prefix, client, folder = asked.run
        uvloop.run({**BRIDGES, "session": session}[name](mqtt, kafka, prefix, client, Path(folder), asked.readings))
        return
    broker = Mosquitto()
    broker.start()
    try:
        with running() as servers:
            rates: dict[str, list[float]] = {name: [] for name in BRIDGES}
            for _ in range(asked.rounds):
                for name, found in rates.items():
                    found.append(one_round(name, broker, servers.kafka, servers.folder, asked))
                    print(f"{name}: {found[-1]:.0f} readings per s", flush=True)
    finally:
        broker.remove()
    ours, bare = (statistics.median(found) for found in rates.values())
    print(f"mqtt: {ours:.0f} readings per s, ratio {ours / bare:.2f} to a bare paho → aiokafka loop")


def one_round(name: str, broker: Mosquitto, kafka: str, folder: Path, asked: argparse.Namespace) -> float:
    """Readings a second, with a new session and new topics."""
    client, prefix = uuid.uuid4().hex[:12], f"{uuid.uuid4().hex[:6]}."
    asyncio.run(apply_topics(Kafka(servers=kafka, topic_prefix=prefix)))
    command = [sys.executable, __file__, "--readings", str(asked.readings)]
    command += ["--run", name, broker.url, kafka, prefix, client, str(folder)]
    subprocess.run([*command[:-6], "session", *command[-5:]], check=True)
    devices = Devices(broker.port, f"d{client}")
    messages = ((f"plant/pump-{n % asked.devices}", PAYLOAD, "") for n in range(asked.readings))
    devices.publish(messages, lambda _: None)
    devices.close()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return asked.readings / float(done.stdout.split()[-1])


async def session(mqtt: str, kafka: str, prefix: str, client: str, folder: Path, readings: int) -> None:  # noqa: ARG001  # as the bridges
    """Make the session at the broker, and leave."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    made = paho.Client(paho.CallbackAPIVersion.VERSION2, client, clean_session=None, protocol=paho.MQTTv5)  # type: ignore[arg-type]  # as MQTT 5 wants it
    made.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    made.on_connect = lambda *_: made.subscribe("plant/+", qos=1)
    made.connect("127.0.0.1", int(mqtt.rpartition(":")[2]), clean_start=False, properties=connect_properties())
    made.loop_start()
    await ready.wait()
    made.disconnect()
    made.loop_stop()


def connect_properties() -> Properties:
    """A session that outlives the connection, and a window as wide as ours."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 2000
    return properties


async def until(condition: Callable[[], bool]) -> None:
    """Look every 2 ms whether it holds."""
    while not condition():  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(0.002)


async def casestream(mqtt: str, kafka: str, prefix: str, client: str, folder: Path, readings: int) -> None:  # the same
    """Our connector, as `casestream connect mqtt` runs it."""
    text = '[[device_feed]]\nname = "plant"\ntopics = ["plant/+"]\nformat = "json"\n'
    overlay = {
        "kafka": {"servers": kafka, "topic_prefix": prefix},
        "mqtt": {"url": mqtt, "client_id": client},
        "blobs": {"url": str(folder / "blobs")},
    }
    config = parse_config(text, overlay)
    async with KafkaLog(config.kafka) as log:
        connector = build_connector("mqtt", config, build_publisher(config, log))
        await connector.start()
        await until(lambda: connector.health.received > 0)
        began = time.perf_counter()
        await until(lambda: connector.health.published >= readings)
        seconds = time.perf_counter() - began
        await connector.stop()
    print(seconds)


async def bare(mqtt: str, kafka: str, prefix: str, client: str, folder: Path, readings: int) -> None:  # noqa: ARG001  # the same
    """The loop one writes by hand: paho in its thread, a record for each message, PUBACK after Kafka's ack."""
    loop = asyncio.get_running_loop()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=2, max_batch_size=1_048_576)
    await producer.start()
    acknowledged, began = 0, 0.0
    everything = asyncio.Event()

    def settle(message: paho.MQTTMessage) -> None:
        nonlocal acknowledged
        made.ack(message.mid, message.qos)
        acknowledged += 1
        if acknowledged == readings:
            everything.set()

    async def bridge(message: paho.MQTTMessage) -> None:
        nonlocal began
        began = began or time.perf_counter()
        key = message.topic.rpartition("/")[2].encode()
        sent = await producer.send(
            f"{prefix}inbound.iot", message.payload, key=key, headers=[("topic", message.topic.encode())]
        )
        sent.add_done_callback(lambda _: settle(message))

    made = paho.Client(paho.CallbackAPIVersion.VERSION2, client, protocol=paho.MQTTv5, manual_ack=True)
    made.on_message = lambda _c, _d, message: asyncio.run_coroutine_threadsafe(bridge(message), loop) and None
    made.connect("127.0.0.1", int(mqtt.rpartition(":")[2]), clean_start=False, properties=connect_properties())
    made.loop_start()
    await everything.wait()
    seconds = time.perf_counter() - began
    made.disconnect()
    made.loop_stop()
    await producer.stop()
    print(seconds)


BRIDGES = {"casestream": casestream, "bare": bare}

if __name__ == "__main__":
    main()
