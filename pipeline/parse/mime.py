"""The parts of a mail as a tree of offsets into its bytes: nothing is copied, nothing nests or multiplies endlessly."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.parse.headers import Headers, read_headers
from pipeline.parse.parameters import read_parameters

MAX_DEPTH = 50
MAX_PARTS = 1000
MAX_STRAYS = 100_000
MAX_TAIL = 100  # blanks behind the closing boundary

MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+")
_FIRST_BOUNDARY = re.compile(rb"^--([^\r\n]{1,100}?)[ \t]*\r?$", re.MULTILINE)
_SEARCHED = 4096


@dataclass(slots=True)
class Part:
    """One part: its type, how it wants to be shown, and where its body lies."""

    headers: Headers
    start: int
    end: int
    content_type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    children: list["Part"] = field(default_factory=list)

    @property
    def is_multipart(self) -> bool:
        """Whether it holds parts of its own."""
        return bool(self.children)

    @property
    def named(self) -> str:
        """The file name it was given, as given; empty when none."""
        return self.disposition_parameters.get("filename") or self.parameters.get("name") or ""

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in the order of the mail."""
        yield self
        for child in self.children:
            yield from child.walk()


class _Budget:
    """How many parts may still be read, and how many lines may still look like a boundary and be none."""

    __slots__ = ("defects", "left", "strays")

    def __init__(self, defects: list[str]) -> None:
        self.left = MAX_PARTS
        self.strays = MAX_STRAYS
        self.defects = defects


def read_parts(raw: bytes, headers: Headers, body: int, defects: list[str]) -> Part:
    """The whole mail as one part, its parts below it."""
    return _part(raw, headers, body, len(raw), "text/plain", 0, _Budget(defects))


def _part(raw: bytes, headers: Headers, start: int, end: int, default_type: str, depth: int, budget: _Budget) -> Part:
    content_type, parameters = read_parameters(headers.raw("content-type"))
    if not content_type:
        content_type = default_type
    elif not MEDIA_TYPE.fullmatch(content_type):
        budget.defects.append("Content-Type unreadable")
        content_type = "application/octet-stream" if "name" in parameters else "text/plain"  # RFC 2045, 5.2
    disposition, disposition_parameters = read_parameters(headers.raw("content-disposition"))
    part = Part(headers, start, end, content_type, parameters, disposition, disposition_parameters)
    if content_type.startswith("multipart/"):
        _divide(raw, part, depth, budget)
    return part


def _divide(raw: bytes, part: Part, depth: int, budget: _Budget) -> None:
    """Give a multipart its children; without any it is read as text."""
    if depth >= MAX_DEPTH:
        budget.defects.append("multipart too deep")
        part.content_type = "application/octet-stream"
        return
    default_type = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    for start, end in _spans(raw, part, budget):
        headers, body = read_headers(raw, start, end, budget.defects)
        part.children.append(_part(raw, headers, body, end, default_type, depth + 1, budget))
    if not part.children:
        budget.defects.append("multipart without parts")
        part.content_type = "text/plain"


def _spans(raw: bytes, part: Part, budget: _Budget) -> list[tuple[int, int]]:
    """Where each child lies. A missing closing boundary ends with the parent (RFC 2046, 5.1.2)."""
    boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
    spans = _cut(raw, part, b"--" + boundary, budget) if boundary else []
    if not spans and (first := _FIRST_BOUNDARY.search(raw, part.start, min(part.end, part.start + _SEARCHED))):
        budget.defects.append("multipart boundary missing or wrong")
        spans = _cut(raw, part, b"--" + first[1], budget)
    return spans


def _cut(raw: bytes, part: Part, delimiter: bytes, budget: _Budget) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened = -1
    position = part.start
    while (found := raw.find(delimiter, position, part.end)) >= 0:
        position = found + len(delimiter)
        if found > part.start and raw[found - 1] not in b"\r\n":
            budget.strays -= 1
            if budget.strays <= 0:
                break
            continue
        line_end = raw.find(b"\n", position, part.end)
        line_end = part.end if line_end < 0 else line_end
        rest = raw[position : min(line_end, position + 100)].strip()
        if rest not in (b"", b"--"):  # a longer boundary that starts like this one
            budget.strays -= 1
            if budget.strays <= 0:
                budget.defects.append("too many boundaries that are none")
                break
            continue
        if opened >= 0:
            spans.append((opened, _before_line_break(raw, opened, found)))
        opened = -1
        if rest:
            return spans
        if budget.left <= 0:
            budget.defects.append("too many parts")
            return spans
        budget.left -= 1
        opened = position = min(line_end + 1, part.end)
    if opened >= 0:
        budget.defects.append("multipart without closing boundary")
        spans.append((opened, _before_closing(raw, opened, part.end, delimiter)))
    return spans


def _before_closing(raw: bytes, start: int, end: int, delimiter: bytes) -> int:
    """Where the last part ends: before a closing boundary that lacks the line break ahead of it, if there is one."""
    closing = delimiter + b"--"
    found = raw.rfind(closing, max(start, end - len(closing) - MAX_TAIL), end)
    return found if found >= 0 and not raw[found + len(closing) : end].strip() else end


def _before_line_break(raw: bytes, start: int, end: int) -> int:
    """The line break before a boundary belongs to the boundary (RFC 2046, 5.1.1)."""
    if raw.endswith(b"\r\n", start, end):
        return end - 2
    return end - 1 if raw.endswith((b"\n", b"\r"), start, end) else end
