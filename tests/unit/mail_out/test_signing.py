"""Signatures on what leaves, verified by dkimpy and by what judges mail that comes in."""

import base64
import subprocess

import dkim
import pytest
from mime_lint import faults
from test_mime import GOLDEN, PLAIN

from pipeline.connectors.dkim_check import verify
from pipeline.dispatch.mail.mime import Letter, build
from pipeline.dispatch.mail.signing import BadKeyError, SigningKey, read_key, sign

KEYS = {"rsa": ["genrsa", "2048"], "ed25519": ["genpkey", "-algorithm", "ed25519"]}


def openssl(*command: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *command], input=given, capture_output=True, check=True).stdout  # noqa: S603, S607  # Debian's


@pytest.fixture(scope="module", params=KEYS)
def signed_with(request: pytest.FixtureRequest) -> tuple[SigningKey, bytes]:
    """A key as openssl makes it, and what DNS says of it."""
    pem = openssl(*KEYS[request.param])
    der = openssl("pkey", "-pubout", "-outform", "DER", given=pem)
    public = base64.b64encode(der if request.param == "rsa" else der[-32:])
    record = b"v=DKIM1; k=" + request.param.encode() + b"; p=" + public
    return read_key("desk.example", "mail", pem.decode()), record


@pytest.mark.parametrize("letter", GOLDEN.values(), ids=GOLDEN)
def test_dkimpy_and_our_own_intake_believe_it(letter: Letter, signed_with: tuple[SigningKey, bytes]) -> None:
    key, record = signed_with
    raw = sign(build(letter), letter.sender, [key])
    assert dkim.verify(raw, dnsfunc=lambda name, **_: record if name == b"mail._domainkey.desk.example." else None)
    assert verify(raw, [0], {"mail._domainkey.desk.example": record.decode()}) == "pass"
    assert [fault for fault in faults(raw) if letter.subject] == []


def test_what_is_changed_is_found_out(signed_with: tuple[SigningKey, bytes]) -> None:
    key, record = signed_with
    raw = sign(build(PLAIN), PLAIN.sender, [key])
    keys = {"mail._domainkey.desk.example": record.decode()}
    for old, new in (
        (b"Turn it on", b"Turn it up"),
        (b"Re: Printer", b"Re: Money"),
        (b"\r\nTo:", b"\r\nFrom: e@e.e\r\nTo:"),
    ):
        assert verify(raw.replace(old, new, 1), [0], keys) == "fail"


def test_what_is_not_of_the_domain_is_not_signed_for_it(signed_with: tuple[SigningKey, bytes]) -> None:
    raw = build(PLAIN)
    assert sign(raw, "support@other.example", [signed_with[0]]) == raw
    assert sign(raw, "support@sub.desk.example", [signed_with[0]]) != raw


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
             "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"],
)  # fmt: skip
def test_what_is_no_key_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadKeyError, match=r"mail\._domainkey\.desk\.example"):
        read_key("desk.example", "mail", text)


def test_a_key_as_dkimpys_own_tool_writes_it() -> None:
    seed = base64.b64encode(bytes(range(32))).decode()
    assert read_key("desk.example", "mail", f"{seed}\n").algorithm == b"ed25519-sha256"
