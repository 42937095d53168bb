"""A smarthost of the test's own on a real port: takes mail, or answers what it is told to."""

# ruff: noqa: ARG002, N802  # its methods are called as aiosmtpd calls them

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from pipeline.embedded import ports

LOSE = "lose"
"""Instead of an answer: the connection is cut."""


@dataclass(slots=True)
class Took:
    """A mail as it was handed over; `by` numbers the connection."""

    sender: str | None
    recipients: list[str]
    raw: bytes
    by: int
    options: list[str] = field(default_factory=list)


class Sink:
    """`answers` by stage (MAIL, RCPT, DATA) are given one after the other before the usual ones."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        utf8: bool = True,
        login: tuple[str, str] | None = None,
        before_answer: Callable[[], None] | None = None,
    ) -> None:
        self.took: list[Took] = []
        self.answers: dict[str, deque[str]] = {"MAIL": deque(), "RCPT": deque(), "DATA": deque()}
        self.connections = 0
        self._before_answer = before_answer
        settings: dict[str, Any] = {"enable_SMTPUTF8": utf8, "data_size_limit": 1_000_000}
        if tls is not None:
            settings |= {"tls_context": tls}
        if login is not None:
            settings |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": tls is not None,
            }
        self._login = login
        self._controller = Controller(self, hostname="127.0.0.1", port=port or ports.free(), **settings)
        self._controller.start()

    @property
    def port(self) -> int:
        return self._controller.port

    def stop(self) -> None:
        self._controller.stop(no_assert=True)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._login, handled=False)

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        if not hasattr(session, "number"):
            self.connections += 1
            session.number = self.connections  # type: ignore[attr-defined]  # a session bears what one puts there
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (told := self._told("MAIL", server)) is not None:
            return told
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if (told := self._told("RCPT", server)) is not None:
            return told
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)
        told = self._told("DATA", server)
        if told is None or told == LOSE:
            number: int = session.number  # type: ignore[attr-defined]  # as above
            sender = "" if envelope.mail_from == "<>" else envelope.mail_from
            self.took.append(Took(sender, envelope.rcpt_tos, raw, number, list(envelope.mail_options)))
        if self._before_answer is not None:
            self._before_answer()
        return told or "250 2.0.0 queued"

    def _told(self, stage: str, server: SMTP) -> str | None:
        if not self.answers[stage]:
            return None
        told = self.answers[stage].popleft()
        if told == LOSE:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return told
