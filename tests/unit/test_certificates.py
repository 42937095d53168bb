"""What `casestream check` says about a certificate and its key."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from pipeline.config.check import Finding, Source, examine

AUTHORITY = trustme.CA()
NOW = datetime.now(UTC)


def written(folder: Path, *, until: datetime = NOW + timedelta(days=90), since: datetime | None = None) -> list[Path]:
    """The files of a certificate."""
    issued = AUTHORITY.issue_cert("mx.desk.example", not_before=since, not_after=until)
    files = [folder / f"{until:%j}.pem", folder / f"{until:%j}.key"]
    files[0].write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    files[1].write_bytes(issued.private_key_pem.bytes())
    return files


def findings(certificate: Path, key: Path) -> list[Finding]:
    text = f'[desk]\nsecret = "env:PATH"\n[smtp]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    return list(examine(Source(text, "casestream.toml")).findings)


def test_a_good_certificate_is_no_finding(tmp_path: Path) -> None:
    assert findings(*written(tmp_path)) == []


def of_another(folder: Path) -> list[Path]:
    return [written(folder)[0], written(folder, until=NOW + timedelta(days=40))[1]]


def with_password(folder: Path) -> list[Path]:
    certificate, key = written(folder)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    protection = serialization.BestAvailableEncryption(b"hush")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, form, protection))
    return [certificate, key]


def no_pem(folder: Path) -> list[Path]:
    certificate, key = written(folder)
    certificate.write_bytes(b"\x30\x82\x01\x0a")
    return [certificate, key]


def torn(folder: Path) -> list[Path]:
    certificate, key = written(folder)
    key.write_text(key.read_text()[:120] + "\n")
    return [certificate, key]


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda folder: [folder / "none.pem", folder / "none.key"], "cannot read the certificate"),
        (lambda folder: [written(folder)[0], folder / "none.key"], "none.key: No such file or directory; name a PEM"),
        (of_another, "is not that of the certificate"),
        (with_password, "is protected by a password; store it without one"),
        (no_pem, "holds no -----BEGIN … CERTIFICATE-----; write it in PEM form"),
        (torn, "cannot be used"),
        (lambda folder: written(folder, until=NOW - timedelta(days=1), since=NOW - timedelta(days=9)), "has expired"),
        (lambda folder: written(folder, since=NOW + timedelta(days=2)), "is not valid yet; compare the clock"),
        (lambda folder: written(folder, until=NOW + timedelta(days=3, hours=1)), "expires in 3 days; renew it"),
    ],
)
def test_what_is_wrong_is_a_warning_with_its_line(
    make: Callable[[Path], list[Path]], phrase: str, tmp_path: Path
) -> None:
    (finding,) = findings(*make(tmp_path))

    assert phrase in finding.says
    assert (finding.line, finding.mistake) == (4, False)
