"""Encrypts SMTP: the certificate that is shown, and the change from plain to encrypted within a session."""

import asyncio
import ssl
from pathlib import Path
from typing import Any, cast

import structlog
from aiosmtpd.smtp import Session

from pipeline.config.certificates import BadCertificateError, server_context
from pipeline.connectors.smtp_protocol import SmtpSession
from pipeline.errors import Reject, Stop

HANDSHAKE_SECONDS = 20.0
"""How long a client may take until it is encrypted."""

_ABORT_SECONDS = 2.0


class ShownCertificate:
    """The certificate of two files, read anew once they change; of files that do not fit, the last good one stays."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (certificate, key)
        self._seen = self._marks()
        try:
            self._context = server_context(certificate, key)
        except BadCertificateError as error:
            raise Stop(f"[smtp] {error}.") from error

    def context(self) -> ssl.SSLContext:
        """What the next session is encrypted with."""
        if (marks := self._marks()) != self._seen:
            self._seen = marks
            try:
                self._context = server_context(*self._files)
            except BadCertificateError as error:
                structlog.get_logger().error("smtp.certificate_kept", reason=str(error))
            else:
                structlog.get_logger().info("smtp.certificate_read", certificate=self._files[0])
        return self._context

    def _marks(self) -> list[tuple[int, int, int] | None]:
        return [_mark(Path(file)) for file in self._files]


def _mark(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file does, also when another is put in its place."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class EncryptableSession(SmtpSession):
    """A session that is encrypted from its beginning, or from STARTTLS on (RFC 3207), or never."""

    def __init__(self, *args: Any, certificate: ShownCertificate | None, encrypted: bool, **named: Any) -> None:  # noqa: ANN401  # those of any session
        super().__init__(*args, **named)
        self.encrypted = encrypted
        self._certificate = certificate
        self._lost = False
        self._between: asyncio.Transport | None = None

    @property
    def may_encrypt(self) -> bool:
        """Whether STARTTLS can be followed now."""
        return self._certificate is not None and not self.encrypted

    @property
    def tls_version(self) -> str | None:
        """The version of TLS; None for what is not encrypted."""
        found = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        return str(found.version()) if found is not None else None

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by these names
        """Go on encrypted, as if the session had just begun.

        What came before our answer is dropped unread: it was not encrypted, and whoever stands between might have put
        it there.
        """
        if arg:
            raise Reject(501, "5.5.4 Syntax: STARTTLS")
        if self.encrypted:
            raise Reject(503, "5.5.1 This session is encrypted already")
        if self._certificate is None:
            raise Reject(454, "4.7.0 No TLS here")
        plain = cast(asyncio.Transport, self.transport)
        plain.pause_reading()
        self._reset_timeout(HANDSHAKE_SECONDS + _ABORT_SECONDS)
        await self.push("220 2.0.0 Go ahead")
        self._inbox.clear()
        self._unseen = 0
        self._between = plain
        try:
            await self._encrypt(plain, self._certificate.context())
        except (OSError, RuntimeError) as error:  # ssl.SSLError is an OSError; the other is a transport that is closed
            plain.abort()
            self.connection_lost(error if isinstance(error, OSError) else None)
        finally:
            self._between = None

    async def _encrypt(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        transport = await self.loop.start_tls(
            plain, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        if transport is None:
            raise ConnectionAbortedError("the client is gone")
        self.encrypted = True
        self.transport = transport
        self._writer._transport = transport  # type: ignore[attr-defined]  # noqa: SLF001 - as aiosmtpd does it
        peer = cast(Session, self.session).peer
        self.session = self._create_session()  # what was said before counts no more: RFC 3207, 4.2
        self.session.peer = peer
        self.envelope = self._create_envelope()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone; told once, also when that happened between plain and encrypted."""
        if not self._lost:
            self._lost = True
            super().connection_lost(error)

    def eof_received(self) -> bool:
        """Nothing more will come; what is encrypted closes in both directions at once."""
        return super().eof_received() and not self.encrypted

    def dismiss(self, farewell: str) -> None:
        """Say why, then close. On the way to TLS nothing can be said; in it, there is no closing of one direction."""
        if self._between is not None:
            self._between.abort()
            return
        if not self.encrypted:
            super().dismiss(farewell)
            return
        if self.transport is None or self._closing:
            return
        self._closing = True
        transport = cast(asyncio.Transport, self.transport)
        if not transport.is_closing():
            transport.write(farewell.encode() + b"\r\n")
            transport.close()
            self.loop.call_later(_ABORT_SECONDS, transport.abort)
