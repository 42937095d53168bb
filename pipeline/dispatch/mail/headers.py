"""Writes the header fields of a mail so that every reader takes them alike (RFC 5322, 2047, 6532)."""

import base64
import re
import string
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from ipaddress import ip_address

from pipeline.domain.public_addresses import why_not_public

LINE = 78
"""Characters of a line, unless one word is longer (RFC 5322, 2.1.1)."""

MAX_LINE = 998

_ENCODED_BYTES = 45
"""What fits an encoded word of at most 75 characters, in base64 (RFC 2047, section 2)."""

_ATOM = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*"
)
_BY_NUMBER = re.compile(r"\]$|(?:^|\.)(?:\d+|0[xX][0-9A-Fa-f]*)$")
"""No top-level domain is a number; programs that look up names take `127.1` for one of a host."""

MAX_LOCAL = 64


class NoAddressError(ValueError):
    """A text that no mail can be addressed to."""


def one_line(text: str) -> str:
    """The text without line breaks, control characters, or blanks in a row; so nobody writes headers through it."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def wire_address(address: str) -> str:
    """The address as it is written on the wire, its domain in ASCII. Raises NoAddressError.

    Only where its local part is not ASCII does it need SMTPUTF8 (RFC 6531).
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or _CONTROLS.search(address) or " " in address:
        raise NoAddressError(f"{one_line(address)[:100]!r} is no mail address")
    try:
        host = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise NoAddressError(f"{domain[:100]!r} is no mail domain: {error}") from error
    if not _DOMAIN.fullmatch(host) and not re.fullmatch(r"\[[0-9A-Fa-f:.]{2,45}\]|\[IPv6:[0-9A-Fa-f:.]{2,45}\]", host):
        raise NoAddressError(f"{domain[:100]!r} is no mail domain")
    _keep_outside(host)
    if len(local.encode()) > MAX_LOCAL and not re.fullmatch(r"[\x21-\x7e]{1,200}", local):
        raise NoAddressError(f"{local[:100]!r} is too long to stand before an @")
    return f"{_local(local)}@{host}"


def _keep_outside(host: str) -> None:
    """Let no mail go to what is behind the desk because an address names it by number. Raises NoAddressError."""
    number = host.strip("[]").lower().removeprefix("ipv6:")
    try:
        reason = why_not_public(str(ip_address(number)), ())
    except ValueError:
        reason = "it is no number of a host" if _BY_NUMBER.search(host) else None
    if reason is not None:
        raise NoAddressError(f"{host[:100]!r} gets no mail: {reason}")


def _local(local: str) -> str:
    """The local part as others read it: quoted where it must be, and then all of it (RFC 5321, 4.1.2)."""
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    atoms = local.split(".")
    if all(atom and all(sign in _ATOM or not sign.isascii() for sign in atom) for atom in atoms):
        return local
    return _quoted(local)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text_header(name: str, text: str) -> str:
    """A field of free text, like Subject."""
    return _folded(name, list(_words(one_line(text))))


def address_header(name: str, address: str, display: str = "") -> str:
    """A field with one mailbox, as `wire_address` gives it, and what its owner is called."""
    display = one_line(display)
    if not display:
        return _folded(name, [address])
    if not display.isascii() or "=?" in display:
        phrase = list(_encoded(display))
    elif all(sign in _ATOM or sign == " " for sign in display):
        phrase = display.split(" ")
    else:
        phrase = [_quoted(display)]
    return _folded(name, [*phrase, f"<{address}>"])


def ids_header(name: str, ids: tuple[str, ...]) -> str:
    """A field of Message-IDs; one that is none is left out, since others wrote some of them."""
    return _folded(name, [one for one in ids if re.fullmatch(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,900}>", one)])


def date_header(name: str, at: datetime) -> str:
    """A field with a time, in the zone that it is told in."""
    return f"{name}: {format_datetime(at.replace(microsecond=0))}\r\n"


def token_header(name: str, value: str) -> str:
    """A field whose value is ASCII of our own, folded at blanks."""
    return _folded(name, value.split(" "))


def _words(text: str) -> Iterator[str]:
    """The words of a text; from the first that is not plain to the last such, as encoded words."""
    words = text.split(" ")
    odd = [place for place, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > MAX_LINE // 2]
    if not odd:
        yield from words
        return
    yield from words[: odd[0]]
    yield from _encoded(" ".join(words[odd[0] : odd[-1] + 1]))
    yield from words[odd[-1] + 1 :]


def _encoded(text: str) -> Iterator[str]:
    """Encoded words; no character is split between two (RFC 2047, section 5)."""
    chunk = b""
    for sign in text:
        more = sign.encode("utf-8", "replace")
        if len(chunk) + len(more) > _ENCODED_BYTES:
            yield f"=?utf-8?b?{base64.b64encode(chunk).decode()}?="
            chunk = b""
        chunk += more
    if chunk:
        yield f"=?utf-8?b?{base64.b64encode(chunk).decode()}?="


def _folded(name: str, words: list[str]) -> str:
    if not any(words):
        return ""  # RFC 5322, 3.2.2: no line of blanks only
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"
