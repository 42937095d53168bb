"""HTML as readable text, by one pass over its tags: no tree, so that nothing nests or backtracks."""

import html
import re

MAX_QUOTES = 20

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:]{0,30})")
_HIDING_WORDS = ("none", "hid", "size:0", "size: 0")
_ATTRIBUTE_HIDES = re.compile(
    r"""display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all|\shidden(?=[\s>/=]|$)"""
    r"""|font-size\s{0,3}:\s{0,3}0(?:px|pt|em)?\s{0,3}[;"'!]"""
)
_LONG_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_TRAILING = re.compile("(?<! ) +\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_CHARSET = re.compile(rb"""charset\s{0,3}=\s{0,3}["']?([A-Za-z0-9_.:-]{2,40})""")

_RAW = re.compile(r"<(?:!--|(script|style|title|textarea|iframe|noscript)(?=[\s/>]))", re.IGNORECASE)
_END_OF_RAW = {
    name: re.compile(rf"</{name}[\s>/]", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "iframe", "noscript")
}
_LOSES_NOTHING_UNCLOSED = frozenset({"title", "noscript"})
_MAY_CLOSE_ITSELF = frozenset({"object", "svg", "math"})
_SILENT = frozenset({"template", "select", *_MAY_CLOSE_ITSELF})
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
_INLINE = ("a", "b", "i", "u", "em", "strong", "font", "span", "img", "small", "big", "head", "input")
_PARAGRAPH = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table")
_LINE = (
    "div", "tr", "dt", "dd", "section", "article", "header", "footer", "center", "form", "address", "fieldset",
    "main", "nav", "aside", "figure", "figcaption", "caption", "tbody", "thead", "tfoot", "body", "html", "option",
)  # fmt: skip
_END_A_PARAGRAPH = frozenset({*_PARAGRAPH, "div", "blockquote", "pre", "form", "hr", "center"})  # HTML 13.2.6.4.7

# What tags leave in the text until all of it is there: controls, of which the source itself keeps none.
_BREAK, _LINE_ENDS, _PARAGRAPH_ENDS = "\1\2\3"
_QUOTE, _END_OF_QUOTE, _DASH = "\4\5\6"
_KEPT_BREAK, _KEPT_BLANK = "\7\x08"
_CONTROLS = "\1\2\3\4\5\6\7\x08"
_BREAKS = re.compile("[\1\2\3][\1\2\3 ]*")
_BREAKS_BEHIND_MARK = re.compile("([\4\5]|\6(?=[\1\2\3 ]+[^\1\2\3\4\5 ]))[\1\2\3 ]+")


def _marks() -> dict[str, str]:
    """What each plain tag leaves in the text, by its name in small or capital letters."""
    known = {
        "br": _BREAK, "br/": _BREAK, "br /": _BREAK, "hr": f"{_LINE_ENDS}----------{_LINE_ENDS}",
        "td": " ", "th": " ", "/td": "", "/th": "", "/br": "", "li": _LINE_ENDS + _DASH, "/li": _LINE_ENDS,
        "blockquote": _PARAGRAPH_ENDS + _QUOTE, "/blockquote": _PARAGRAPH_ENDS + _END_OF_QUOTE,
        "pre": _PARAGRAPH_ENDS, "/pre": _PARAGRAPH_ENDS,
    }  # fmt: skip
    for names, mark in (_INLINE, ""), (_LINE, _LINE_ENDS), (_PARAGRAPH, _PARAGRAPH_ENDS):
        known |= dict.fromkeys([*names, *(f"/{name}" for name in names)], mark)
    return known | {name.upper(): mark for name, mark in known.items()}


_MARKS = _marks()
_PLAIN = {name: mark for name, mark in _MARKS.items() if name.lower() not in {"pre", "/pre"}}


def html_to_text(source: str) -> str:
    """The text that a reader of the HTML sees, quotes of a blockquote marked with `>`."""
    for control in _CONTROLS:
        if control in source:
            source = source.replace(control, "")
    source = _without_raw(source)
    lowered = source.lower()
    text, *pieces = source.split("<")
    may_hide = any(word in lowered for word in _HIDING_WORDS)
    tags = _Tags(may_hide=may_hide)
    written = [text]
    write, plain, pending = written.append, _PLAIN.get, False
    for piece in pieces:
        head, closed, text = piece.partition(">")
        mark = None
        if closed and not pending:
            mark = plain(head)
            if mark is None and " " in head and not head.count('"') % 2 and "'" not in head:
                mark = plain(head.partition(" ")[0])
                if may_hide and mark is not None and _may_hide(head.lower()):
                    mark = None
        if mark is None:
            mark, text = tags.take(head, closed, text)
            pending = tags.pending
        if mark:
            write(mark)
        write(text)
    return _finished("".join(written))


def declared_charset(data: bytes) -> str:
    """The charset an HTML document names for itself in its first kilobytes; empty when none."""
    found = _CHARSET.search(data[:2048])
    return found[1].decode("ascii") if found else ""


def _without_raw(source: str) -> str:
    """The source without comments and without the elements that hold no markup, in the order in which they open."""
    kept: list[str] = []
    unclosed: set[str] = set()
    position = 0
    while found := _RAW.search(source, position):
        kept.append(source[position : found.start()])
        if (name := found[1]) is None:
            end = source.find("-->", found.start() + 2)
            position = len(source) if end < 0 else end + 3
        else:
            position = _end_of_raw(source, found.end(), name.lower(), unclosed)
    kept.append(source[position:])
    return "".join(kept)


def _end_of_raw(source: str, position: int, name: str, unclosed: set[str]) -> int:
    """Behind the closing tag of such an element; an unclosed one takes all but a title."""
    closing = None if name in unclosed else _END_OF_RAW[name].search(source, position)
    if closing is None:
        unclosed.add(name)  # searched once only: a thousand unclosed titles would each read to the end
        end = source.find(">", position, position + 2000) + 1 if name in _LOSES_NOTHING_UNCLOSED else len(source)
        return end or position
    end = source.find(">", closing.start())
    return len(source) if end < 0 else end + 1


class _Tags:
    """What tags mean that say more than the plain name of an element, or stand in what is hidden or preformatted."""

    __slots__ = ("_depth", "_hidden", "_may_hide", "_pre", "_unfinished", "pending")

    def __init__(self, *, may_hide: bool) -> None:
        self.pending = False  # whether even a plain tag must be taken here
        self._may_hide = may_hide
        self._unfinished = ""
        self._hidden = ""
        self._depth = 0
        self._pre = 0

    def take(self, head: str, closed: str, text: str) -> tuple[str, str]:
        """The mark that a tag leaves and the text behind it; `head` is what stands before the `>`, if there is one."""
        if self._unfinished:
            head, self._unfinished = self._unfinished, ""
        if (found := _NAME.match(head)) is None:
            text = text if head[:1] in {"!", "?", "/"} else f"<{head}{closed}{text}"
            return "", self._shown(text)
        if not closed:  # the tag goes on up to the next `>`, whatever stands between (HTML 13.2.5.40)
            self._unfinished = head
            self.pending = True
            return "", ""
        name = found[1].lower()
        attributes = head[found.end() :]
        if '"' in attributes or "'" in attributes:
            text = _behind_quoted(attributes, text)
        mark = self._close(name) if head[0] == "/" else self._open(name, attributes)
        self.pending = bool(self._hidden or self._pre)
        return mark, self._shown(text)

    def _open(self, name: str, attributes: str) -> str:
        if self._hidden == "p" and name in _END_A_PARAGRAPH:
            self._hidden = ""
        if self._hidden:
            self._depth += name == self._hidden
            return ""
        if name in _SILENT or (self._may_hide and name not in _VOID and _hides(attributes.lower())):
            if not attributes.endswith("/") or name not in _MAY_CLOSE_ITSELF:
                self._hidden, self._depth = name, 1
            return ""
        self._pre += name == "pre"
        return _MARKS.get(name, "")

    def _close(self, name: str) -> str:
        if self._hidden:
            self._depth -= name == self._hidden
            if self._depth <= 0:
                self._hidden = ""
            return ""
        self._pre -= name == "pre" and self._pre > 0
        return _MARKS.get(f"/{name}", "")

    def _shown(self, text: str) -> str:
        if self._hidden:
            return ""
        if self._pre:
            return text.replace("\r\n", "\n").replace("\n", _KEPT_BREAK).replace(" ", _KEPT_BLANK)
        return text


def _may_hide(attributes: str) -> bool:
    return "style" in attributes or "hidden" in attributes


def _hides(attributes: str) -> bool:
    return _may_hide(attributes) and _ATTRIBUTE_HIDES.search(attributes) is not None


def _behind_quoted(attributes: str, text: str) -> str:
    """The text behind the tag when the `>` that seemed to end it stood within a quoted attribute."""
    for quote in '"', "'":
        if attributes.count(quote) % 2 and attributes.rfind("=" + quote) == attributes.rfind(quote) - 1:
            closing = text.find(quote, 0, 2000)
            if closing >= 0 and (end := text.find(">", closing, closing + 2000)) >= 0:
                return text[end + 1 :]
    return text


def _finished(text: str) -> str:
    """The text with its marks made lines, quotes and blanks."""
    if "&" in text:
        text = _unescape(text)
    text = " ".join(text.split())
    if _QUOTE in text or _DASH in text:
        text = _BREAKS_BEHIND_MARK.sub(r"\1", text)
    text = _BREAKS.sub(_break, text).replace(" \n", "\n").strip(" \n")
    if _QUOTE in text or _END_OF_QUOTE in text:
        text = _quoted(text)
    if _KEPT_BLANK in text or _KEPT_BREAK in text or _DASH in text:
        text = text.replace(_KEPT_BLANK, " ").replace(_KEPT_BREAK, "\n").replace(_DASH, "- ")
        text = _TRAILING.sub("\n", text).rstrip()
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def _break(found: re.Match[str]) -> str:
    """What a run of ends of lines and paragraphs comes to: the first ends the line, others leave one blank line."""
    run = found[0]
    if len(run) == 1:
        return "\n\n" if run == _PARAGRAPH_ENDS else "\n"
    return "\n\n" if _PARAGRAPH_ENDS in run or run.count(_BREAK) > (run[0] == _BREAK) else "\n"


def _quoted(text: str) -> str:
    """The text with `>` before the lines of quotes; blank lines between a quote and what is none stay bare."""
    out: list[str] = []
    depth = shown = blank = 0
    for line in text.split("\n"):
        words = line.lstrip(_QUOTE + _END_OF_QUOTE)
        for mark in line[: len(line) - len(words)]:
            depth = depth + 1 if mark == _QUOTE else max(depth - 1, 0)
        if words:
            out += [">" * min(shown, depth, MAX_QUOTES)] * blank
            mark = ">" * min(depth, MAX_QUOTES)
            out += [f"{mark} {kept}" if kept and mark else mark + kept for kept in words.split(_KEPT_BREAK)]
            shown, blank = depth, 0
        else:
            blank += not line
    return "\n".join(out)


def _unescape(text: str) -> str:
    """Character references as characters; a number too long to be one is no reason to count it."""
    if "&#" in text:
        text = _LONG_NUMBER.sub("\ufffd", text)
    return html.unescape(text)
