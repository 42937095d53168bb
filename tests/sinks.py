"""An endpoint for webhooks of each test's own: it notes what comes, and answers as it is told to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

ENDLESS = 10_000_000_000
CHUNK = b"x" * 65_536


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The header `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = orjson.loads(self.body)
        return found


class Sink:
    """Answers by a status, or as its word says: hang, close, slow, drip, huge, bomb, headers."""

    def __init__(self, answer: Callable[[Received], int | str] = lambda _: 200) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.delivered: list[Received] = []
        self.written = 0
        self.address = ""
        self._released = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it takes webhooks."""
        return f"http://{self.address}/hooks"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):  # the end of the test ends it, too
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(head[0].split()[1], headers, body)
        self.received.append(request)
        return await self._answered(request, self.answer(request), writer)

    async def _answered(self, request: Received, answer: int | str, writer: asyncio.StreamWriter) -> bool:
        if isinstance(answer, int):
            await self._said(request, answer, writer)
            return True
        match answer:
            case "hang":
                await self._released.wait()
            case "slow":
                await asyncio.sleep(0.2)  # what is slow takes time; nothing waits for it
                await self._said(request, 200, writer)
                return True
            case "drip":
                self.delivered.append(request)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx")
                await writer.drain()
                await self._released.wait()
            case "huge" | "bomb" | "headers":
                await self._endless(answer, writer)
        return False

    async def _said(self, request: Received, status: int, writer: asyncio.StreamWriter) -> None:
        if status in range(200, 300):
            self.delivered.append(request)
        more = b"location: http://127.0.0.1:1/\r\n" if status in range(300, 400) else b""
        writer.write(b"HTTP/1.1 %d Said\r\n%scontent-length: 4\r\n\r\nsaid" % (status, more))
        await writer.drain()

    async def _endless(self, kind: str, writer: asyncio.StreamWriter) -> None:
        encoding = b"content-encoding: gzip\r\n" if kind == "bomb" else b""
        writer.write(b"HTTP/1.1 500 Bad\r\n" + encoding)
        if kind != "headers":
            writer.write(b"content-length: %d\r\n\r\n" % ENDLESS)
        for _ in range(ENDLESS // len(CHUNK)):
            piece = b"x-more: " + CHUNK[:1000] + b"\r\n" if kind == "headers" else CHUNK
            writer.write(piece)
            self.written += len(piece)
            await writer.drain()


@asynccontextmanager
async def listening(sink: Sink, tls: ssl.SSLContext | None = None) -> AsyncIterator[Sink]:
    """The sink, taking requests until the end of the block."""
    server = await asyncio.start_server(sink._serve, "127.0.0.1", 0, ssl=tls)
    sink.address = "{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield sink
    finally:
        sink._released.set()
        server.close()
