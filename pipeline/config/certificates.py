"""Says what is wrong with a certificate and its key, and what to do about it."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

EXPIRED, NOT_YET = 10, 9
"""OpenSSL's codes of verification (X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID)."""

SOON_DAYS = 14


class BadCertificateError(Exception):
    """The files do not make a certificate that can be shown; the text says why, and what would be right."""


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a server shows that certificate with. Raises BadCertificateError."""
    for name, file in (("certificate", certificate), ("key", key)):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise BadCertificateError(
                f"cannot read the {name} {file}: {error.strerror}; name a PEM file that this account may read"
            ) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_none)
    except (ssl.SSLError, ValueError) as error:
        raise BadCertificateError(_explained(certificate, key, error)) from error
    return context


def doubts(certificate: str, context: ssl.SSLContext, now: datetime) -> str | None:
    """What others will say about a certificate that can be shown, as far as it can be told here."""
    try:
        until = _expiry(certificate, context)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == EXPIRED:
            return f"the certificate {certificate} has expired; renew it, the new one is taken without a restart"
        if error.verify_code == NOT_YET:
            return f"the certificate {certificate} is not valid yet; compare the clock of this machine with its dates"
        return f"the certificate {certificate} would not be accepted: {error.verify_message}"
    except ssl.SSLError as error:
        return f"the certificate {certificate} cannot be used: {error.reason}"
    if (days := (until - now).days) < SOON_DAYS:
        return f"the certificate {certificate} expires in {days} days; renew it, the new one is taken without a restart"
    return None


def _none() -> str:
    raise ValueError("the key is encrypted")


def _explained(certificate: str, key: str, error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key {key} is not that of the certificate {certificate}; name the pair that was issued together"
    if "encrypted" in reason:
        return f"the key {key} is protected by a password; store it without one, readable for this account alone"
    for name, file, mark in (("certificate", certificate, "CERTIFICATE-----"), ("key", key, "PRIVATE KEY-----")):
        if mark not in Path(file).read_text("latin-1"):
            return f"the {name} {file} holds no -----BEGIN … {mark}; write it in PEM form"
    return f"the certificate {certificate} and the key {key} cannot be used: {reason}"


def _expiry(certificate: str, server: ssl.SSLContext) -> datetime:
    """Until when the certificate is valid, asked of a client that meets the server in memory. Raises SSLError."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (here, there, here, there):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    shown = here.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
