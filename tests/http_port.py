"""The real HTTP server, for what it serves in a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def http_port(app: FastAPI) -> AsyncIterator[int]:
    """The real HTTP server on a port of its own."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Server(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup(sockets)  # type: ignore[arg-type]
            ready.set_result(self.servers[0].sockets[0].getsockname()[1])

    server = Server(
        uvicorn.Config(app, port=0, http="httptools", lifespan="off", log_level="error", proxy_headers=False)
    )
    task = asyncio.create_task(server._serve())
    try:
        yield await ready
    finally:
        server.should_exit = True
        await task
