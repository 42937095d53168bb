"""HTML as readable text, by one pass over its tags: no tree, so that nothing nests or backtracks."""

import html
import re

_TAG_NAME = re.compile(r"(/?)([a-zA-Z][a-zA-Z0-9:]{0,30})")
_SIMPLE_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:]{0,30})((?:\s[^<>"']*(?:"[^"<>]*"[^<>"']*)*)?)/?>""")
_BLANKS = re.compile(r"[ \t\r\n\f\u00a0]+")
_ATTRIBUTE_HIDES = re.compile(
    r"""display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all|\shidden(?=[\s>/=])"""
    r"""|font-size\s{0,3}:\s{0,3}0(?:px|pt|em)?\s{0,3}[;"'!]""",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_BLANK_LINES = re.compile(r"\n{3,}")
_CHARSET = re.compile(rb"""charset\s{0,3}=\s{0,3}["']?([A-Za-z0-9_.:-]{2,40})""")

_SILENT = frozenset({
    "script", "style", "title", "noscript", "template", "object", "iframe", "select", "textarea", "svg", "math",
})  # fmt: skip
_MAY_CLOSE_ITSELF = frozenset({"object", "svg", "math"})
_CELL = frozenset({"td", "th"})
_RAW = frozenset({"script", "style", "title", "textarea", "iframe", "noscript"})
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
_PARAGRAPH = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre"})
_LINE = frozenset({
    "div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "center", "form", "address", "fieldset",
    "main", "nav", "aside", "figure", "figcaption", "caption", "tbody", "thead", "tfoot", "body", "html", "option",
})  # fmt: skip


def html_to_text(source: str) -> str:
    """The text that a reader of the HTML sees, quotes of a blockquote marked with `>`."""
    writer = _Writer(may_hide=any(word in source.lower() for word in ("none", "hid", "size:0", "size: 0")))
    position, length = 0, len(source)
    while position < length:
        opened = source.find("<", position)
        if opened < 0:
            writer.text(source[position:])
            break
        if opened > position:
            writer.text(source[position:opened])
        position = _tag(source, opened, writer)
    return writer.result()


def declared_charset(data: bytes) -> str:
    """The charset an HTML document names for itself in its first kilobytes; empty when none."""
    found = _CHARSET.search(data[:2048])
    return found[1].decode("ascii") if found else ""


def _tag(source: str, opened: int, writer: "_Writer") -> int:
    """Take one tag, comment or stray `<`; where the next text starts."""
    if simple := _SIMPLE_TAG.match(source, opened):
        closes, tag, attributes = simple.groups()
        tag, end = tag.lower(), simple.end()
    elif name := _TAG_NAME.match(source, opened + 1):
        closes, tag, end = name[1], name[2].lower(), _end_of_tag(source, opened)
        attributes = source[name.end() : end]
    else:
        return _no_tag(source, opened, writer)
    if closes:
        writer.close(tag)
        return end
    writer.open(tag, attributes)
    if tag in _RAW:
        if tag not in writer.unclosed:
            end = _find_closing(source, tag, end, writer)
        writer.close(tag)
    return end


def _no_tag(source: str, opened: int, writer: "_Writer") -> int:
    """A comment, a declaration, or a `<` that stands for itself."""
    if source.startswith("<!--", opened):
        end = source.find("-->", opened + 4)
        return len(source) if end < 0 else end + 3
    if source[opened + 1 : opened + 2] in {"!", "?", "/"}:
        end = source.find(">", opened)
        return len(source) if end < 0 else end + 1
    writer.text("<")
    return opened + 1


def _end_of_tag(source: str, opened: int) -> int:
    """Behind the `>` that closes the tag, not one within a quoted attribute."""
    end = source.find(">", opened)
    if end < 0:
        return len(source)
    tag = source[opened:end]
    for quote in '"', "'":
        if tag.count(quote) % 2 and tag.rfind("=" + quote) == tag.rfind(quote) - 1:
            closing = source.find(quote, end, end + 2000)
            if closing > 0 and (later := source.find(">", closing, closing + 2000)) > 0:
                return later + 1
    return end + 1


def _find_closing(source: str, tag: str, position: int, writer: "_Writer") -> int:
    """Behind the closing tag of an element that holds no markup; an unclosed one takes all but a title."""
    closing = re.compile(rf"</{tag}[\s>/]", re.IGNORECASE).search(source, position)
    if closing is None:
        writer.unclosed.add(tag)  # searched once only: a thousand unclosed titles would each read to the end
        return position if tag in {"title", "noscript"} else len(source)
    end = source.find(">", closing.start())
    return len(source) if end < 0 else end + 1


class _Writer:
    """Collects text and line breaks as the tags go by."""

    __slots__ = ("_hidden", "_hidden_depth", "_lines", "_may_hide", "_pre", "_quote", "_row", "unclosed")

    def __init__(self, *, may_hide: bool) -> None:
        self._may_hide = may_hide
        self.unclosed: set[str] = set()
        self._lines: list[str] = []
        self._row: list[str] = []
        self._hidden = ""
        self._hidden_depth = 0
        self._pre = 0
        self._quote = 0

    def text(self, text: str) -> None:
        if self._hidden:
            return
        if "&" in text:
            text = _unescape(text)
        if self._pre:
            first, *others = text.split("\n")
            self._put(first.rstrip("\r"))
            for line in others:
                self._flush()
                self._put(line.rstrip("\r"))
            return
        text = _BLANKS.sub(" ", text)
        if text == " " and (not self._row or self._row[-1].endswith(" ")):
            return
        if text:
            self._put(text)

    def open(self, tag: str, attributes: str) -> None:
        if self._hidden:
            self._hidden_depth += tag == self._hidden
        elif tag == "br":
            self._flush()
        elif tag in _SILENT or (self._may_hide and tag not in _VOID and _ATTRIBUTE_HIDES.search(attributes)):
            if not attributes.endswith("/") or tag not in _MAY_CLOSE_ITSELF:
                self._hidden, self._hidden_depth = tag, 1
        elif tag in _PARAGRAPH:
            self._paragraph()
            self._quote += tag == "blockquote"
            self._pre += tag == "pre"
        elif tag in _LINE:
            self._end_line()
            if tag == "li":
                self._put("- ")
        elif tag in _CELL and self._row:
            self._put(" ")
        elif tag == "hr":
            self._end_line()
            self._put("----------")
            self._end_line()

    def close(self, tag: str) -> None:
        if self._hidden:
            self._hidden_depth -= tag == self._hidden
            if self._hidden_depth <= 0:
                self._hidden = ""
            return
        if tag in _PARAGRAPH:
            self._end_line()
            self._quote -= tag == "blockquote" and self._quote > 0
            self._pre -= tag == "pre" and self._pre > 0
            self._paragraph()
        elif tag in _LINE:
            self._end_line()

    def result(self) -> str:
        self._end_line()
        return _BLANK_LINES.sub("\n\n", "\n".join(self._lines)).strip("\n")

    def _put(self, text: str) -> None:
        if not self._row and not self._pre:
            text = text.lstrip(" ") if text != "- " else text
        if text:
            self._row.append(text)

    def _flush(self) -> None:
        line = "".join(self._row).rstrip()
        if self._quote:
            line = ">" * min(self._quote, 20) + (" " + line if line else "")
        self._lines.append(line)
        self._row.clear()

    def _end_line(self) -> None:
        if self._row and (self._pre or not "".join(self._row).isspace()):
            self._flush()
        else:
            self._row.clear()

    def _paragraph(self) -> None:
        self._end_line()
        if self._lines and self._lines[-1].strip("> "):
            self._flush()


def _unescape(text: str) -> str:
    """Character references as characters; a number too long to be one is no reason to count it."""
    if "&#" in text:
        text = _LONG_NUMBER.sub("\ufffd", text)
    return html.unescape(text)
