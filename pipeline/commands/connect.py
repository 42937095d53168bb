"""`casestream connect`."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config
from pipeline.config import Config

CONNECTORS = ("smtp",)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command()
    def connect(
        names: Annotated[list[str], typer.Argument(help=f"Which connectors to run: {', '.join(CONNECTORS)}.")],
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
    ) -> None:
        """Run connectors in the foreground until SIGTERM.

        Example: casestream connect smtp --data casestream-data
        """
        import uvloop

        from pipeline.process import log_plainly

        log_plainly()
        if unknown := set(names) - set(CONNECTORS):
            typer.echo(f"no connector {', '.join(sorted(unknown))}; there are: {', '.join(CONNECTORS)}", err=True)
            raise typer.Exit(2)
        uvloop.run(_run(load_config(config, data)))


async def _run(config: Config) -> None:
    from pipeline.blobs import BlobStore
    from pipeline.connectors.contract import Publisher
    from pipeline.connectors.email_smtp import SmtpConnector
    from pipeline.connectors.space import FreeSpace
    from pipeline.log import KafkaLog
    from pipeline.ready import announce

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    blobs = BlobStore(Path(config.blobs.url))
    async with KafkaLog(config.kafka) as log:
        connector = SmtpConnector(config, Publisher(log, blobs, FreeSpace(blobs.root, config.blobs.min_free)))
        address = await connector.start()
        typer.echo(f"smtp listens on {address}", err=True)
        announce(address)
        await stop.wait()
        await connector.stop()
