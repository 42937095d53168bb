"""The whole desk on one machine: the table of what `casestream up` runs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from pipeline.embedded import addresses, folder
from pipeline.embedded.board import Board
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.mqtt import MqttBroker
from pipeline.embedded.postgres import PostgresServer
from pipeline.embedded.program import Program
from pipeline.embedded.supervisor import Layer, Prepare, Supervisor

_EMBEDDED = "embedded"
_PART_OF = {"mqtt": "devices"}  # the broker is a part called mqtt already


@dataclass(frozen=True, slots=True)
class Commands:
    """What runs beside the servers: for each part its name, and the command behind `casestream`."""

    relays: dict[str, tuple[str, ...]]
    workers: dict[str, tuple[str, ...]]
    connectors: dict[str, tuple[str, ...]]


def all_commands(workers: int, connectors: Sequence[str], channels: Sequence[str]) -> Commands:
    """Every part of the pipeline, a process for each of these connectors.

    What devices tell is settled by a worker of its own, so that their flood never keeps the mail waiting.
    """
    messages = ",".join(channel for channel in channels if channel != "iot")
    told = {f"worker-{number}": messages for number in range(1, workers + 1)}
    if "iot" in channels:
        told["worker-iot"] = "iot"
    return Commands(
        relays={"relay": ("relay",), "clock": ("clock",), "dispatch": ("dispatch",)},
        workers={slot: ("work", "--slot", slot, "--channels", those) for slot, those in told.items()},
        connectors={**{_PART_OF.get(name, name): ("connect", name) for name in connectors}, "http": ("serve",)},
    )


class Desk:
    """The parts of one configuration on one data folder; `casestream` is the command that their verbs follow."""

    def __init__(self, data: Path, config_file: Path | None, config: Config, casestream: Sequence[str]) -> None:
        self._data = data
        self._config_file = config_file
        self._config = config
        self._casestream = casestream
        self._logs = data / "logs"
        self._logs.mkdir(exist_ok=True)
        self._ports = addresses.choose_ports(data)
        self.listens = addresses.choose_listens(config)
        self._kafka = KafkaServer(
            data / "kafka", port=self._ports.kafka, controller_port=self._ports.controller, log=self._logs / "kafka.log"
        )
        self._postgres = PostgresServer(data / "postgres", log=self._logs / "postgres.log")

    def publish(self) -> None:
        """Tell every other process of the desk where the parts are."""
        (self._data / "blobs").mkdir(exist_ok=True)
        addresses.ensure_secret(self._data)
        changes = addresses.overlay(self._config, self._data, self.listens, ports=self._ports, dsn=self._postgres.dsn())
        addresses.publish(self._data, self._config_file, changes)

    async def create(self) -> None:
        """Make what the embedded servers keep their data in, all of it or nothing."""
        servers = self._servers()
        if folder.finish_creation(*(server.data for server in servers)):
            return
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.create(folder.unborn(server.data)))
        for server in servers:
            folder.name_unborn(server.data)

    def supervisor(self, commands: Commands, prepare: Prepare, say: Callable[[str], None]) -> Supervisor:
        """The supervisor of the servers that the configuration leaves to us, and of the commands."""
        servers = self._servers()
        relays, workers, connectors = (
            [self._program(name, command) for name, command in group.items()]
            for group in (commands.relays, commands.workers, commands.connectors)
        )
        mqtt = None
        if self._config.mqtt.url == _EMBEDDED:
            mqtt = MqttBroker(self._ports.mqtt, log=self._logs / "mqtt.log")
        everything = (*servers, *((mqtt,) if mqtt else ()), *relays, *workers, *connectors)
        return Supervisor(
            servers=Layer(servers, seconds=5),
            layers=[Layer(relays, seconds=3), Layer(workers, seconds=6), Layer(connectors, seconds=3)],
            mqtt=mqtt,
            prepare=prepare,
            board=Board(self._data, [part.name for part in everything], say),
        )

    def _servers(self) -> list[KafkaServer | PostgresServer]:
        """Those that the configuration leaves to us."""
        return [
            *((self._kafka,) if self._config.kafka.servers == _EMBEDDED else ()),
            *((self._postgres,) if self._config.postgres.dsn == _EMBEDDED else ()),
        ]

    def _program(self, name: str, command: tuple[str, ...]) -> Program:
        config = ("--config", str(self._config_file)) if self._config_file else ()
        argv = (*self._casestream, *command, "--data", str(self._data), *config)
        return Program(name, argv, log=self._logs / f"{name}.log")
