"""An SMTP connector behind a real socket, and a client that sends exactly the bytes a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from ssl import SSLContext

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.email_smtp import SmtpConnector
from pipeline.connectors.sender_check import SenderCheck
from pipeline.connectors.space import FreeSpace
from pipeline.log import Log

SUPPORT = "support@desk.example"
OPENING = f"EHLO client.example\r\nMAIL FROM:<ana@client.example>\r\nRCPT TO:<{SUPPORT}>\r\nDATA\r\n".encode()


class Client:
    """Says and hears bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self) -> str:
        """One whole reply, its last line; empty at the end of the connection."""
        while True:
            line = (await asyncio.wait_for(self._reader.readline(), 20)).decode()
            if line[3:4] != "-":
                return line.rstrip()

    async def ask(self, data: bytes) -> str:
        await self.say(data)
        return await self.hear()

    async def begin(self) -> None:
        """Come as far as 354."""
        heard = [await self.hear(), *[await self.ask(line + b"\r\n") for line in OPENING.split(b"\r\n")[:-1]]]
        assert [reply[:3] for reply in heard] == ["220", "250", "250", "250", "354"], heard

    async def rest(self) -> list[str]:
        """Every reply until the server closes, after we have said all we will."""
        self._writer.write_eof()
        replies = []
        while reply := await self.hear():
            replies.append(reply)
        return replies

    async def encrypt(self, context: SSLContext, host: str) -> None:
        """Go on in TLS, after 220."""
        await self._writer.start_tls(context, server_hostname=host)

    async def heard_before_cut(self) -> bytes:
        """All that comes until the server closes, or cuts."""
        try:
            return await asyncio.wait_for(self._reader.read(), 20)
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def smtp_door(
    log: Log, data: Path, free: float = 1.0, check: SenderCheck | None = None, **settings: object
) -> AsyncIterator["Door"]:
    """A connector for support@desk.example on a port of its own."""
    config = Config.model_validate(
        {
            "smtp": {"listen": "127.0.0.1:0", **settings},
            "mailbox": [{"address": SUPPORT, "aliases": ["help@desk.example"], "via": ["list@groups.example"]}],
        }
    )
    publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: free))
    connector = SmtpConnector(config, publisher, check=check)
    address = await connector.start()
    door = Door(connector, int(address.rpartition(":")[2]))
    try:
        yield door
    finally:
        for client in door.clients:
            await client.close()
        await connector.stop()


class Door:
    """A running connector and who came to it."""

    def __init__(self, connector: SmtpConnector, port: int) -> None:
        self.connector = connector
        self.port = port
        self.clients: list[Client] = []

    async def client(self) -> Client:
        return self.add(*await asyncio.open_connection("127.0.0.1", self.port))

    def add(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
        """A client over a connection of its own."""
        self.clients.append(Client(reader, writer))
        return self.clients[-1]
