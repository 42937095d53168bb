"""Lines that introduce somebody else's words: "On … wrote:", header blocks, rules like "Original Message"."""

import re

from pipeline.parse import phrases

WINDOW = 5
MAX_LENGTH = 400
MAX_RULE = 120
COLONS = ":\uff1a"  # the second is the full-width one of Chinese and Japanese

_MAX_BLANKS = 3
_SHORT = 40  # so long is at most the beginning of a date that was folded
_FIELDS = 3
_SAYS = re.compile(rf"(?:^|[\s\d,>\"'*)\uff0c])(?:{phrases.WROTE})(?=$|[\s*<\"'(,{COLONS}])", re.IGNORECASE)
_STARTS_BY_WORD = re.compile(rf"[\s*_]*(?:(?:{phrases.DATE_STARTS})\b|在|于)", re.IGNORECASE)
_STARTS = re.compile(rf"{_STARTS_BY_WORD.pattern}|[\s*_]*\d{{1,4}}[-./年년 ]", re.IGNORECASE)
_MYSELF = re.compile(rf"\b(?:{phrases.MYSELF})")
_WEEKDAY = re.compile(r"\S{1,14} \d{1,2}\S?(?: \S{1,14}){0,3}")
_ENDS = re.compile(rf"[{COLONS}][\s*_]*$")
_EVIDENCE = re.compile(r"\d[-./:年 ,]|@|\d{4}")
_KNOWING = re.compile(r"@|\d{4}|\d[:.]\d\d")
_MESSAGE = re.compile(phrases.MESSAGE, re.IGNORECASE)
_DATED = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?: (?=.{0,90}[<@])| \d\d?:\d\d(?::\d\d)? (?:GMT|UTC|[+-]\d\d))[^\n]{1,200}$"
)
_DAY = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}([./-])[ ]?\d{1,2}\1[ ]?\d{2}(?!\d)")
_HOUR = re.compile(r"(?<!\d)\d{1,2}[:.h]\d\d(?!\d)")
_MAILBOX = re.compile(r"[<(][^<>()\s@]{1,100}@[^<>()\s@]{1,200}[>)]")
_MAILBOX_END = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}>\s?[:\uff1a]?$")
_BEGIN = re.compile(
    rf"^[\s*>]*(?:-{{0,20}} ?)?(?:{phrases.EARLIER_MESSAGE})[ \-*]{{0,20}}[{COLONS}]?[ \-*]{{0,20}}$", re.IGNORECASE
)
_FIELD = re.compile(
    rf"^[\s*_>]*(?:(?P<who>{phrases.WHO})|(?P<when>{phrases.WHEN})|(?P<whom>{phrases.TO_WHOM_OR_WHAT}))[\s*_]{{0,3}}[{COLONS}]",
    re.IGNORECASE,
)


def introduction_at(lines: list[str], index: int) -> int:
    """How many lines from there are an introduction such as "On … wrote:"; 0 when none starts there."""
    if count := _dated_at(lines, index):
        return count
    if not any(map(_may_end, lines[index : index + WINDOW])):
        return 0
    line = lines[index]
    starts = _STARTS.match(line) is not None
    dated = _is_dated(line)
    if len(line) > MAX_LENGTH or not (starts or dated or _may_start(lines, index)):
        return 0
    return _up_to_colon(
        lines, index, may_fold=starts and dated, anew=not dated and not (starts and len(line) <= _SHORT)
    )


def _up_to_colon(lines: list[str], index: int, *, may_fold: bool, anew: bool) -> int:
    """How many lines up to the one that ends with a colon, if they introduce.

    `may_fold` when one client's blank lines around a mailbox are skipped; `anew` when the introduction could start at a
    later line, the lines above it being prose.
    """
    window = ""
    for count, part in enumerate(map(str.strip, lines[index : index + WINDOW]), 1):
        if not part and not may_fold:
            break
        if count > 1 and anew and not window.endswith(">") and _starts_anew(part):
            break
        window = f"{window} {part}"
        if len(window) > MAX_LENGTH:
            break
        if _ENDS.search(part):
            return count if _introduces(window, lines, index + count) else 0
    return 0


def _may_start(lines: list[str], index: int) -> bool:
    """Whether the line could be the first of an introduction wherever it was folded."""
    line = lines[index]
    if "@" in line or _may_end(line):
        return True
    following = lines[index + 1].lstrip() if index + 1 < len(lines) else ""
    if line.endswith("<") or (following.startswith("<") and "@" in following):
        return True
    if len(line) <= _SHORT and _WEEKDAY.fullmatch(line.strip()):
        return True
    return _is_dated(following) and _SAYS.search(line) is not None


def _may_end(line: str) -> bool:
    tail = line[-4:]
    return ":" in tail or COLONS[1] in tail


def _starts_anew(part: str) -> bool:
    """Whether the introduction starts at this line, and what stands above it is prose."""
    return _STARTS_BY_WORD.match(part) is not None and _is_dated(part)


def _introduces(window: str, lines: list[str], following: int) -> bool:
    """Whether it says that somebody wrote, or names a mailbox and a time, as in any language."""
    if _SAYS.search(window):
        if _MYSELF.search(window):
            return _is_quote_next(lines, following)
        return _EVIDENCE.search(window) is not None or _is_quote_next(lines, following)
    return _MAILBOX.search(window) is not None and _is_dated(window)


def _is_dated(text: str) -> bool:
    """Whether it tells a day with its year, and an hour."""
    if "20" not in text and "19" not in text and max(map(text.count, "./-")) < 2:  # noqa: PLR2004 - between three numbers
        return False
    return _DAY.search(text) is not None and _HOUR.search(text) is not None


def _dated_at(lines: list[str], index: int) -> int:
    """Gmail's way in some languages: the date and the mailbox, without a verb, on one line or two."""
    if not lines[index][:4].isdecimal():
        return 0
    first = lines[index].strip()
    both = (first + "".join(lines[index + 1 : index + 2]).strip())[:MAX_LENGTH]
    for count, text in (1, first), (2, both):
        if _DATED.match(text) and _MAILBOX_END.search(text):
            return count
    return 1 if "GMT" in first[:30] and _DATED.match(first) else 0


def is_rule(line: str) -> bool:
    """Whether the line separates an earlier message, like `-----Original Message-----` in any language."""
    if len(line) > MAX_RULE:
        return False
    bare = line.strip(" \t*>\u00a0")
    if bare and bare[0] in "-_—=" and bare[-1] in "-_—=":
        inner = bare.strip("-_—= \t*")
        return bool(_MESSAGE.search(inner) or (_SAYS.search(inner) and _EVIDENCE.search(inner)))
    return (":" in bare[-2:] or COLONS[1] in bare[-1:] or bare[:1] == "-") and _BEGIN.match(line) is not None


def header_block_at(lines: list[str], index: int) -> bool:
    """Whether the headers of an earlier message stand there: who wrote it with when, to whom or about what."""
    line = lines[index][:80]
    first = _FIELD.match(line) if any(colon in line for colon in COLONS) else None
    if first is None:
        return False
    kinds = {first.lastgroup}
    fields = 1
    blanks = 0
    known = bool(_KNOWING.search(lines[index][:200]))
    for line in lines[index + 1 : index + 9]:
        found = _FIELD.match(line[:80])
        if found:
            kinds.add(found.lastgroup)
            fields += 1
            known = known or bool(_KNOWING.search(line[:200]))
        elif not line.strip("> *"):
            blanks += 1
            if blanks > _MAX_BLANKS:  # some clients put a blank line between any two headers
                break
    if fields < _FIELDS:  # two could be prose
        return known and {"who", "when"} <= kinds
    return "who" in kinds


def field_at(line: str) -> tuple[str, str] | None:
    """What kind of header of an earlier message the line is (who, when, whom), and its value; None for another line."""
    found = _FIELD.match(line[:80])
    return (found.lastgroup or "", line[found.end() :].strip(" \t*_\u00a0")) if found else None


def _is_quote_next(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 3]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False
