"""Signs mail by DKIM, so that whoever gets it can prove that the domain sent it (RFC 6376, 8463)."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import dkim

from pipeline.config.sections import Dkim
from pipeline.config.values import read_secret

_SIGNED = (
    b"date", b"from", b"to", b"subject", b"message-id", b"reply-to", b"in-reply-to", b"references", b"mime-version",
    b"content-type", b"content-transfer-encoding", b"auto-submitted", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
"""RFC 6376, 5.4.1; RFC 8058, section 4, wants both headers of unsubscribing to be signed."""

_NOT_TWICE = (b"from", b"to", b"subject", b"reply-to")
"""Signed once more than they are there, so that nobody adds another one (RFC 6376, 8.15)."""

_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a key (RFC 8410, section 7)."""


class BadKeyError(ValueError):
    """A key that cannot sign, and why."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A domain's key under its selector; whatever is not of the domain is not signed with it."""

    domain: str
    selector: str
    key: bytes = field(repr=False)
    algorithm: bytes = b"rsa-sha256"

    def fits(self, sender: str) -> bool:
        """Whether its signature would be aligned with the sender's domain (RFC 7489, 3.1.1, relaxed)."""
        domain = sender.rpartition("@")[2].lower()
        return domain == self.domain or domain.endswith(f".{self.domain}")


def load_keys(settings: Sequence[Dkim]) -> list[SigningKey]:
    """The keys that the configuration names. Raises LookupError when one is not there, BadKeyError when it is none."""
    return [read_key(one.domain, one.selector, read_secret(one.key)) for one in settings]


def read_key(domain: str, selector: str, text: str) -> SigningKey:
    """A key as openssl writes it (PEM, RSA or Ed25519), or an Ed25519 seed in base64 as dknewkey does."""
    where = f"[[mail.dkim]] key of {selector}._domainkey.{domain}"
    if "-----BEGIN" not in text:
        return _proven(SigningKey(domain, selector, text.strip().encode(), b"ed25519-sha256"), where)
    found = re.search(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.*?)-----END", text, re.DOTALL)
    if found is None:
        raise BadKeyError(f"{where} is no private key without a password; write a PEM file of one")
    try:
        der = base64.b64decode("".join(found[2].split()), validate=True)
    except ValueError as error:
        raise BadKeyError(f"{where} is broken: {error}") from error
    if der.startswith(_PKCS8_ED25519):
        seed = base64.b64encode(der[len(_PKCS8_ED25519) :][:32])
        return _proven(SigningKey(domain, selector, seed, b"ed25519-sha256"), where)
    return _proven(SigningKey(domain, selector, text.strip().encode() + b"\n"), where)


def _proven(key: SigningKey, where: str) -> SigningKey:
    try:
        _signature(b"From: a@b.example\r\n\r\n", key)
    except Exception as error:
        raise BadKeyError(f"{where} signs nothing: {error}") from error
    return key


def sign(raw: bytes, sender: str, keys: Sequence[SigningKey]) -> bytes:
    """The mail under a signature of each key that fits its sender."""
    return b"".join([_signature(raw, key) for key in keys if key.fits(sender)]) + raw


def _signature(raw: bytes, key: SigningKey) -> bytes:
    head = raw.partition(b"\r\n\r\n")[0].lower()
    there = [name for name in _SIGNED if head.startswith(name + b":") or b"\r\n" + name + b":" in head]
    written: bytes = dkim.sign(
        raw,
        key.selector.encode(),
        key.domain.encode(),
        key.key,
        signature_algorithm=key.algorithm,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[*there, *(name for name in _NOT_TWICE if name in there)],
    )
    return written
