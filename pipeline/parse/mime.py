"""The parts of a mail as a tree of offsets into its bytes: nothing is copied, nothing nests or multiplies endlessly."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.parse.headers import Headers, end_of_headers, read_headers
from pipeline.parse.parameters import read_parameters

MAX_DEPTH = 50
MAX_PARTS = 1000
MAX_STRAYS = 1_000_000  # lines that begin with -- and are no boundary: a dump in SQL is full of them
MAX_TAIL = 100  # blanks behind the closing boundary
MAX_LEFT_OPEN = 10

MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+")
_FIRST_BOUNDARY = re.compile(rb"^--([^\r\n]{1,100}?)[ \t]*\r?$", re.MULTILINE)
_SEARCHED = 4096
_HEADERS = 65_536  # where a part's headers end is looked for that far, before it is looked for where the part ends


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
    budget = _Budget(defects)
    whole = _part(headers, body, len(raw), "text/plain", budget)
    _complete(raw, whole, 0, budget)
    return whole


def _part(headers: Headers, start: int, end: int, default_type: str, budget: _Budget) -> Part:
    content_type, parameters = read_parameters(headers.raw("content-type"))
    if not content_type:
        content_type = default_type
    elif not MEDIA_TYPE.fullmatch(content_type):
        budget.defects.append("Content-Type unreadable")
        content_type = "application/octet-stream" if "name" in parameters else "text/plain"  # RFC 2045, 5.2
    disposition, disposition_parameters = read_parameters(headers.raw("content-disposition"))
    return Part(headers, start, end, content_type, parameters, disposition, disposition_parameters)


def _complete(raw: bytes, part: Part, depth: int, budget: _Budget) -> None:
    """Give a multipart its children; one that has none is read as text."""
    if not part.content_type.startswith("multipart/") or part.children:
        return
    if depth >= MAX_DEPTH:
        budget.defects.append("multipart too deep")
        part.content_type = "application/octet-stream"
        return
    if boundary := _boundary(part):
        _Division(raw, part, boundary, depth, budget).divide()
    searched = min(part.end, part.start + _SEARCHED)
    if not part.children and (first := _FIRST_BOUNDARY.search(raw, part.start, searched)):
        budget.defects.append("multipart boundary missing or wrong")
        _Division(raw, part, first[1], depth, budget).divide()
    if not part.children:
        budget.defects.append("multipart without parts")
        part.content_type = "text/plain"


def _boundary(part: Part) -> bytes:
    return part.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")


@dataclass(slots=True)
class _Open:
    """A multipart whose closing boundary has not come yet; the last of its parts is being read."""

    part: Part
    delimiter: bytes


class _Division:
    """One pass through a multipart and the multiparts in it: whose a line is depends on which are open there.

    A line belongs to the innermost open multipart that it fits (RFC 2046, 5.1.2): the boundary of one may well look
    like the closing boundary of another. A multipart that an outer one's boundary ended was left open; when its own
    boundary comes again, a part begins there all the same, since a boundary is never content (RFC 2046, 5.1.1).
    """

    def __init__(self, raw: bytes, part: Part, boundary: bytes, depth: int, budget: _Budget) -> None:
        self._raw = raw
        self._end = part.end
        self._depth = depth
        self._budget = budget
        self._open = [_Open(part, b"--" + boundary)]
        self._left_open: list[bytes] = []
        self._known: tuple[bytes, ...] = (b"--" + boundary,)

    def divide(self) -> None:
        """Read part after part, up to the last closing boundary or the end."""
        position = self._open[0].part.start
        while self._open:
            found, line_end, whose, closes = self._next(position, self._end)
            self._end_parts(whose, found)
            if closes:
                self._open.pop()
                self._known = (*(one.delimiter for one in self._open), *self._left_open)
                position = line_end
            elif whose >= 0 and self._budget.left > 0:
                self._budget.left -= 1
                position = self._begin(min(line_end + 1, self._end))
            elif whose >= 0:
                self._budget.defects.append("too many parts")
                self._open.clear()

    def _next(self, position: int, limit: int) -> tuple[int, int, int, bool]:
        """The next boundary: where its line begins, where it ends, whose it is and whether it closes; -1 when none."""
        raw, budget = self._raw, self._budget
        found = raw.find(b"\n--", position - 1, limit) + 1 if position else 0
        while found or not position:
            if raw.startswith(self._known, found):
                line_end = raw.find(b"\n", found, self._end)
                line_end = self._end if line_end < 0 else line_end
                whose, closes = self._fits(raw[found:line_end].rstrip())
                if whose >= 0:
                    return found, line_end, whose, closes
            budget.strays -= 1
            if budget.strays <= 0:
                budget.defects.append("too many boundaries that are none")
                break
            position = found + 1
            found = raw.find(b"\n--", found, limit) + 1
        return limit, limit, -1, False

    def _fits(self, line: bytes) -> tuple[int, bool]:
        """Whose boundary the line is, the innermost first, and whether it closes."""
        for whose in range(len(self._open) - 1, -1, -1):
            delimiter = self._open[whose].delimiter
            if line == delimiter:
                return whose, False
            if line.startswith(delimiter) and line[len(delimiter) :].strip() == b"--":
                return whose, True
        if line in self._left_open and self._open[-1].part.children:
            return len(self._open) - 1, False
        return -1, False

    def _begin(self, start: int) -> int:
        """Open the part that starts here, in the innermost multipart; where to look on."""
        parent = self._open[-1].part
        headers, body = read_headers(self._raw, start, self._end_of_headers(start), self._budget.defects)
        default_type = "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain"
        child = _part(headers, body, self._end, default_type, self._budget)
        parent.children.append(child)
        within = child.content_type.startswith("multipart/") and self._depth + len(self._open) < MAX_DEPTH
        if within and (boundary := _boundary(child)):
            self._open.append(_Open(child, b"--" + boundary))
            self._known = (b"--" + boundary, *self._known)
        return body

    def _end_of_headers(self, start: int) -> int:
        """How far a part's headers may be read: to a boundary, unless a blank line comes before it."""
        raw = self._raw
        if raw.startswith((b"\n", b"\r\n"), start):
            return self._end
        near = min(self._end, start + _HEADERS)
        _, body = end_of_headers(raw, start, near)
        found, _, whose, _ = self._next(start, self._end if body == near else body)
        return _before_line_break(raw, start, found) if whose >= 0 else self._end

    def _end_parts(self, whose: int, found: int) -> None:
        """End all that is being read in this multipart, or in every one at the end of the mail."""
        while len(self._open) > whose + 1:
            inner = self._open.pop()
            if inner.part.children:
                self._budget.defects.append("multipart without closing boundary")
            self._end_last(inner, len(self._open), found, cut_off=whose < 0)
            self._left_open = [*self._left_open[1 - MAX_LEFT_OPEN :], inner.delimiter]
        if whose >= 0:
            self._end_last(self._open[whose], whose, found, cut_off=False)
            self._known = (*(one.delimiter for one in self._open), *self._left_open)

    def _end_last(self, multipart: _Open, level: int, found: int, *, cut_off: bool) -> None:
        """End the last part of a multipart, now that its extent is known."""
        if not multipart.part.children:
            return
        child = multipart.part.children[-1]
        if cut_off:
            child.end = _before_closing(self._raw, child.start, found, multipart.delimiter)
        else:
            child.end = max(child.start, _before_line_break(self._raw, child.start, found))
        _complete(self._raw, child, self._depth + level + 1, self._budget)


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
