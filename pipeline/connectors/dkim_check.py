"""Judges by DKIM (RFC 6376) whether a domain signed a mail.

    python -m pipeline.connectors.dkim_check < JOB

is how a heavy mail is judged: its canonical form takes seconds of processor time, in which no mail would be taken.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from dkim import DKIM
from dkim.util import parse_tag_value

from pipeline.connectors.dns_names import DnsAwayError, Names

MAX_SIGNATURES = 5
"""Signatures of the domain in question that are looked at; any sender can write more."""

HEAVY = 262_144
"""Bytes from which a mail is judged in a process of its own, one at a time."""

HEAVY_SECONDS = 5.0

LONG_BLANK = 100
"""Blanks in a row that make a mail heavy: dkimpy's search for those at the end of a line takes their square of time."""

MAX_KEY = 1_000
"""Characters of a published key: RSA of 5,500 bits. RFC 8301, 3.2, asks for 4,096; larger numbers take seconds."""

_MAX_SIGNATURE = 16_384
_MAX_BLANK_IN_SIGNATURE = 100
_BLANKS = bytes.maketrans(b"\t\r\n\v\f", b"     ")

_HEADER_LIMIT = 262_144
_BLANK_LINE = re.compile(rb"\n\r?\n")
_one_heavy = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature that could prove something: the how many-th it is, and where its key lies."""

    index: int
    key_name: str


def check_dkim(raw: bytes, agrees: Callable[[str], bool], names: Names, deadline: float) -> str:
    """What the signatures of a domain that `agrees` come to: pass, fail, none, temperror, permerror, unaligned."""
    try:
        signatures, others = _signatures(raw, agrees)
    except Exception:  # noqa: BLE001  # dkimpy fails in many ways on headers that are none
        return "permerror"
    if not signatures:
        return "unaligned" if others else "none"
    keys: dict[str, str] = {}
    asked = "fail"
    for signature in signatures:
        try:
            found = names.text(signature.key_name, deadline)
        except DnsAwayError:
            asked = "temperror"
        else:
            if found and len(found[0]) <= MAX_KEY:
                keys[signature.key_name] = found[0].decode("latin-1")
    indexes = [signature.index for signature in signatures if signature.key_name in keys]
    if not indexes:
        return asked
    heavy = len(raw) > HEAVY or b" " * LONG_BLANK in raw.translate(_BLANKS)
    result = _verify_apart(raw, indexes, keys, deadline) if heavy else verify(raw, indexes, keys)
    return result if result != "fail" else asked


def verify(raw: bytes, indexes: list[int], keys: Mapping[str, str]) -> str:
    """Whether one of these signatures holds."""
    for index in indexes:
        mail = DKIM(raw)
        try:
            holds = mail.verify(index, dnsfunc=lambda name, **_: keys.get(_text(name), "").encode("latin-1") or None)
        except Exception:  # noqa: BLE001, S112  # a broken signature is none; dkimpy says so in many ways
            continue
        if holds and b"from" in mail.include_headers and mail.signature_fields.get(b"a") != b"rsa-sha1":
            return "pass"  # RFC 6376, 5.4: From must be signed; RFC 8301, 3.1: no SHA-1
    return "fail"


def _signatures(raw: bytes, agrees: Callable[[str], bool]) -> tuple[list[_Signature], int]:
    """The signatures of domains that agree, and how many others there are. Raises what dkimpy raises."""
    blank = _BLANK_LINE.search(raw, 0, _HEADER_LIMIT)
    if blank is None:
        raise ValueError("the headers are too long, or all there is")
    found: list[_Signature] = []
    others = 0
    values = [value for name, value in DKIM(raw[: blank.end()]).headers if name.lower() == b"dkim-signature"]
    for index, value in enumerate(values):
        if len(value) > _MAX_SIGNATURE or b" " * _MAX_BLANK_IN_SIGNATURE in value.translate(_BLANKS):
            others += 1  # no signer writes so, and dkimpy's patterns take the square of its length in time
            continue
        try:
            tags = parse_tag_value(value)
            domain, selector = _text(tags[b"d"]), _text(tags[b"s"])
        except Exception:  # noqa: BLE001  # a broken signature is none
            others += 1
            continue
        if agrees(domain) and len(found) < MAX_SIGNATURES:
            found.append(_Signature(index, f"{selector}._domainkey.{domain}"))
        else:
            others += 1
    return found, others


def _text(name: bytes) -> str:
    return name.decode("ascii").strip(".").lower()


def _verify_apart(raw: bytes, indexes: list[int], keys: Mapping[str, str], deadline: float) -> str:
    if not _one_heavy.acquire(timeout=max(0.0, deadline - time.monotonic())):
        return "temperror"
    try:
        done = subprocess.run(  # noqa: S603  # this very program
            [sys.executable, "-m", __name__],
            input=orjson.dumps({"indexes": indexes, "keys": keys}) + b"\n" + raw,
            capture_output=True,
            timeout=HEAVY_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return "temperror"
    finally:
        _one_heavy.release()
    return done.stdout.decode().strip()


def _main() -> None:
    job = orjson.loads(sys.stdin.buffer.readline())
    print(verify(sys.stdin.buffer.read(), job["indexes"], job["keys"]))  # noqa: T201  # its answer


if __name__ == "__main__":
    _main()
