"""Whatever the bytes, `parse_email` answers with what PostgreSQL and JSON can hold."""

import os
import random
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.parse.email import parse_email

CORPUS = Path(__file__).parents[4] / "shared" / "corpora" / "robust_mail"
SEED = 20_260_302

MIXED = (
    b'From: "Ana" <ana@acme.example>\r\nSubject: =?utf-8?q?=C3=84?=\r\n'
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"On 2 Mar 2026, Rui wrote:\r\n> a=3D\r\n\r\nyes\r\n-- \r\nAna\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p style='display:none'>x</p>&#65;<a href='cid:1'>\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n"
    b"--b\r\nContent-Disposition: attachment; filename*0*=utf-8''%C3; filename*1=a.txt\r\n"
    b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n#86)C\r\nend\r\n--b--\r\n"
)
REPORT = (
    b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
    b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@x.example>\r\n--b--\r\n"
)
PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b"--b", b"--", b"=?utf-8?b?", b"?=", b'"', b"(", b"<", b">", b";", b":", b"\xff\xfe",
    b"\xed\xa0\x80", b"charset=utf-7", b"+2AA-", b"&#55296;", b"Content-Type: ", b"From: ", b"\x1b$B", b"=", b"%",
]  # fmt: skip


def holds(value: object) -> bool:
    """Whether every text in it can be stored."""
    if isinstance(value, str):
        return "\0" not in value and value.encode("utf-8", "strict") is not None
    if isinstance(value, dict):
        return all(map(holds, value.values()))
    return all(map(holds, value)) if isinstance(value, list | tuple) else True


def mutated(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.randint(1, 8)):
        place = chance.randint(0, len(data))
        match chance.randint(0, 3):
            case 0:
                data[place : place + chance.randint(0, 20)] = b""
            case 1:
                data[place:place] = chance.choice(PIECES)
            case 2:
                data[place : place + 1] = bytes([chance.randint(0, 255)])
            case _:
                start = chance.randint(0, len(data))
                data[place:place] = data[start : start + chance.randint(0, 200)]
    return bytes(data)


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert holds(asdict(parse_email(raw)))


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=10), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_mixture_of_mail_syntax_is_answered(pieces: list[bytes]) -> None:
    assert holds(asdict(parse_email(b"".join(pieces), our_domain="cases.example")))


@given(st.sampled_from([MIXED, REPORT]), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_a_mutated_mail_is_answered(raw: bytes, chance: random.Random) -> None:
    assert holds(asdict(parse_email(mutated(raw, chance))))


@pytest.mark.skipif(not CORPUS.is_dir() and "CI" not in os.environ, reason="the shared corpora are not here")
def test_mutated_mails_of_the_field_are_answered() -> None:
    chance = random.Random(SEED)  # noqa: S311 - reproducible, guards nothing
    files = [file for file in sorted(CORPUS.rglob("*")) if file.is_file()]
    assert files
    for file in files:
        raw = file.read_bytes()[:100_000]
        for _ in range(3):
            assert holds(asdict(parse_email(mutated(raw, chance)))), file
