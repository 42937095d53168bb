"""Which parts of a mail are its readable body, and which are attachments."""

from dataclasses import dataclass, field

from pipeline.parse.mime import Part

_RICH = frozenset({"text/enriched", "text/richtext"})
_READABLE = frozenset({"text/plain", "text/html"})
_ALTERNATIVES = frozenset({"text/x-amp-html", "text/watch-html", "text/x-web-intelligent"})


@dataclass(slots=True)
class Section:
    """A stretch of the body, as plain text, as HTML, or as both of which one is shown."""

    plain: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Body:
    """The sections in order, the attachments in order."""

    sections: list[Section] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


def read_body(whole: Part) -> Body:
    """Sort every leaf of the mail, in the manner of JMAP's textBody and htmlBody (RFC 8621, 4.1.4)."""
    body = Body()
    body.sections = _sections(whole, body, parent="", is_first=True)
    return body


def _sections(part: Part, body: Body, *, parent: str, is_first: bool) -> list[Section]:
    if not part.is_multipart:
        return _leaf(part, body, parent=parent, is_first=is_first)
    kind = part.content_type
    found: list[Section] = []
    root = _root_of(part) if kind == "multipart/related" else None
    for number, child in enumerate(part.children):
        first = child is root if root is not None else number == 0 or kind == "multipart/alternative"
        found += _sections(child, body, parent=kind, is_first=first)
    if kind != "multipart/alternative" or not found:
        return found
    merged = Section()
    for section in found:
        merged.plain += section.plain
        merged.html += section.html
    simple = [text for text in merged.plain if text.content_type not in _RICH]
    merged.plain = simple if simple or merged.html else merged.plain
    return [merged]


def _root_of(related: Part) -> Part:
    """The part that the others belong to (RFC 2387): the one `start` names, else the first."""
    start = related.parameters.get("start", "").strip()
    if start:
        for child in related.children:
            if child.headers.raw("content-id").strip() == start:
                return child
    return related.children[0]


def _leaf(part: Part, body: Body, *, parent: str, is_first: bool) -> list[Section]:
    kind = part.content_type
    alternative = parent == "multipart/alternative"
    readable = kind in _READABLE or (kind in _RICH and is_first)
    if readable and part.disposition != "attachment":
        named = bool(part.named)
        if is_first or (parent != "multipart/related" and not named):
            return [Section(html=[part]) if kind == "text/html" else Section(plain=[part])]
    elif alternative and kind in _ALTERNATIVES:
        return []
    body.attachments.append(part)
    return []
