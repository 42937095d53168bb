"""Serves an application on a port of its own, beside the work of the process."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI

from pipeline.errors import Stop


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listen: str) -> AsyncIterator[str]:
    """The address as HOST:PORT, served until the block ends. Raises Stop when the port cannot be had."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        raise Stop(f"cannot listen on {listen}: {error.strerror}") from error
    settings = uvicorn.Config(
        app, http="httptools", lifespan="off", log_level="warning", access_log=False, proxy_headers=False,
        server_header=False, limit_concurrency=50, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
