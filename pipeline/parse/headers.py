"""The header block of a mail or of one of its parts: names, unfolded values, and where the body starts."""

import re
from collections.abc import Collection
from functools import lru_cache

from pipeline.parse.charset import decode
from pipeline.parse.words import decode_words

MAX_HEADERS = 1000
MAX_NAME = 100
MAX_VALUE = 65_536
MAX_BLOCK = 2_097_152
MAX_TEXTS = 200
MAX_TEXT = 2000
MAX_DETECTIONS = 10  # of charsets, which take milliseconds each

_FOLDS = (" ", "\t")
_SURROGATE = re.compile("[\udc80-\udcff]")
_NAME = re.compile(r"([!-9;-~]{1,100})[ \t]*:")
_UNCAPPED = frozenset({"references"})  # capped by its reader, which keeps both ends


class Headers:
    """Values by lower-case name, in their order; bytes that are no UTF-8 wait as surrogates until they are read."""

    __slots__ = ("_charset", "_detections", "_values", "are_plain")

    def __init__(self, values: dict[str, list[str]] | None = None, *, are_plain: bool = True) -> None:
        self._values = {} if values is None else values
        self.are_plain = are_plain
        self._charset = ""
        self._detections = 0

    def assume(self, charset: str) -> None:
        """Take 8-bit characters that are no UTF-8 as written in this charset, that of the mail's text."""
        self._charset = charset

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        """The names, in the order in which they first stand."""
        return [*self._values]

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether a header of one of these names is there."""
        return not names.isdisjoint(self._values)

    def without(self, names: Collection[str]) -> "Headers":
        """The same headers but those of these names."""
        kept = {name: values for name, values in self._values.items() if name not in names}
        left = Headers(kept, are_plain=self.are_plain)
        left.assume(self._charset)
        return left

    def raw(self, name: str) -> str:
        """The first value as it stands, its encoded words undecoded; empty when there is none."""
        values = self._values.get(name)
        if not values:
            return ""
        return values[0] if self.are_plain else self._readable(values[0])

    def all(self, name: str) -> list[str]:
        """Every value as it stands."""
        values = self._values.get(name)
        if not values:
            return []
        return values if self.are_plain else [self._readable(value) for value in values]

    def text(self, name: str) -> str:
        """The first value as text on one line."""
        return decode_words(self.raw(name))

    def _readable(self, value: str) -> str:
        """A value with its 8-bit bytes read: UTF-8 (RFC 6532 knows no other), else what is assumed, else a guess."""
        if value.isascii():
            return value if "\x1b" not in value and "\0" not in value else decode(value.encode("ascii"))[0]
        data = value.encode("utf-8", "surrogateescape")
        text, sure = decode(data)
        if sure:
            return text
        self._detections += not self._charset
        return decode(data, self._charset, detect=self._detections <= MAX_DETECTIONS)[0]


def read_headers(raw: bytes, start: int, end: int, defects: list[str]) -> tuple[Headers, int]:
    """The headers between two offsets, and the offset where the body starts."""
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Headers(), min(end, raw.index(b"\n", start) + 1)
    stop, body = end_of_headers(raw, start, end)
    text = raw[start : min(stop, start + MAX_BLOCK)].decode("utf-8", "surrogateescape")
    lines = _unfolded(text)
    too_long = "headers too long" if stop - start > MAX_BLOCK else ""
    if len(lines) > MAX_HEADERS:
        del lines[MAX_HEADERS:]
        too_long = "too many headers"
    values: dict[str, list[str]] = {}
    headers = Headers(values, are_plain=text.isascii() and "\x1b" not in text and "\0" not in text)
    if not text.isascii() and _SURROGATE.search(text):
        defects.append("8-bit characters in the headers that are no UTF-8")
    strange = 0
    for number, line in enumerate(lines):
        written, colon, value = line.partition(":")
        name = header_name(written) if colon and len(written) <= MAX_NAME else None  # what is longer is not remembered
        if name is None:
            if not line.strip() or (number == 0 and line.startswith(("From ", ">From "))):
                continue
            if not strange and not any(map(_NAME.match, lines[number + 1 :])):
                defects.append("no blank line before the body")
                return headers, _offset_of(raw, start, stop, line)
            strange += 1
            continue
        if len(value) > MAX_VALUE and name not in _UNCAPPED:
            defects.append(f"{name[:40]} too long")
            value = value[:MAX_VALUE]
        if name in values:
            values[name].append(value.strip())
        else:
            values[name] = [value.strip()]
    defects += filter(None, (too_long, "lines among the headers that are none" if strange else ""))
    return headers, body


def header_texts(raw: bytes) -> dict[str, str]:
    """The first value of each header as text on one line, by lower-case name; of very many, the first ones."""
    headers, _ = read_headers(raw, 0, len(raw), [])
    return {name: headers.text(name)[:MAX_TEXT] for name in headers.names()[:MAX_TEXTS]}


def end_of_headers(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the block ends, and where the body starts behind the blank line."""
    first = raw.find(b"\n", start, end)
    blanks = (b"\n\r\n", b"\n\n") if raw[first - 1 : first] == b"\r" else (b"\n\n", b"\n\r\n")  # the likelier one first
    stop = limit = end
    for blank in blanks:
        if (found := raw.find(blank, start, limit)) >= 0:
            stop, end = found + 1, found + len(blank)
            limit = found
    return stop, end


def _unfolded(text: str) -> list[str]:
    """The block's lines, one for each header (RFC 5322, 2.2.3)."""
    if len(text) > MAX_VALUE:  # where joining line by line would take the square of the time
        return text.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", "\t").split("\n", MAX_HEADERS)
    lines: list[str] = []
    for line in text.split("\n"):
        if line[:1] in _FOLDS and lines:
            lines[-1] = lines[-1].rstrip("\r") + line
        else:
            lines.append(line)
    return lines


@lru_cache(maxsize=1024)
def header_name(written: str) -> str | None:
    """A header's name in lower case; None for what cannot be one (RFC 5322, 3.6.8)."""
    name = written.rstrip(" \t")
    return name.lower() if _NAME.fullmatch(f"{name}:") else None


def _offset_of(raw: bytes, start: int, stop: int, line: str) -> int:
    """Where the body starts when the headers end without a blank line before `line`."""
    first = line.encode("utf-8", "surrogateescape")[:60]
    return max(start, raw.find(first, start, stop))
