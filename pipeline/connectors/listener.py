"""Accepts connections before whose first byte of SMTP something must happen: a PROXY header, a handshake of TLS."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from ssl import SSLContext

import structlog

from pipeline.connectors.proxy_protocol import Peer, read_header

HEADER_SECONDS = 5.0
HANDSHAKE_SECONDS = 20.0
MAX_BEGINNING = 500
"""Connections that may be on their way in; more wait in the system's backlog."""

MakeProtocol = Callable[[Peer], asyncio.BaseProtocol]


class Listener:
    """Listens on one address, and hands each connection on with the client that stands behind it.

    A peer in `proxies` must say who its client is; all others are who they are. `admits` is asked before any work is
    done for a client, `context` gives what a session is encrypted with.
    """

    def __init__(
        self,
        make: MakeProtocol,
        *,
        proxies: Sequence[str] = (),
        context: Callable[[], SSLContext] | None = None,
        admits: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._make = make
        self._proxies = tuple(map(ip_network, proxies))
        self._context = context
        self._admits = admits
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._beginning: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAX_BEGINNING)

    async def start(self, host: str, port: int, backlog: int) -> int:
        """Begin to listen; returns the port."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(backlog)
        except OSError:
            listening.close()
            raise
        listening.setblocking(False)  # noqa: FBT003  # its only form
        self._socket = listening
        self._accepting = asyncio.create_task(self._accept(listening))
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Accept nothing new, and drop what had not begun."""
        tasks = [*self._beginning, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:  # a client that is gone, or no descriptor left
                self._room.release()
                structlog.get_logger().warning("smtp.accept_failed", reason=str(error))
                await asyncio.sleep(0.1)
                continue
            task = asyncio.create_task(self._begin(connection, address))
            self._beginning.add(task)
            task.add_done_callback(self._begun)

    def _begun(self, task: asyncio.Task[None]) -> None:
        self._beginning.discard(task)
        self._room.release()

    async def _begin(self, connection: socket.socket, address: Peer) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection.setblocking(False)  # noqa: FBT003  # its only form
            peer = await self._behind(connection, (str(address[0]), int(address[1])))
            if not self._admits(peer[0]):
                connection.close()
                return
            context = self._context() if self._context else None
            await loop.connect_accepted_socket(
                lambda: self._make(peer),
                connection,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
            )
        except (OSError, ValueError, EOFError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            structlog.get_logger().info("smtp.not_begun", peer=address[0], reason=str(error) or type(error).__name__)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _behind(self, connection: socket.socket, address: Peer) -> Peer:
        if not self._is_proxy(address[0]):
            return address
        loop = asyncio.get_running_loop()

        async def receive(size: int) -> bytes:
            found = b""
            while len(found) < size:
                more = await loop.sock_recv(connection, size - len(found))
                if not more:
                    raise EOFError("the PROXY header is not complete")
                found += more
            return found

        async with asyncio.timeout(HEADER_SECONDS):
            return await read_header(receive) or address

    def _is_proxy(self, host: str) -> bool:
        if not self._proxies:
            return False
        address = ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in proxy for proxy in self._proxies)
