"""Who a client is when there may be proxies of ours before us."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

_IPV6_SITE = 64


class Clients:
    """Knows our proxies; only what they say in X-Forwarded-For counts."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._proxies = tuple(ip_network(proxy, strict=False) for proxy in proxies)

    def of(self, request: "Request") -> str:
        """The address of the client of a request."""
        return self.address(_peer(request), ",".join(request.headers.getlist("x-forwarded-for")))

    def scheme_of(self, request: "Request") -> str:
        """Whether the client of a request called by http or https."""
        return self.scheme(_peer(request), request.headers.get("x-forwarded-proto", ""), request.url.scheme)

    def address(self, peer: str, forwarded_for: str) -> str:
        """The address of the client: the last hop that is no proxy of ours."""
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        client = peer
        while hops and self._is_proxy(client):
            hop = hops.pop()
            if _parsed(hop) is None:
                break
            client = hop
        return client

    def scheme(self, peer: str, forwarded_proto: str, own: str) -> str:
        """Whether a client called by http or https: our own view, unless a proxy of ours says what it saw."""
        told = forwarded_proto.rpartition(",")[2].strip().lower()
        return told if told in {"http", "https"} and self._is_proxy(peer) else own

    def _is_proxy(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in proxy for proxy in self._proxies if proxy.version == parsed.version)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks."""
    parsed = _parsed(address)
    known = (ip_network(network, strict=False) for network in networks)
    return parsed is not None and any(parsed in network for network in known if network.version == parsed.version)


def bucket(address: str) -> str:
    """Whose allowance an address uses: its own, or that of its site when it is IPv6 and so has 2⁶⁴ of them."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_SITE), strict=False))
    return address


def _peer(request: "Request") -> str:
    """Who is at the other end of the connection; on a socket of this machine nobody has an address."""
    return request.client.host if request.client else "local"


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
