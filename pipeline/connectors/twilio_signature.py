"""Whether a request is signed by Twilio.

Source: Twilio's documentation of X-Twilio-Signature: HMAC-SHA1 by the account's auth token over the address as it was
called and, sorted by name, each field's name and value; of a body that is no form, its SHA-256 stands in the address.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

MAX_FIELDS = 1000
_USUAL_PORTS = {"https": 443, "http": 80}


def is_signed(raw: bytes, url: str, signature: str, token: str) -> bool:
    """Whether the signature is this account's, for this body and this address."""
    told = signature.strip().encode("utf-8", "replace")
    try:
        fields = _signed_fields(raw, url)
    except ValueError:  # a Host that is none makes an address that is none
        return False
    if fields is None or not told:
        return False
    found = False
    for address in _spellings(url):
        found |= hmac.compare_digest(told, signed(address, fields, token).encode())
    return found


def signed(url: str, fields: str, token: str) -> str:
    """The signature of an address with these fields, in base64."""
    text = (url + fields).encode("utf-8", "surrogateescape")
    return b64encode(hmac.new(token.encode(), text, hashlib.sha1).digest()).decode()


def _signed_fields(raw: bytes, url: str) -> str | None:
    """What is signed of the body; None when it is not the body whose digest the address bears.

    Raises ValueError when the address is none, or the body no form.
    """
    if digest := parse_qs(urlsplit(url).query).get("bodySHA256"):
        return "" if hmac.compare_digest(digest[0].lower().encode(), hashlib.sha256(raw).hexdigest().encode()) else None
    pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    return "".join(f"{name}{value}" for name, value in sorted(set(pairs)))


def _spellings(url: str) -> Iterator[str]:
    """The address with its port and without, since callers and proxies differ in naming the usual one."""
    yield url
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    except ValueError:
        return
    if port is not None:
        yield urlunsplit(parts._replace(netloc=host))
    elif usual := _USUAL_PORTS.get(parts.scheme):
        yield urlunsplit(parts._replace(netloc=f"{host}:{usual}"))
