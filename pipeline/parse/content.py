"""A part's bytes as its sender had them: the transfer encoding undone."""

import binascii
import re

from pipeline.parse.mime import Part
from pipeline.parse.words import from_base64

MAX_LINES = 600_000  # of uuencoded data, 45 bytes each

_LINE = re.compile(rb"[^\r\n]+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s\x00]")
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})


def decoded(raw: bytes, part: Part, defects: list[str] | None = None) -> bytes:
    """The decoded bytes of a part; an unknown encoding is taken as none (RFC 2045, 6.4, shows such data as it is)."""
    data = raw[part.start : part.end]
    encoding = part.headers.raw("content-transfer-encoding").strip().lower().rstrip(";")
    if encoding in _PLAIN:
        return data
    if encoding == "base64":
        if part.content_type.startswith("text/") and _begins_otherwise(data):
            _note(defects, "text that is not in Base64 as it says")
            return data
        return from_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in {"x-uuencode", "uuencode", "x-uue"}:
        return _from_uuencode(data)
    _note(defects, "Content-Transfer-Encoding unknown")
    return data


def _begins_otherwise(data: bytes) -> bool:
    """Whether the first line is no Base64; what follows later (a list's footer) is skipped, as RFC 2045, 6.8, says."""
    first = _LINE.search(data)
    return first is not None and _NOT_BASE64.search(first[0]) is not None


def _note(defects: list[str] | None, defect: str) -> None:
    if defects is not None:
        defects.append(defect)


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
