"""`casestream serve`."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Iterator

import typer

from pipeline import app as house
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config
from pipeline.config import Config

STOP_SECONDS = 5
MAX_CONNECTIONS = 4000
"""Those who listen to events, of whom the hub takes 2,000, and those who come and go."""


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command()
    def serve(data: Data = DEFAULT_DATA, config: ConfigFile = None) -> None:
        """Serve web forms, what exchanges and platforms post to, and the API in the foreground until SIGTERM.

        Example: casestream serve --data casestream-data
        """
        from pipeline.process import run_listening

        run_listening(_run(load_config(config, data)))


async def _run(config: Config) -> None:
    import uvicorn

    from pipeline.api.app import create_app
    from pipeline.log import KafkaLog
    from pipeline.ready import announce

    class Server(uvicorn.Server):
        """Uvicorn that says when it listens, and leaves signals to us so that SIGTERM ends with 0."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce(address)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    _allow_connections()
    listener, address = _listener(config.http.listen)
    async with KafkaLog(config.kafka) as log:
        hub = house.build_hub(config)
        taking = house.build_routes(config, house.build_publisher(config, log), hub)
        routes = [*taking, *house.build_api(config, hub)]
        settings = uvicorn.Config(
            create_app(routes, house.build_gate(config)),
            http="httptools",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,  # uvicorn believes any local client; our own rule knows the configured proxies
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        server = Server(settings)

        def end() -> None:
            server.should_exit = True
            hub.close()  # who listens would hold up the end

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        typer.echo(f"http listens on {address}", err=True)
        await server.serve(sockets=[listener])
        await hub.aclose()


def _allow_connections() -> None:
    """As many as the machine lets one process have: by default that is often 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _listener(listen: str) -> tuple[socket.socket, str]:
    """The socket to serve on, and its address with the port that was free."""
    from pipeline.errors import Stop

    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family, backlog=1024)
    except OSError as error:
        raise Stop(f"[http] listen: {listen} cannot be used: {error.strerror}") from error
    return listener, f"{host}:{listener.getsockname()[1]}"
