"""HTML that is safe to show: cleaned by nh3, after a look whether that would take too long."""

import re

MAX_SIZE = 524_288
MAX_OPEN = 200
MAX_AMPERSANDS = 30_000  # the time of bare ampersands grows with their square: 500,000 take 2 s

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_NEVER_OPEN = frozenset({
    "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "wbr", "source", "track",
    "p", "li", "td", "th", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot",  # the next of its kind closes these
})  # fmt: skip


def is_heavy(source: str) -> bool:
    """Whether a tree builder could take seconds: nh3 needs more than 90 s for 1 MB of nested elements.

    Counts per element name, opened less closed; a linear look that errs towards heavy.
    """
    if len(source) > MAX_SIZE or source.count("&") > MAX_AMPERSANDS:
        return True
    opened: dict[str, int] = {}
    total = 0
    for closing, name in _TAG.findall(source):
        tag = name.lower()
        if tag in _NEVER_OPEN:
            continue
        count = opened.get(tag, 0)
        if closing:
            if count:
                opened[tag] = count - 1
                total -= 1
        else:
            opened[tag] = count + 1
            total += 1
            if total > MAX_OPEN:
                return True
    return False


def sanitise(source: str) -> str:
    """The HTML without scripts, forms, handlers and foreign schemes. Call it only for what is not heavy."""
    import nh3  # noqa: PLC0415 - intake never needs it, and it costs start-up time

    return nh3.clean(source, clean_content_tags={"script", "style", "title"})
