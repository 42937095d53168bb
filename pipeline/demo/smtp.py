"""Speaks SMTP as a mail server that delivers: one kept session, one mail after the other."""

import asyncio
import contextlib

from pipeline.errors import Reject, Retry

_PATIENCE = 30.0
_TEMPORARY = 500


class SmtpSession:
    """A session that connects when it must. After a lost connection the next mail gets a new one."""

    def __init__(self, host: str, port: int, helo: str) -> None:
        self._host = host
        self._port = port
        self._helo = helo
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def deliver(self, sender: str, recipient: str, mail: bytes) -> None:
        """Return once the server said 250 to the whole mail.

        Raises Retry on a 4xx or a lost connection (it may have the mail nevertheless), Reject on a 5xx.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._deliver(sender, recipient, mail)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Retry(f"the connection is lost: {error!r}") from error
        except (Retry, Reject):
            self.close()
            raise

    async def quit(self) -> None:
        """End the session as one should."""
        if self._streams is not None:
            with contextlib.suppress(OSError, EOFError, TimeoutError, Retry, Reject):
                async with asyncio.timeout(1):
                    await self._ask("QUIT", 221)
            self.close()

    def close(self) -> None:
        """Cut the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _deliver(self, sender: str, recipient: str, mail: bytes) -> None:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            await self._hear(220)
            await self._ask(f"EHLO {self._helo}", 250)
        await self._ask(f"MAIL FROM:<{sender}>", 250)
        await self._ask(f"RCPT TO:<{recipient}>", 250)
        await self._ask("DATA", 354)
        await self._say(stuffed(mail))
        await self._hear(250)

    async def _ask(self, command: str, expected: int) -> None:
        await self._say(f"{command}\r\n".encode())
        await self._hear(expected)

    async def _say(self, data: bytes) -> None:
        _, writer = self._connected()
        writer.write(data)
        await writer.drain()

    async def _hear(self, expected: int) -> None:
        reader, _ = self._connected()
        while True:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the server hung up")
            if line[3:4] != b"-":
                break
        code, says = int(line[:3]), line.decode("ascii", "replace").strip()
        if code == expected:
            return
        if code < _TEMPORARY:
            raise Retry(says)
        raise Reject(code, says)

    def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise EOFError("the session is closed")
        return self._streams


def stuffed(mail: bytes) -> bytes:
    """The mail as it follows DATA: lines that begin with a dot get another one, and a dot alone ends it."""
    lines = mail.removesuffix(b"\r\n").split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"
