"""Which addresses of the internet are public, so that nobody uses the desk to reach what is behind it.

Source: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890 and what updates it).
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Networks = Sequence[str]
"""Networks such as `10.1.2.0/24`, single addresses too."""

_SPECIAL = [
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by customers of a carrier (CGNAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "a NAT64 translation"),
        ("64:ff9b:1::/48", "a NAT64 translation"),
        ("100::/64", "discarded"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001:db8::/32", "for documentation"),
        ("2001::/23", "reserved for protocols"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
]
_GLOBAL_UNICAST = IPv6Network("2000::/3")


def why_not_public(address: str, allowed: Networks = ()) -> str | None:
    """Why nothing is sent to an address; None when it is public, or within the networks that are allowed.

    IPv6 addresses that carry one of IPv4 are refused whatever they carry: a public host needs none.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return f"{address} is no address"
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        return f"{address} names an interface of this machine"
    if any(found in ip_network(network) for network in allowed):
        return None
    for network, name in _SPECIAL:
        if found.version == network.version and found in network:
            return f"{found} is {name}, not public"
    if isinstance(found, IPv6Address) and found not in _GLOBAL_UNICAST:
        return f"{found} is reserved, not public"
    return None
