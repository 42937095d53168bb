"""The servers that a configuration leaves to us: made once, and run by the supervisor, or for a moment."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.config import Config
from pipeline.embedded import addresses, folder
from pipeline.embedded.child import Child
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.postgres import PostgresServer
from pipeline.errors import Stop

EMBEDDED = "embedded"

_READY_WITHIN = 60.0
_END_WITHIN = 20.0


class Servers:
    """Kafka and PostgreSQL on one data folder, those of them that are ours."""

    def __init__(self, data: Path, config: Config) -> None:
        self._config = config
        logs = data / "logs"
        logs.mkdir(exist_ok=True)
        self.ports = addresses.choose_ports(data)
        self.kafka = KafkaServer(
            data / "kafka", port=self.ports.kafka, controller_port=self.ports.controller, log=logs / "kafka.log"
        )
        self.postgres = PostgresServer(data / "postgres", log=logs / "postgres.log")

    @property
    def ours(self) -> list[KafkaServer | PostgresServer]:
        """Those that the configuration leaves to us."""
        return [
            *((self.kafka,) if self._config.kafka.servers == EMBEDDED else ()),
            *((self.postgres,) if self._config.postgres.dsn == EMBEDDED else ()),
        ]

    async def create(self) -> None:
        """Make what they keep their data in, all of it or nothing."""
        if folder.finish_creation(*(server.data for server in self.ours)):
            return
        async with asyncio.TaskGroup() as group:
            for server in self.ours:
                group.create_task(server.create(folder.unborn(server.data)))
        for server in self.ours:
            folder.name_unborn(server.data)

    @contextmanager
    def running(self) -> Iterator[Config]:
        """Run them, and nothing else, while the block does; the configuration with which they are reached."""
        children: list[tuple[KafkaServer | PostgresServer, Child]] = []
        try:
            for server in self.ours:
                children.append((server, server.spawn()))
                asyncio.run(_ready(server))
            yield self._reached()
        finally:
            for server, child in reversed(children):
                asyncio.run(child.stop(server.stop_signal, _END_WITHIN))

    def _reached(self) -> Config:
        changes: dict[str, object] = {}
        if self._config.kafka.servers == EMBEDDED:
            changes["kafka"] = self._config.kafka.model_copy(update={"servers": self.kafka.address})
        if self._config.postgres.dsn == EMBEDDED:
            changes["postgres"] = self._config.postgres.model_copy(update={"dsn": self.postgres.dsn()})
        return self._config.model_copy(update=changes)


async def _ready(server: KafkaServer | PostgresServer) -> None:
    try:
        await asyncio.wait_for(server.ready(), _READY_WITHIN)
    except TimeoutError:
        raise Stop(f"{server.name} did not start within {_READY_WITHIN:.0f} s; {server.log} says why") from None
