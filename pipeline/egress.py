"""Where requests that others asked for may go: to public addresses, looked up once and called as they were found."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pipeline.domain.public_addresses import Networks, why_not_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host as text. Raises NoAddress when there are none."""

MAX_ADDRESSES = 8
"""Of one name; what follows is not tried."""

_LOOKUPS = 16
"""At once: a name server that does not answer keeps its thread for long."""


class NoAddress(Exception):  # noqa: N818  # it says what there is not
    """A host without an address; `final` when a name server said that there is none."""

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.final = final


class NotPublic(Exception):  # noqa: N818  # it says what the address is
    """A host that nothing is sent to; the text says why."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine looks up names. Raises NoAddress."""
    try:
        found = await asyncio.get_running_loop().run_in_executor(
            _threads(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
    except socket.gaierror as error:
        final = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        raise NoAddress(f"{host} has no address: {error.strerror}", final=final) from error
    except UnicodeError as error:
        raise NoAddress(f"{host} is no name of a host", final=True) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def public_addresses(host: str, port: int, allowed: Networks, resolving: Resolve = resolve) -> Sequence[str]:
    """The addresses to connect to. Raises NoAddress and NotPublic.

    One that is not public makes all of them so: a name that leads inside and outside is a trick, or a mistake.
    """
    addresses = (await resolving(host, port))[:MAX_ADDRESSES]
    if not addresses:
        raise NoAddress(f"{host} has no address", final=True)
    for address in addresses:
        if (reason := why_not_public(address, allowed)) is not None:
            raise NotPublic(reason if host == address else f"{host} leads to {address}: {reason}")
    return addresses


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="names")
