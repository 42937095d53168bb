"""Takes mail over SMTP and settles each with 250 once the log holds it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from uuid import uuid4

from aiosmtpd.smtp import Session

from pipeline.config import Config
from pipeline.connectors.clients import bucket
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.lmtp import LmtpSession
from pipeline.connectors.proxy_protocol import Peer
from pipeline.connectors.rate import RateLimit
from pipeline.connectors.recipients import Recipients
from pipeline.connectors.sender_check import SenderCheck
from pipeline.connectors.smtp_entrances import Entrance, Entrances
from pipeline.connectors.smtp_protocol import SessionLimits, SmtpSession, Transaction, ip_of
from pipeline.connectors.smtp_tls import EncryptableSession, ShownCertificate
from pipeline.errors import Reject
from pipeline.parse.keys import header_ids
from pipeline.wire import Envelope

STOP_SECONDS = 5.0
"""How long mails that are being sent or published may take when we stop."""

_SIZE_SLACK = 65_536


class SmtpConnector:
    """Listens for mail servers; one mail is one envelope, however many of our addresses it names."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        now: Callable[[], datetime] = utc_now,
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
        certificate, key = self._settings.certificate, self._settings.key
        self._certificate = ShownCertificate(certificate, key) if certificate and key else None
        self._requires_tls = self._settings.starttls == "required"
        self._connects = RateLimit(self._settings.connects_per_minute)
        self._entrances = Entrances(
            self._settings, self._certificate, lambda entrance, peer: _Door(self, entrance, peer), self._may_connect
        )
        self._idle = asyncio.Event()
        self._limits = SessionLimits(
            max_size=self._settings.max_size,
            command_timeout=self._settings.command_timeout,
            data_timeout=self._settings.data_timeout,
        )

    async def start(self) -> str:
        """Begin to listen; returns the address as HOST:PORT."""
        await self._entrances.open()
        return self.addresses[Entrance.SMTP]

    @property
    def addresses(self) -> Mapping[Entrance, str]:
        """Where mail comes in, by what is spoken there."""
        return self._entrances.addresses

    async def stop(self) -> None:
        """Take nothing new, let the mails under way end for some seconds, close the rest."""
        await self._entrances.close()
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
        if self._check is not None:
            self._check.close()

    # ---- connections

    def admit(self, transport: asyncio.Transport, entrance: Entrance, told: Peer | None) -> None:
        """Begin a session, or refuse with 421 when there are too many; `told` is the client behind a proxy."""
        address = bucket(ip_of(told or transport.get_extra_info("peername")))
        if not self._entrances.are_open:
            self._turn_away(transport, "4.3.2 Going down, come back soon", "going down")
        elif told is None and self._connects.wait(address):
            self._turn_away(transport, "4.7.0 You connect too often, come back in a minute", "too many connects")
        elif len(self._sessions) >= self._settings.max_connections:
            self._turn_away(transport, "4.3.2 Too many connections, try again later", "too many connections")
        elif self._per_address[address] >= self._settings.max_connections_per_address:
            self._turn_away(transport, "4.7.0 Too many connections from you", "too many connections from one address")
        else:
            session = self._session(entrance)
            self._sessions.add(session)
            self._per_address[address] += 1
            transport.set_protocol(session)
            session.connection_made(transport)
            if told is not None:
                cast(Session, session.session).peer = cast(str, told)  # asyncio's pair, whatever aiosmtpd calls it

    def _session(self, entrance: Entrance) -> EncryptableSession:
        kind = LmtpSession if entrance is Entrance.LMTP else EncryptableSession
        return kind(
            self,
            hostname=self._hostname,
            limits=self._limits,
            gone=self._left,
            certificate=None if entrance is Entrance.LMTP else self._certificate,
            encrypted=entrance is Entrance.SMTPS,
        )

    def _may_connect(self, ip: str) -> bool:
        """Whether this client has not come too often lately; asked once for each connection."""
        allowed = not self._connects.wait(bucket(ip))
        if not allowed:
            self.health.refused["too many connects"] += 1
        return allowed

    def _turn_away(self, transport: asyncio.Transport, farewell: str, reason: str) -> None:
        self.health.refused[reason] += 1
        transport.write(f"421 {farewell}\r\n".encode())
        transport.close()

    def _left(self, session: SmtpSession) -> None:
        self._sessions.discard(session)
        address = bucket(session.peer)
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]
        self._idle.set()

    # ---- what aiosmtpd asks of its handler

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds its hooks by these names
        self, server: EncryptableSession, session: Session, envelope: Transaction, hostname: str, responses: list[str]
    ) -> list[str]:
        """Announce that commands may come in one packet, and what else we can."""
        del envelope
        session.host_name = hostname
        encryption = ["250-STARTTLS"] if server.may_encrypt else []
        return [*responses[:-1], "250-PIPELINING", *encryption, responses[-1]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: EncryptableSession, session: Session, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        """Begin a mail; the null sender is welcome. A sender that announced a size is held to about twice of it."""
        del session
        if self._requires_tls and server.may_encrypt:
            raise self._refusal(530, "5.7.0 Must issue a STARTTLS command first", "not encrypted")
        announced = next((int(option[5:]) for option in options if option.startswith("SIZE=")), 0)
        limit = self._settings.max_size
        envelope.size_limit = min(limit, 2 * announced + _SIZE_SLACK) if announced else limit
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: EncryptableSession, session: Session, envelope: Transaction, address: str, options: list[str]
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
        self, server: EncryptableSession, session: Session, envelope: Transaction, raw: bytes
    ) -> str:
        """Publish the mail. Raises what the publisher raises, and then the mail was not taken."""
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
        if self._check is not None:
            authserv = envelope.mailboxes[0].authserv
            found = await self._check.found_out(raw, ip=peer, helo=helo, mail_from=mail_from, authserv=authserv)
            if found is not None:
                facts["authresults"] = str(found)
        if server.encrypted:
            facts["tls"] = server.tls_version or ""
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

    def __init__(self, connector: SmtpConnector, entrance: Entrance, told: Peer | None) -> None:
        self._connector = connector
        self._entrance = entrance
        self._told = told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connector.admit(cast(asyncio.Transport, transport), self._entrance, self._told)
