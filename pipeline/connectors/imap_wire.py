"""imapclient over a connection that is bounded: in time, in bytes, in what one answer may announce."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS

from pipeline.errors import Retry


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds that a server has: to take a connection, to say anything, to answer beside what the size allows."""

    connect: float = 20.0
    silence: float = 25.0
    answer: float = 60.0


_BYTES_PER_SECOND = 20_000
_LONGEST_LINE = 16_777_216
_ROOM = 4_194_304
_AT_ONCE = 65_536


class TooLarge(Retry):
    """The server began to send more than it said it would; the connection is of no use any more."""


class _Bounds:
    """Reads for imaplib, whose `read` and `readline` may be overridden, with a buffer of our own.

    imaplib itself reads a literal of any size, and waits for ever on a server that sends one byte now and then.
    """

    sock: socket.socket

    def __init__(self, on_socket: Callable[[socket.socket], None], answer: float, *arguments: object) -> None:
        self.held = bytearray()
        self._on_socket = on_socket
        self._answer_seconds = answer
        self.allow(0)
        super().__init__(*arguments)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        created: socket.socket = super()._create_socket(timeout)  # type: ignore[misc]  # imaplib has it
        self._on_socket(created)
        return created

    def allow(self, size: int, seconds: float = 0) -> None:
        """Let the next answers bring so many bytes beside their words, and take so many seconds beside the usual."""
        self._left = size + _ROOM
        self._until = time.monotonic() + self._answer_seconds + seconds

    def read(self, size: int) -> bytes:
        """A literal of that size."""
        self._spend(size)
        while len(self.held) < size:
            if not self._more(max(_AT_ONCE, size - len(self.held))):
                return b""
        return self._taken(size)

    def readline(self) -> bytes:
        """A line with its end; nothing when the connection is closed, or cannot block and has no whole line."""
        searched = 0
        while (end := self.held.find(b"\n", searched)) < 0:
            searched = len(self.held)
            if searched > _LONGEST_LINE:
                raise TooLarge("the server sends a line without end")
            if not self._more(_AT_ONCE):
                return b""
        self._spend(end)
        return self._taken(end + 1)

    def _more(self, size: int) -> bool:
        if time.monotonic() > self._until:
            raise TimeoutError("the server's answer takes too long")
        found = self.sock.recv(min(size, 1_048_576))
        self.held += found
        return bool(found)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLarge("the server sends more bytes than it said the mail has")

    def _taken(self, size: int) -> bytes:
        with memoryview(self.held) as held, held[:size] as wanted:
            taken = bytes(wanted)  # copied once: it may be 25 MB
        del self.held[:size]
        return taken


class _Tls(_Bounds, IMAP4_TLS):  # type: ignore[misc]  # imapclient ships no types
    pass


class _Plain(_Bounds, IMAP4WithTimeout):  # type: ignore[misc]  # imapclient ships no types
    pass


class BoundedClient(IMAPClient):  # type: ignore[misc]  # imapclient ships no types
    """One connection; what it raises is OSError, imaplib's errors, or TooLarge.

    `on_socket` is given each socket before it is used, so that another thread can close it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: bool,
        context: ssl.SSLContext,
        on_socket: Callable[[socket.socket], None],
        patience: Patience,
    ) -> None:
        self._on_socket = on_socket
        self._patience = patience
        timeout = SocketTimeout(patience.connect, patience.silence)
        super().__init__(host, port, ssl=tls, ssl_context=context, timeout=timeout)
        self._imap.debug = 0  # imapclient asks for a description of every line, only to drop it
        self.normalise_times = False

    def allow_words(self, seconds: float = 0) -> None:
        """Let the next command's answer be words; what was said unasked until now is forgotten."""
        self._imap.untagged_responses.clear()
        self._imap.allow(_LONGEST_LINE, seconds)

    def allow_bytes(self, size: int) -> None:
        """Let the next command's answer bring so many bytes, and take as long as they may; else the same."""
        self._imap.untagged_responses.clear()
        self._imap.allow(size, size / _BYTES_PER_SECOND)

    def forget_capabilities(self) -> None:
        """Have them asked for again: what a server can do is another matter once it knows who we are."""
        self._cached_capabilities = None

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:  # noqa: ANN401  # as imapclient has it
        """Go on in TLS; what was sent in the clear behind the answer is an attack, and ends the connection."""
        answer = super().starttls(ssl_context)
        if self._imap.held:
            raise ConnectionAbortedError("the server sent more before TLS began")
        self._on_socket(self._imap.sock)
        return answer

    def _create_IMAP4(self) -> Any:  # noqa: ANN401, N802  # imapclient's name, and it has no types
        told, patience = self._on_socket, self._patience
        if self.ssl:
            return _Tls(told, patience.answer, self.host, self.port, self.ssl_context, patience.connect)
        return _Plain(told, patience.answer, self.host, self.port, patience.connect)

    def _poll_socket(self, sock: socket.socket, timeout: float | None = None) -> Any:  # noqa: ANN401  # no types
        """What is held already was said too: the kernel would not tell of it."""
        pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        if self._imap.held or pending:
            return True
        return super()._poll_socket(sock, timeout)


def hang_up(sock: socket.socket | None) -> None:
    """Make every call on the socket return, from whatever thread."""
    if sock is not None:
        with contextlib.suppress(OSError):
            # Of the plain class: an SSL socket's own would take its state from under the thread that uses it.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
