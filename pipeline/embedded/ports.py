"""Ports of this machine: free ones, taken ones, and who took them."""

import errno
import socket
from collections.abc import Iterable

import psutil


def split(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, the host without the brackets of an IPv6 address."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises OSError when the host is not one of ours."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free(host: str = "127.0.0.1", *, avoid: Iterable[int] = (), first: int | None = None) -> int:
    """A free port; `first`, if that is one."""
    if first is not None and first not in avoid and is_free(host, first):
        return first
    while True:
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            port: int = probe.getsockname()[1]
        if port not in avoid:
            return port


def holder(port: int) -> str:
    """Who listens on a port, as a phrase; empty when the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    except psutil.Error:
        pass
    return ""
