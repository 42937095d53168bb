"""`casestream connect`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import app as house
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.connectors.contract import Connector


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command()
    def connect(
        names: Annotated[list[str], typer.Argument(help=f"Which connectors to run: {', '.join(house.CONNECTORS)}.")],
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Run connectors in the foreground until SIGTERM.

        Example: casestream connect smtp --data casestream-data
        """
        from pipeline.process import run_listening

        if unknown := set(names) - set(house.CONNECTORS):
            typer.echo(f"no connector {', '.join(sorted(unknown))}; there are: {', '.join(house.CONNECTORS)}", err=True)
            raise typer.Exit(2)
        run_listening(_run(names, load_config(config, data), json=json))


async def _run(names: list[str], config: Config, *, json: bool) -> None:
    from pipeline.log import KafkaLog
    from pipeline.ready import announce

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with KafkaLog(config.kafka) as log:
        publisher = house.build_publisher(config, log)
        connectors = {name: house.build_connector(name, config, publisher) for name in dict.fromkeys(names)}
        addresses = []
        for name, connector in connectors.items():
            addresses.append(await connector.start())
            if json:
                print_json({"connector": name, "address": addresses[-1]})
            typer.echo(f"{name}: {addresses[-1]}", err=True)
        async with _monitored(config, connectors):
            announce(", ".join(addresses))
            await stop.wait()
        await asyncio.gather(*(connector.stop() for connector in connectors.values()))


@asynccontextmanager
async def _monitored(config: Config, connectors: "Mapping[str, Connector]") -> AsyncIterator[None]:
    """Tell how the connectors fare on the port that one of them has for it, if any has."""
    listen = next((config.metrics.ports[name] for name in connectors if name in config.metrics.ports), None)
    if listen is None:
        yield
        return
    from pipeline.api.app import create_app
    from pipeline.api.port import serving

    router = house.build_monitor(config, lambda: {name: connector.health for name, connector in connectors.items()})
    async with serving(create_app([router]), listen) as address:
        typer.echo(f"figures: http://{address}/metrics", err=True)
        yield
