"""Connects to public addresses only: looks a name up once, and calls that very address."""

import ssl
from collections.abc import Iterable

import httpcore
import httpx

from pipeline.domain.public_addresses import Networks
from pipeline.egress import Resolve, public_addresses, resolve

CONNECTIONS = 50
"""To one host and port at a time."""

_IDLE_S = 15.0

_EACH_S = 3.0
"""For one of several addresses: one that does not answer leaves time for the next."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Looks at what a name leads to where the connection is made, so that no second answer can lead elsewhere.

    The Host header and TLS keep the name: the certificate must be that of the name.
    """

    def __init__(self, allowed: Networks, resolving: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolving
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes it. Raises NotPublic and NoAddress."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        addresses = await public_addresses(host, port, self._allowed, self._resolve)
        for address in addresses:
            within = timeout if address == addresses[-1] else _EACH_S
            try:
                return await self._plain.connect_tcp(address, port, within, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        """As httpcore wants it."""
        await self._plain.sleep(seconds)


def connections(
    allowed: Networks, tls: ssl.SSLContext | None = None, resolving: Resolve = resolve
) -> httpcore.AsyncConnectionPool:
    """Connections to one host and port, kept for a while; certificates are verified, no proxy is asked."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls or _verified(),
        max_connections=CONNECTIONS,
        max_keepalive_connections=CONNECTIONS,
        keepalive_expiry=_IDLE_S,
        http1=True,
        http2=False,
        retries=0,
        network_backend=GuardedBackend(allowed, resolving),
    )


def _verified() -> ssl.SSLContext:
    return httpx.create_ssl_context()
