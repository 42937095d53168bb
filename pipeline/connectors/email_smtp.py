"""Takes mail over SMTP and settles each with 250 once the log holds it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from aiosmtpd.smtp import Session

from pipeline.config import Config
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.recipients import Recipients
from pipeline.connectors.sender_check import SenderCheck
from pipeline.connectors.smtp_protocol import SessionLimits, SmtpSession, Transaction, ip_of
from pipeline.errors import Reject
from pipeline.parse.keys import header_ids
from pipeline.wire import Envelope

STOP_SECONDS = 5.0
"""How long mails that are being sent or published may take when we stop."""

_SIZE_SLACK = 65_536
_BACKLOG = 1024


class SmtpConnector:
    """Listens for mail servers; one mail is one envelope, however many of our addresses it names."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        check: SenderCheck | None = None,
    ) -> None:
        self.health = Health()
        self._settings = config.smtp
        self._hostname = config.desk.domain
        self._recipients = Recipients(config.mailbox)
        self._publisher = publisher
        self._now = now
        self._check = check
        self._sessions: set[SmtpSession] = set()
        self._per_address: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._limits = SessionLimits(
            max_size=self._settings.max_size,
            command_timeout=self._settings.command_timeout,
            data_timeout=self._settings.data_timeout,
        )

    async def start(self) -> str:
        """Begin to listen; returns the address as HOST:PORT."""
        host, _, port = self._settings.listen.rpartition(":")
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Door(self), host.strip("[]"), int(port), backlog=_BACKLOG)
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Take nothing new, let the mails under way end for some seconds, close the rest."""
        if self._server is not None:
            self._server.close()
        for session in [session for session in self._sessions if not session.busy]:
            session.dismiss("421 4.3.2 Going down, come back soon")
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while self._sessions:
                    self._idle.clear()
                    await self._idle.wait()
                    for session in [session for session in self._sessions if not session.busy]:
                        session.dismiss("421 4.3.2 Going down, come back soon")
        except TimeoutError:
            for session in list(self._sessions):
                session.dismiss("421 4.3.2 Going down, come back soon")

    # ---- connections

    def admit(self, transport: asyncio.Transport) -> None:
        """Begin a session, or refuse with 421 when there are too many."""
        address = ip_of(transport.get_extra_info("peername"))
        if self._server is None or not self._server.is_serving():
            self._turn_away(transport, "4.3.2 Going down, come back soon", "going down")
        elif len(self._sessions) >= self._settings.max_connections:
            self._turn_away(transport, "4.3.2 Too many connections, try again later", "too many connections")
        elif self._per_address[address] >= self._settings.max_connections_per_address:
            self._turn_away(transport, "4.7.0 Too many connections from you", "too many connections from one address")
        else:
            session = SmtpSession(self, hostname=self._hostname, limits=self._limits, gone=self._left)
            self._sessions.add(session)
            self._per_address[address] += 1
            transport.set_protocol(session)
            session.connection_made(transport)

    def _turn_away(self, transport: asyncio.Transport, farewell: str, reason: str) -> None:
        self.health.refused[reason] += 1
        transport.write(f"421 {farewell}\r\n".encode())
        transport.close()

    def _left(self, session: SmtpSession) -> None:
        self._sessions.discard(session)
        address = session.peer
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]
        self._idle.set()

    # ---- what aiosmtpd asks of its handler

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds its hooks by these names
        self, server: SmtpSession, session: Session, envelope: Transaction, hostname: str, responses: list[str]
    ) -> list[str]:
        """Announce that commands may come in one packet."""
        del server, envelope
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SmtpSession, session: Session, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        """Begin a mail; the null sender is welcome. A sender that announced a size is held to about twice of it."""
        del server, session
        announced = next((int(option[5:]) for option in options if option.startswith("SIZE=")), 0)
        limit = self._settings.max_size
        envelope.size_limit = min(limit, 2 * announced + _SIZE_SLACK) if announced else limit
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SmtpSession, session: Session, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        """Take a recipient that is ours; all others are refused, so that nobody relays through us."""
        del server, session, options
        mailbox = self._recipients.find(address)
        if mailbox is None and self._recipients.is_ours(address):
            raise self._refusal(550, "5.1.1 No such mailbox here", "unknown recipient")
        if mailbox is None:
            raise self._refusal(550, "5.7.1 We do not relay", "relaying")
        if len(envelope.rcpt_tos) >= self._settings.max_recipients:
            raise self._refusal(
                452, "4.5.3 Too many recipients, send the others in another mail", "too many recipients"
            )
        envelope.rcpt_tos.append(address)
        if mailbox not in envelope.mailboxes:
            envelope.mailboxes.append(mailbox)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SmtpSession, session: Session, envelope: Transaction, raw: bytes
    ) -> str:
        """Publish the mail. Raises what the publisher raises, and then the mail was not taken."""
        del server
        ids = header_ids(raw)
        own = ids.message_id or str(uuid4())
        peer, helo = ip_of(session.peer), str(session.host_name)
        mail_from = "" if envelope.mail_from == "<>" else str(envelope.mail_from)
        facts = {
            "envelopefrom": mail_from,
            "envelopeto": ",".join(envelope.rcpt_tos),
            "remoteip": peer,
            "mailbox": ",".join(mailbox.address for mailbox in envelope.mailboxes),
            "helo": helo,
        }
        if self._check is not None and not self._check.trusts(peer):
            facts["authresults"] = str(await self._check.verdict(raw, ip=peer, helo=helo, mail_from=mail_from))
        receipt = await self._publisher.publish(
            Envelope(
                id=own,
                channel="email",
                source=f"/email/{envelope.mailboxes[0].address}",
                key=ids.conversation(own),
                time=self._now(),
                content_type="message/rfc822",
                raw=raw,
                facts=facts,
            ),
            self.health,
        )
        return f"250 2.0.0 Ok: {receipt.id}" if receipt.id.isascii() else "250 2.0.0 Ok"

    def _refusal(self, status: int, message: str, reason: str) -> Reject:
        self.health.refused[reason] += 1
        return Reject(status, message)


class _Door(asyncio.Protocol):
    """Stands for a connection until it is known who it is; refusing one costs next to nothing."""

    def __init__(self, connector: SmtpConnector) -> None:
        self._connector = connector

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connector.admit(cast(asyncio.Transport, transport))
