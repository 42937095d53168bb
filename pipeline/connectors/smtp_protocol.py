"""One SMTP connection: aiosmtpd's commands behind a command loop that is strict about line ends and time."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from pipeline.config.channels import Mailbox
from pipeline.connectors.smtp_data import DataReader
from pipeline.errors import Reject, Retry

COMMAND_LIMIT = 2048
"""Bytes of a command line; RFC 5321 asks for 512, extensions add some."""

JUNK_LIMIT = 100
"""Commands in a row that bring no mail: after so many a client is told to come back later."""

BYTES_PER_SECOND = 8192
"""A sender slower than this, beyond `data_timeout`, is cut."""

AHEAD = 524_288
"""Bytes that a client may be ahead of what we looked at before we stop reading from it."""

_PLAIN_PATH = re.compile(r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+)>(?: +(.*))?")
_AFTER_PUBLISHING = 3600.0
"""While the log is asked, its own time-out counts, not the client's."""


class Transaction(Envelope):
    """What MAIL and RCPT said so far."""

    def __init__(self) -> None:
        super().__init__()
        self.size_limit = 0
        self.mailboxes: list[Mailbox] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How much one connection may ask of us; times in seconds, sizes in bytes."""

    max_size: int
    command_timeout: float
    data_timeout: float


class SmtpSession(SMTP):
    """Speaks SMTP with one client.

    What differs from aiosmtpd: lines end with CR LF only; DATA is looked at as it comes, not by line; one timer watches
    all waiting; a client that closes its sending side still gets its answers; no error text leaves the process.
    """

    def __init__(
        self, handler: object, *, hostname: str, limits: SessionLimits, gone: Callable[["SmtpSession"], None]
    ) -> None:
        super().__init__(
            handler,
            hostname=hostname,
            ident="ESMTP Casestream",
            data_size_limit=limits.max_size,
            enable_SMTPUTF8=True,
            timeout=limits.command_timeout,
            loop=asyncio.get_running_loop(),
        )
        self.busy = False
        self._limits = limits
        self._gone = gone
        self._inbox = bytearray()
        self._unseen = 0
        self._ended = False
        self._arrival: asyncio.Future[None] | None = None
        self._junk = 0
        self._deadline = 0.0
        self._closing = False

    @property
    def mail(self) -> Transaction:
        """What MAIL and RCPT said so far."""
        return cast(Transaction, self.envelope)

    @property
    def peer(self) -> str:
        """The address of the client, without its port."""
        return ip_of(cast(Session, self.session).peer)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone, whoever closed it."""
        super().connection_lost(error)
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        """Take what comes; after the farewell, only so that the client can read it."""
        if self._closing:
            return
        self._inbox += data
        self._unseen += len(data)
        if self._unseen > AHEAD:
            cast(asyncio.Transport, self.transport).pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Nothing more will come, but what came is still answered."""
        self._ended = True
        self._wake()
        return not self._closing

    def _wake(self) -> None:
        if self._arrival is not None:
            if not self._arrival.done():
                self._arrival.set_result(None)
            self._arrival = None

    def dismiss(self, farewell: str) -> None:
        """Say why, then close; a client that does not read it is cut a little later."""
        if self.transport is None or self._closing:
            return
        self._closing = True
        transport = cast(asyncio.Transport, self.transport)
        if transport.is_closing():
            return
        transport.write(farewell.encode() + b"\r\n")
        try:
            transport.write_eof()  # closing with bytes unread would reset the connection, and the reason would be lost
            transport.resume_reading()
        except OSError:  # the client is gone already
            transport.abort()
            return
        self.loop.call_later(2.0, transport.abort)

    async def push(self, status: str | bytes) -> None:
        """Answer the client; what cannot be written as UTF-8 is replaced."""
        if self._closing:
            return
        self._writer.write((status.encode("utf-8", "replace") if isinstance(status, str) else status) + b"\r\n")
        await self._writer.drain()

    # ---- time

    def _reset_timeout(self, duration: float | None = None) -> None:
        self._deadline = self.loop.time() + (duration or self._limits.command_timeout)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_later(self._tick(), self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() >= self._deadline:
            self.dismiss("421 4.4.2 Timeout, come back when you are ready")
        else:
            self._timeout_handle = self.loop.call_later(self._tick(), self._timeout_cb)

    def _tick(self) -> float:
        return min(self._limits.command_timeout, self._limits.data_timeout) / 4

    # ---- commands

    async def _handle_client(self) -> None:
        try:
            await self.push(f"220 {self.hostname} {self.__ident__}")
            while not self._closing and (line := await self._command()) is not None:
                await self._obey(line)
        except ConnectionError:
            pass
        finally:
            if self.transport is not None and not self._closing:
                self.transport.close()

    async def _command(self) -> bytes | None:
        """The next line with its end; None at the end of the connection. Of an overlong one, its last piece."""
        self._reset_timeout()
        start = 0
        while (end := self._inbox.find(b"\n", start)) < 0:
            start = len(self._inbox)
            if start > COMMAND_LIMIT:
                del self._inbox[: start - COMMAND_LIMIT - 1]
                start = COMMAND_LIMIT + 1
            if not await self._more():
                return None
        line = bytes(memoryview(self._inbox)[: end + 1])
        del self._inbox[: end + 1]
        return line

    async def _more(self) -> bool:
        """Wait for more than what was looked at; False when nothing will come."""
        if not self._unseen and not self._ended:
            self._arrival = self.loop.create_future()
            await self._arrival
        more = self._unseen > 0
        if self._unseen > AHEAD:
            cast(asyncio.Transport, self.transport).resume_reading()
        self._unseen = 0
        return more

    async def _obey(self, line: bytes) -> None:
        self._junk += 1
        if self._junk > JUNK_LIMIT + len(self.mail.rcpt_tos):
            self.dismiss("421 4.7.0 Too many commands without a mail")
            return
        try:
            verb, argument = _read_command(line)
            await self._smtp_methods.get(verb, _unknown)(argument)
        except Reject as refusal:
            await self.push(f"{refusal.status} {refusal.message}")
        except Retry as trouble:
            await self.push(f"451 4.3.0 Try again later: {trouble}")
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the client may try again and the others go on
            structlog.get_logger().exception("smtp.unexpected", peer=self.peer)
            await self.push("451 4.3.0 Something went wrong here, try again later")

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address and what follows it; aiosmtpd's own, slow reader only for what is unusual."""
        if plain := _PLAIN_PATH.fullmatch(arg):
            return plain[1], plain[2] or ""
        if arg.startswith("<>"):
            return "<>", arg[2:].strip()
        if arg.lower() == "<postmaster>":
            return "postmaster", ""
        try:
            address, rest = super()._getaddr(arg)
        except Exception:  # noqa: BLE001 - the reader of the standard library fails in many ways on broken addresses
            return None, None
        return address, rest

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by these names
        """RCPT, which does not count as junk when it was good."""
        before = len(self.mail.rcpt_tos)
        await super().smtp_RCPT(arg)
        if len(self.mail.rcpt_tos) > before:
            self._junk -= 1

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: ARG002, N802 - aiosmtpd's signature
        """Never says who exists."""
        await self.push("252 2.5.2 Send some mail, we will try")

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: ARG002, N802 - aiosmtpd's signature
        """There is nobody to log in here."""
        await self.push("502 5.5.1 No authentication here")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Take one mail and hand it to the connector; 250 comes after the log has it."""
        if await self.check_helo_needed():
            return
        if arg:
            raise Reject(501, "5.5.4 Syntax: DATA")
        if not self.mail.rcpt_tos:
            raise Reject(503, "5.5.1 RCPT first")
        self.busy = True
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            raw = await self._mail()
            if raw is None:
                return
            self._reset_timeout(_AFTER_PUBLISHING)
            status = await self._call_handler_hook("DATA", raw)
            self._junk = 0
            await self.push(status)
        finally:
            self.busy = False
            self.envelope = self._create_envelope()

    async def _mail(self) -> bytes | None:
        """The mail that was sent; None when the connection ended before it did. Raises Reject."""
        reader = DataReader(self.mail.size_limit or self._limits.max_size)
        began = self.loop.time()
        while not reader.feed(self._inbox):
            if reader.hopeless:
                self.dismiss("552 5.3.4 Far more than we take")
                return None
            allowed = self._limits.data_timeout + reader.received / BYTES_PER_SECOND
            self._reset_timeout(began + allowed - self.loop.time())
            if not await self._more():
                return None
        return reader.message()

    def _create_envelope(self) -> Transaction:
        return Transaction()


async def _unknown(_: str | None) -> None:
    raise Reject(500, "5.5.1 Command not recognized")


def ip_of(peer: object) -> str:
    """The address in what a transport calls its peer."""
    return str(peer[0]) if isinstance(peer, tuple) else "local"


def _read_command(line: bytes) -> tuple[str, str | None]:
    """The verb and its argument. Raises Reject when it is no line of SMTP."""
    if len(line) > COMMAND_LIMIT:
        raise Reject(500, "5.5.2 Line too long")
    if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
        raise Reject(500, "5.5.2 A line ends with CR LF, and holds neither of them nor NUL")
    verb, _, argument = line[:-2].partition(b" ")
    if not verb.isalpha():
        raise Reject(500, "5.5.2 Bad syntax")
    return verb.decode("ascii").upper(), argument.strip().decode("utf-8", "surrogateescape") or None
