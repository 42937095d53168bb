"""`casestream up`, `casestream status`."""

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

Workers = Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Worker processes; else as configured.")]

PREPARED_WITHIN = 60.0


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command()
    def up(data: Data = DEFAULT_DATA, config: ConfigFile = None, workers: Workers = None) -> None:
        """Run the whole desk in the foreground, with its own Kafka and PostgreSQL, until Ctrl-C.

        Example: casestream up --data casestream-data --workers 2
        """
        locked_desk(data.absolute(), config, workers, casestream=(sys.executable, "-m", "pipeline"))

    @app.command()
    def status(data: Data = DEFAULT_DATA, json: Json = False) -> None:
        """Tell the state of each part; exit with 0 only when all are ready.

        Example: casestream status --data casestream-data --json
        """
        from pipeline.embedded.board import read

        told = read(data)
        if json:
            print_json(told)
        elif not told["parts"]:
            typer.echo(f"nothing runs on {data}")
        for part in () if json else told["parts"]:
            address = part["address"] or ""
            typer.echo(f"{part['name']:<10} {part['state']:<10} {part['restarts']:>3} restarts  {address}".rstrip())
        raise typer.Exit(0 if told["ready"] else 1)


def locked_desk(data: Path, config_file: Path | None, workers: int | None, casestream: Sequence[str]) -> None:
    """Run the desk alone on its data until SIGTERM; the command `casestream` is what its parts are started with."""
    from pipeline.embedded import folder
    from pipeline.errors import CasestreamError

    try:
        with folder.locked(data):
            _run_desk(data, config_file, workers, casestream)
    except CasestreamError as error:
        typer.echo(f"casestream: {error}", err=True)
        raise typer.Exit(1) from error


def _run_desk(data: Path, config_file: Path | None, workers: int | None, casestream: Sequence[str]) -> None:
    from pipeline.app import wanted_channels, wanted_connectors
    from pipeline.embedded import addresses, folder, install
    from pipeline.embedded.desk import Desk, all_commands

    last = addresses.forget(data)
    config_file = config_file or last
    if config_file is None and Path("casestream.toml").is_file():
        config_file = Path("casestream.toml")
    config_file = config_file.absolute() if config_file else None
    config = load_config(config_file, data)
    if warning := folder.low_space(data):
        _say(f"casestream: {warning}")
    desk = Desk(data, config_file, config, casestream)
    if config.kafka.servers == "embedded":
        install.kafka()
    asyncio.run(desk.create())
    desk.publish()
    config = load_config(config_file, data)

    async def run() -> None:
        processes = workers or config.worker.processes
        commands = all_commands(processes, wanted_connectors(config), wanted_channels(config))
        supervisor = desk.supervisor(commands, lambda servers: _prepare(config, servers), _say)
        await supervisor.run(
            lambda: _say(f"Casestream is ready: mail to {desk.listens.smtp}, web on http://{desk.listens.http}")
        )

    asyncio.run(run())


async def _prepare(config: Config, servers: Awaitable[None]) -> None:
    """Make the topics and the tables, as soon as the servers are there."""
    from psycopg import OperationalError

    from pipeline.errors import Retry, Stop
    from pipeline.kafka_admin import apply_topics
    from pipeline.store.migrate import migrate

    await servers
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PREPARED_WITHIN
    while True:
        try:
            await asyncio.gather(apply_topics(config.kafka), migrate(config.postgres.direct))
        except (Retry, OperationalError) as error:
            if loop.time() > deadline:
                raise Stop(
                    f"Kafka or PostgreSQL did not answer within {PREPARED_WITHIN:.0f} s: {error}".rstrip()
                ) from error
            await asyncio.sleep(0.2)
        else:
            return


def _say(line: str) -> None:
    typer.echo(line)
