"""What the address of a webhook must look like, read in one way only.

Every spelling that programs read differently is refused rather than understood: what is checked is what is called.
Source: RFC 3986 (syntax), WHATWG URL (hosts that end in a number), RFC 1123 (names of hosts).
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

MAX_URL = 2048

_PORTS = {"http": 80, "https": 443}
_WELL_KNOWN = 1024
_HIGHEST_PORT = 65535
_MAX_NAME = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PLAIN = re.compile(r"[!-\[\]-~]+")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


class BadUrl(Exception):  # noqa: N818  # it says what is bad, as BadConditionError does
    """An address that is none for a webhook; the text says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook goes: `host` is a name in ASCII or an address without brackets, `target` what is asked for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as a Host header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(text: str) -> Endpoint:
    """Where a webhook goes. Raises BadUrl; nothing is asked of DNS here."""
    if len(text) > MAX_URL:
        raise BadUrl(f"it is longer than {MAX_URL} characters")
    if not text.isascii():
        raise BadUrl("it holds letters beyond ASCII; write the host as xn--… and percent-encode the rest")
    if not _PLAIN.fullmatch(text):
        raise BadUrl("it holds blanks, control characters or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"it cannot be read: {error}") from error
    if parts.scheme not in _PORTS:
        raise BadUrl(f"its scheme is {parts.scheme or 'missing'}, and must be https or http")
    if "@" in parts.netloc:
        raise BadUrl("it holds a user or a password; the signature says who we are")
    if "#" in text:
        raise BadUrl("it holds a fragment, which is never sent")
    return Endpoint(parts.scheme, _host(parts), _port(parts.scheme, port), _target(parts))


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if not host:
        raise BadUrl("it names no host")
    if parts.netloc.startswith("["):
        try:
            return str(IPv6Address(host)) if "%" not in host else _refuse_zone()
        except AddressValueError as error:
            raise BadUrl(f"[{host}] is no IPv6 address") from error
    if host.endswith("."):
        raise BadUrl("its host ends with a dot; write it without")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _dotted_quad(host)
    if len(host) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl(f"{host[:_MAX_NAME]} is no name of a host")
    return host


def _refuse_zone() -> str:
    raise BadUrl("its address names an interface (%)")


def _dotted_quad(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except AddressValueError as error:
        raise BadUrl(f"{host} is not written as four decimal numbers, such as 192.0.2.1") from error


def _port(scheme: str, port: int | None) -> int:
    if port is None:
        return _PORTS[scheme]
    if port not in _PORTS.values() and not _WELL_KNOWN <= port <= _HIGHEST_PORT:
        raise BadUrl(f"port {port} belongs to another service; use 443, 80 or one from {_WELL_KNOWN} on")
    return port


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
