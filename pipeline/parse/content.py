"""A part's bytes as its sender had them: the transfer encoding undone."""

import binascii
import re

from pipeline.parse.mime import Part
from pipeline.parse.words import from_base64

MAX_LINES = 600_000  # of uuencoded data, 45 bytes each

_LINE = re.compile(rb"[^\r\n]+")


def decoded(raw: bytes, part: Part) -> bytes:
    """The decoded bytes of a part; an unknown encoding is taken as none (RFC 2045, 6.4, shows such data as it is)."""
    data = raw[part.start : part.end]
    encoding = part.headers.raw("content-transfer-encoding").strip().lower().rstrip(";")
    if encoding == "base64":
        return from_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in {"x-uuencode", "uuencode", "x-uue"}:
        return _from_uuencode(data)
    return data


def _from_uuencode(data: bytes) -> bytes:
    out = bytearray()
    begun = False
    for number, match in enumerate(_LINE.finditer(data)):
        line = match[0]
        if not begun:
            begun = line.startswith(b"begin ")
        elif line.strip() in (b"end", b"`") or number > MAX_LINES:
            break
        else:
            try:
                out += _uuencoded_line(line)
            except binascii.Error:
                break
    return bytes(out) if begun else data


def _uuencoded_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:  # some encoders pad a line beyond the length that it names
        return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
