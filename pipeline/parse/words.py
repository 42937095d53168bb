"""Encoded words of RFC 2047 as text, the broken ones too."""

import binascii
import re

from pipeline.parse.charset import clean, decode

_BLANK = re.compile(r"[ \t\r\n]+")
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))


def decode_words(value: str) -> str:
    """The header value with its encoded words decoded and its line breaks dropped.

    Blanks between two encoded words vanish (RFC 2047, 6.2); neighbours of one charset are joined as bytes first,
    because mailers cut through the middle of a character.
    """
    if "=?" not in value:
        return one_line(value)
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    position = 0
    while (word := _next_word(value, position)) is not None:
        start, end, name, data = word
        between = value[position:start]
        if pending and (between.strip() or name.lower() != charset.lower()):
            out.append(decode(b"".join(pending), charset)[0])
            pending = []
            if between.strip():
                out.append(between)
        elif not pending and (between.strip() or not out):
            out.append(between)
        pending.append(data)
        charset = name
        position = end
    if pending:
        out.append(decode(b"".join(pending), charset)[0])
    out.append(value[position:])
    return one_line("".join(out))


def one_line(value: str) -> str:
    """The value on one line, without controls: what hides in an encoded word never becomes a header of its own."""
    if value.isprintable():
        return value.strip()
    value = _BLANK.sub(" ", value)
    return clean("".join(c for c in value if c >= " " and c != "\x7f")).strip()


def from_base64(data: bytes) -> bytes:
    """What the Base64 says as far as it goes; strange characters and missing padding do not matter."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = data.translate(None, _NOT_BASE64)
        whole = len(letters) - (len(letters) % 4 == 1)
        return binascii.a2b_base64(letters[:whole] + b"=" * (-whole % 4))


def _next_word(value: str, position: int) -> tuple[int, int, str, bytes] | None:
    """The next encoded word from there: where it starts and ends, its charset, its bytes."""
    while (start := value.find("=?", position)) >= 0:
        first = value.find("?", start + 2, start + 80)
        kind = value[first + 1 : first + 2].lower()
        if first > 0 and kind in {"b", "q"} and value[first + 2 : first + 3] == "?":
            end = value.find("?=", first + 3)
            if end < 0:
                return None
            text = value[first + 3 : end].encode("utf-8", "surrogateescape")
            data = from_base64(text) if kind == "b" else _from_q(text)
            return start, end + 2, value[start + 2 : first].partition("*")[0], data
        position = start + 2
    return None


def _from_q(text: bytes) -> bytes:
    return binascii.a2b_qp(text, header=True)
