"""`python -m tests.chaos.mqtt --kills 20 --brokers 3 --kafkas 2`: readings whose bridge and both its ends go down.

Devices publish with QoS 1 all the while. The connector is killed, mosquitto ends and comes back with what it wrote
down, Kafka is killed and started again. Exit 1 when a reading that mosquitto acknowledged is not on Kafka in the end.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.config.sections import Kafka
from pipeline.embedded import install, ports
from pipeline.embedded.child import Child
from pipeline.embedded.kafka import KafkaServer
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings, partition_bounds
from pipeline.parse.iot import read_messages
from tests.mosquitto import Mosquitto
from tests.mqtt_devices import Devices

DRAINED_WITHIN = 120.0
_SETTINGS = """\
[kafka]
servers = "{kafka}"
[mqtt]
url = "{mqtt}"
version = "{version}"
client_id = "chaos"
[blobs]
url = "{folder}/blobs"
min_free = 0.0
[[device_feed]]
name = "plant"
topics = ["plant/+"]
format = "json"
"""


@dataclass(slots=True)
class Report:
    """What was seen."""

    acknowledged: int
    lost: int
    doubled: int
    kills: int
    brokers: int
    kafkas: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"mqtt: readings {self.acknowledged} kills {self.kills} brokers {self.brokers} kafkas {self.kafkas}"
            f" lost {self.lost} republished {self.doubled} in {self.seconds:.0f} s"
        )


class Load(threading.Thread):
    """Devices that publish until they are stopped; `acknowledged` is what the broker promised."""

    def __init__(self, port: int, per_second: int) -> None:
        super().__init__(name="devices", daemon=True)
        self.acknowledged: list[str] = []
        self._port = port
        self._pause = 100 / per_second
        self._stopped = threading.Event()

    def run(self) -> None:
        numbers = itertools.count()
        for life in itertools.count():
            try:
                devices = Devices(self._port, f"devices-{life}", window=50)
                while not self._stopped.wait(self._pause):
                    batch = [str(number) for number in itertools.islice(numbers, 100)]
                    messages = ((f"plant/pump-{int(n) % 97}", json.dumps({"n": int(n)}).encode(), n) for n in batch)
                    devices.publish(messages, self.acknowledged.append)
                devices.close()
            except OSError:
                if not self._stopped.wait(0.05):
                    continue
            return

    def end(self) -> None:
        """Stop, and wait until the last is acknowledged."""
        self._stopped.set()
        self.join(30)


class World:
    """Kafka, mosquitto and the connector between them."""

    def __init__(self, folder: Path, version: str) -> None:
        port = ports.free()
        self.broker = Mosquitto()
        self._kafka = KafkaServer(
            folder / "kafka", port=port, controller_port=ports.free(avoid=[port]), log=folder / "kafka.log"
        )
        self.kafka = Kafka(servers=self._kafka.address)
        self._folder = folder
        self._settings = folder / "casestream.toml"
        self._settings.write_text(
            _SETTINGS.format(kafka=self._kafka.address, mqtt=self.broker.url, folder=folder, version=version)
        )
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        asyncio.run(self._kafka.create(self._kafka.data))
        self.start_kafka()
        asyncio.run(apply_topics(self.kafka))
        self.broker.start()
        self.start_connector()

    def start_kafka(self) -> None:
        self._children["kafka"] = self._kafka.spawn()
        asyncio.run(asyncio.wait_for(self._kafka.ready(), 60))

    def start_connector(self) -> None:
        """Return when it says that it is ready."""
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "pipeline", "connect", "mqtt", "--data", str(self._folder / "data")]
        self._children["connector"] = Child.spawn(
            [*command, "--config", str(self._settings)],
            log=self._folder / "connector.log",
            descriptors=[writing],
            environment={**os.environ, "CASESTREAM_READY_FD": str(writing)},
        )
        os.close(writing)
        with os.fdopen(reading) as line:
            line.readline()

    def kill(self, name: str) -> None:
        child = self._children.pop(name)
        child.send(SIGKILL)
        while child.running:
            time.sleep(0.01)

    def stop(self) -> None:
        for name in list(self._children):
            self.kill(name)
        self.broker.remove()

    def on_kafka(self) -> Counter[str]:
        """How often each reading is there."""
        return asyncio.run(_read(self.kafka))


async def _read(kafka: Kafka) -> Counter[str]:
    found: Counter[str] = Counter()
    bounds = await partition_bounds(kafka, ["inbound.iot"])
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    await consumer.start()
    try:
        places = {TopicPartition(*place): limits for place, limits in bounds.items() if limits.end > limits.start}
        consumer.assign(list(places))
        await consumer.seek_to_beginning()
        left = set(places)
        while left:
            for place, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    found.update(str(json.loads(one.payload)["n"]) for one in read_messages(record.value))
                    if record.offset + 1 >= places[place].end:
                        left.discard(place)
    finally:
        await consumer.stop()
    return found


def run(*, kills: int, brokers: int, kafkas: int, seed: int, version: str, per_second: int) -> Report:
    """Let it all happen, in an order that the seed decides."""
    install.kafka()
    chance = random.Random(seed)  # noqa: S311  # reproducible, guards nothing
    folder = Path(tempfile.mkdtemp(prefix="chaos-mqtt-"))
    world = World(folder, version)
    began = time.monotonic()
    try:
        world.start()
        load = Load(world.broker.port, per_second)
        load.start()
        blows = ["kill"] * kills + ["broker"] * brokers + ["kafka"] * kafkas
        chance.shuffle(blows)
        for blow in blows:
            time.sleep(chance.uniform(0.2, 1.5))
            if blow == "kill":
                world.kill("connector")
                world.start_connector()
            elif blow == "broker":
                world.broker.stop()
                world.broker.start()
            else:
                world.kill("kafka")
                world.start_kafka()
        load.end()
        wanted = set(load.acknowledged)
        found = world.on_kafka()
        deadline = time.monotonic() + DRAINED_WITHIN
        while wanted - found.keys() and time.monotonic() < deadline:
            time.sleep(0.5)
            found = world.on_kafka()
        lost = wanted - found.keys()
        doubled = sum(count - 1 for count in found.values())
        return Report(len(wanted), len(lost), doubled, kills, brokers, kafkas, time.monotonic() - began)
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Parse the call, run, say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--kafkas", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", choices=["5", "3.1.1"], default="5")
    parser.add_argument("--per-second", type=int, default=1000)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # clients say a lot about servers that are killed
    report = run(**vars(asked))
    print(report)  # noqa: T201  # the verdict
    sys.exit(1 if report.lost or not report.acknowledged else 0)


if __name__ == "__main__":
    main()
