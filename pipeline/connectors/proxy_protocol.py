"""Who a client is when a proxy stands before us that says so.

Source: The PROXY protocol, versions 1 and 2, of HAProxy (doc/proxy-protocol.txt).
"""

from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

Receive = Callable[[int], Awaitable[bytes]]
"""Gives exactly so many bytes of what comes. Raises EOFError."""

Peer = tuple[str, int]

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIRST = len(_SIGNATURE)
_LONGEST_LINE = 107
_VERSION_2 = 2
_LOCAL, _PROXY = 0, 1
_SIZES = {0x11: (4, IPv4Address), 0x21: (16, IPv6Address)}
_FIELDS = 6


async def read_header(receive: Receive) -> Peer | None:
    """The client that the proxy speaks for; None when it speaks for itself, or does not know. Reads the header alone.

    Raises ValueError when it is no header, EOFError when it is not complete.
    """
    first = await receive(_FIRST)
    if first == _SIGNATURE:
        return await _version_2(receive)
    if first.startswith(b"PROXY "):
        return await _version_1(first, receive)
    raise ValueError("the proxy sends no PROXY header")


async def _version_1(line: bytes, receive: Receive) -> Peer | None:
    while not line.endswith(b"\r\n"):
        if len(line) >= _LONGEST_LINE:
            raise ValueError("the PROXY header does not end")
        line += await receive(1)
    fields = line[:-2].decode("ascii").split(" ")
    if fields[1] == "UNKNOWN":
        return None
    if len(fields) != _FIELDS or fields[1] not in {"TCP4", "TCP6"}:
        raise ValueError("the PROXY header has not the form of version 1")
    return _peer(fields[2], fields[4], version=int(fields[1][-1]))


def _peer(address: str, port: str, *, version: int) -> Peer:
    found = ip_address(address)
    if found.version != version or not port.isdecimal() or int(port) > 0xFFFF:  # noqa: PLR2004  # the highest port
        raise ValueError("the PROXY header names no such client")
    return str(found), int(port)


async def _version_2(receive: Receive) -> Peer | None:
    head = await receive(4)
    version, command, kind = head[0] >> 4, head[0] & 15, head[1]
    length = int.from_bytes(head[2:4])
    if version != _VERSION_2 or command not in (_LOCAL, _PROXY):
        raise ValueError("the PROXY header has not the form of version 2")
    rest = await receive(length) if length else b""
    if command == _LOCAL or kind not in _SIZES:
        return None
    size, family = _SIZES[kind]
    if length < 2 * size + 4:
        raise ValueError("the PROXY header is too short for its addresses")
    return str(family(rest[:size])), int.from_bytes(rest[2 * size : 2 * size + 2])
