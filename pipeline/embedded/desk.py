"""The whole desk on one machine: the table of what `casestream up` runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from pipeline.embedded import addresses
from pipeline.embedded.board import Board
from pipeline.embedded.mqtt import MqttBroker
from pipeline.embedded.program import Program
from pipeline.embedded.servers import EMBEDDED, Servers
from pipeline.embedded.supervisor import Layer, Prepare, Supervisor

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
        self._servers = Servers(data, config)
        self.listens = addresses.choose_listens(config)

    def publish(self) -> None:
        """Tell every other process of the desk where the parts are."""
        (self._data / "blobs").mkdir(exist_ok=True)
        addresses.ensure_secret(self._data)
        servers = self._servers
        dsn = servers.postgres.dsn()
        changes = addresses.overlay(self._config, self._data, self.listens, ports=servers.ports, dsn=dsn)
        addresses.publish(self._data, self._config_file, changes)

    async def create(self) -> None:
        """Make what the embedded servers keep their data in, all of it or nothing."""
        await self._servers.create()

    def supervisor(self, commands: Commands, prepare: Prepare, say: Callable[[str], None]) -> Supervisor:
        """The supervisor of the servers that the configuration leaves to us, and of the commands."""
        servers = self._servers.ours
        relays, workers, connectors = (
            [self._program(name, command) for name, command in group.items()]
            for group in (commands.relays, commands.workers, commands.connectors)
        )
        mqtt = None
        if self._config.mqtt.url == EMBEDDED:
            mqtt = MqttBroker(self._servers.ports.mqtt, log=self._logs / "mqtt.log")
        everything = (*servers, *((mqtt,) if mqtt else ()), *relays, *workers, *connectors)
        return Supervisor(
            servers=Layer(servers, seconds=5),
            layers=[Layer(relays, seconds=3), Layer(workers, seconds=6), Layer(connectors, seconds=3)],
            mqtt=mqtt,
            prepare=prepare,
            board=Board(self._data, [part.name for part in everything], say),
        )

    def _program(self, name: str, command: tuple[str, ...]) -> Program:
        config = ("--config", str(self._config_file)) if self._config_file else ()
        argv = (*self._casestream, *command, "--data", str(self._data), *config)
        return Program(name, argv, log=self._logs / f"{name}.log")
