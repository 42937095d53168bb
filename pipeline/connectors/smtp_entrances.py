"""The ports that mail comes in by: SMTP, SMTP in TLS from the first byte, LMTP."""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from pipeline.config.channels import Smtp
from pipeline.config.values import UNIX
from pipeline.connectors.listener import Listener
from pipeline.connectors.proxy_protocol import Peer
from pipeline.connectors.smtp_tls import ShownCertificate
from pipeline.errors import Stop

BACKLOG = 1024


class Entrance(StrEnum):
    """What is spoken at a port from its first byte on."""

    SMTP = "smtp"
    SMTPS = "smtps"
    LMTP = "lmtp"


Door = Callable[[Entrance, Peer | None], asyncio.Protocol]
"""Stands at an entrance until it is known who comes; a peer that is told is not the one of the connection."""


class Entrances:
    """Opens them all, each as it is configured; `admits` is asked about a client before it costs a handshake."""

    def __init__(
        self, smtp: Smtp, certificate: ShownCertificate | None, door: Door, admits: Callable[[str], bool]
    ) -> None:
        self._smtp = smtp
        self._certificate = certificate
        self._door = door
        self._admits = admits
        self._opened: list[asyncio.Server | Listener] = []
        self.addresses: dict[Entrance, str] = {}
        self.are_open = False

    async def open(self) -> None:
        """Listen everywhere. Raises Stop when that cannot be done."""
        smtp = self._smtp
        self.are_open = True
        wanted = ((Entrance.SMTP, "listen"), (Entrance.SMTPS, "listen_tls"), (Entrance.LMTP, "lmtp"))
        for entrance, key in wanted:
            listen: str | None = getattr(smtp, key)
            if listen is None:
                continue
            try:
                self.addresses[entrance] = await self._listen(entrance, listen)
            except OSError as error:
                await self.close()
                raise Stop(f'[smtp] {key} = "{listen}" cannot be used: {error.strerror or error}.') from error

    async def close(self) -> None:
        """Let nobody in any more."""
        self.are_open = False
        opened, self._opened = self._opened, []
        for entrance in opened:
            if isinstance(entrance, Listener):
                await entrance.stop()
            else:
                entrance.close()

    async def _listen(self, entrance: Entrance, listen: str) -> str:
        if listen.startswith(UNIX):
            path = listen.removeprefix(UNIX)
            unix = await asyncio.get_running_loop().create_unix_server(
                lambda: self._door(entrance, None), path, backlog=BACKLOG
            )
            self._opened.append(unix)
            return listen
        host, _, port = listen.rpartition(":")
        given = int(port)
        encrypted = self._certificate if entrance is Entrance.SMTPS else None
        if encrypted or self._smtp.proxies:
            listener = Listener(
                lambda peer: self._door(entrance, peer),
                proxies=self._smtp.proxies,
                context=encrypted.context if encrypted else None,
                admits=self._admits,
            )
            self._opened.append(listener)
            return f"{host}:{await listener.start(host.strip('[]'), given, BACKLOG)}"
        server = await asyncio.get_running_loop().create_server(
            lambda: self._door(entrance, None), host.strip("[]"), given, backlog=BACKLOG
        )
        self._opened.append(server)
        return f"{host}:{server.sockets[0].getsockname()[1]}"
