"""Worker processes of a test, with the Kafka they read and the ledger they share."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from running import eventually
from sqlite_worker import Program, SqliteLedger

from pipeline.config.sections import Kafka
from pipeline.log import client_settings


@dataclass
class Process:
    """One worker process, and what it wrote."""

    name: str
    popen: "subprocess.Popen[bytes]"
    said: Path

    def ends_with(self, within: float = 30.0) -> int:
        """Its exit code; what it said is printed, for when the test does not like it."""
        code = self.popen.wait(within)
        print(self.text())  # noqa: T201  # pytest shows it only when the test fails
        return code

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def text(self) -> str:
        return self.said.read_text()


@dataclass
class Fleet:
    """The workers of one test."""

    kafka: Kafka
    folder: Path
    ledger: SqliteLedger
    processes: list[Process] = field(default_factory=list)

    def start(self, name: str, *channels: str, ready: bool = True, **settings: float | str) -> Process:
        """A worker of these channels, once it says that it is ready."""
        slot = str(settings.pop("slot", name))
        program = Program(
            str(self.folder / "ledger.db"),
            self.kafka.model_dump(exclude_none=True),
            channels or ("email",),
            name,
            slot,
            **settings,  # type: ignore[arg-type]  # only numbers are left
        )
        said = self.folder / f"{name}-{len(self.processes)}.log"
        reading, writing = os.pipe()
        with said.open("wb") as output:
            popen = subprocess.Popen(  # noqa: S603  # the program is ours, there is no shell
                program.arguments(),
                stdout=output,
                stderr=output,
                pass_fds=[writing],
                env={**os.environ, **({"CASESTREAM_READY_FD": str(writing)} if ready else {})},
            )
        os.close(writing)
        self.processes.append(Process(name, popen, said))
        if ready:
            assert os.read(reading, 100) == b"ready\n", said.read_text()
        os.close(reading)
        return self.processes[-1]

    def topic(self, channel: str = "email") -> str:
        return f"{self.kafka.topic_prefix}inbound.{channel}"

    def create(self, partitions: int = 3, *channels: str) -> None:
        """Create these channels' topics."""
        names = [self.topic(channel) for channel in channels or ("email",)]
        asyncio.run(_create(self.kafka, names, partitions))

    def publish(self, values: Sequence[str], channel: str = "email", *, partition: int | None = None) -> None:
        """Publish records, one after the other over the partitions unless one is named."""
        asyncio.run(_publish(self.kafka, self.topic(channel), values, partition))

    def effects(self) -> list[str]:
        """The values that had an effect, each as often as it had one, in the order of its effects."""
        return [str(value) for (value,) in self.ledger.rows("SELECT value FROM effect ORDER BY rowid")]

    def count(self, table: str) -> int:
        ((found,),) = self.ledger.rows(f"SELECT count(*) FROM {table}")  # noqa: S608  # the names are the test's
        return int(str(found))

    def settles(self, values: Sequence[str], within: float = 30.0) -> None:
        """Wait until exactly these had their effect, each once."""
        eventually(lambda: self.count("effect") >= len(values) or self._ended(), within)
        assert sorted(self.effects()) == sorted(values), [one.text()[-2000:] for one in self.processes]

    def _ended(self) -> bool:
        return bool(self.processes) and all(one.popen.poll() is not None for one in self.processes)


@contextmanager
def fleet_of(kafka: Kafka, folder: Path) -> Iterator[Fleet]:
    """A fleet whose processes are gone when the test is over."""
    fleet = Fleet(kafka, folder, SqliteLedger(folder / "ledger.db"))
    try:
        yield fleet
    finally:
        for process in fleet.processes:
            process.popen.kill()
            process.popen.wait()


def numbered(count: int, prefix: str = "m") -> list[str]:
    """So many different values."""
    return [f"{prefix}{number}" for number in range(count)]


async def _create(kafka: Kafka, names: Sequence[str], partitions: int) -> None:
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()


async def _publish(kafka: Kafka, topic: str, values: Sequence[str], partition: int | None) -> None:
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all", linger_ms=2)
    await producer.start()
    try:
        partitions = sorted(await producer.partitions_for(topic))
        acknowledged = [
            await producer.send(
                topic,
                value.encode(),
                partition=partitions[number % len(partitions)] if partition is None else partition,
            )
            for number, value in enumerate(values)
        ]
        await asyncio.gather(*acknowledged)
    finally:
        await producer.stop()
