"""`casestream dispatch`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer

from pipeline import app as house
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.dispatch.dispatch import Dispatch


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def dispatch(data: Data = DEFAULT_DATA, config: ConfigFile = None) -> None:
        """Deliver what leaves the desk, until stopped; of several, each takes its share.

        Exits with 70 when PostgreSQL went away (it is not known then how deliveries ended): start it again.

        Example: casestream dispatch --data ./casestream-data
        """
        from pipeline.process import run
        from pipeline.ready import announce

        settings = load_config(config, data)

        async def start() -> None:
            dispatch = house.build_dispatch(settings, announce)
            async with _monitored(settings, dispatch):
                await dispatch.run()

        run(start)


@asynccontextmanager
async def _monitored(config: Config, dispatch: "Dispatch") -> AsyncIterator[None]:
    """Tell how deliveries fare on the port that the configuration has for it, if it has."""
    listen = config.metrics.ports.get("dispatch")
    if listen is None:
        yield
        return
    from pipeline.api.app import create_app
    from pipeline.api.port import serving

    router = house.build_monitor(config, dict, departures=dispatch.departures)
    async with serving(create_app([router]), listen) as address:
        typer.echo(f"figures: http://{address}/metrics", err=True)
        yield
