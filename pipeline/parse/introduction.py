"""Lines that introduce somebody else's words: "On … wrote:", header blocks, rules like "Original Message"."""

import re

from pipeline.parse import phrases

WINDOW = 4
MAX_LENGTH = 400
MAX_RULE = 120
COLONS = ":\uff1a"  # the second is the full-width one of Chinese and Japanese

_MAX_BLANKS = 3
_FIELDS = 3
_SAYS = re.compile(rf"(?:^|[\s\d,>\"'*)\uff0c])(?:{phrases.WROTE})(?=$|[\s*<\"'(,{COLONS}])", re.IGNORECASE)
_STARTS = re.compile(rf"[\s*_]*(?:(?:{phrases.DATE_STARTS})\b|\d{{1,4}}[-./年 ]|在|于)", re.IGNORECASE)
_ENDS = re.compile(rf"[{COLONS}][\s*_]*$")
_EVIDENCE = re.compile(r"\d[-./:年 ,]|@|\d{4}")
_MESSAGE = re.compile(phrases.MESSAGE, re.IGNORECASE)
_DATED = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?: (?=.{0,90}[<@])| \d\d?:\d\d(?::\d\d)? (?:GMT|UTC|[+-]\d\d))[^\n]{1,200}$"
)
_MAILBOX_END = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}>\s?[:\uff1a]?$")
_BEGIN = re.compile(
    rf"^[\s*>]*(?:-{{0,20}} ?)?(?:{phrases.EARLIER_MESSAGE})[ \-*]{{0,20}}:?[ \-*]{{0,20}}$", re.IGNORECASE
)
_FIELD = re.compile(
    rf"^[\s*_>]*(?:(?P<who>{phrases.WHO})|(?P<when>{phrases.WHEN})|(?P<whom>{phrases.TO_WHOM_OR_WHAT}))[\s*_]{{0,3}}[{COLONS}]",
    re.IGNORECASE,
)


def introduction_at(lines: list[str], index: int) -> int:
    """How many lines from there are an introduction such as "On … wrote:"; 0 when none starts there."""
    if count := _dated_at(lines, index):
        return count
    line = lines[index]
    if not _STARTS.match(line) and not _ENDS.search(line) and ("@" not in line or len(line) > MAX_LENGTH):
        return 0
    window = ""
    for count, part in enumerate(map(str.strip, lines[index : index + WINDOW]), 1):
        window = f"{window} {part}"
        if not part or len(window) > MAX_LENGTH:
            return 0
        if _ENDS.search(part):
            says = _SAYS.search(window) and (_EVIDENCE.search(window) or _is_quote_next(lines, index + count))
            return count if says else 0
    return 0


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
    return (":" in bare[-2:] or bare[:1] == "-") and _BEGIN.match(line) is not None


def header_block_at(lines: list[str], index: int) -> bool:
    """Whether the headers of an earlier message stand there: who wrote it with when, to whom or about what."""
    line = lines[index][:80]
    first = _FIELD.match(line) if any(colon in line for colon in COLONS) else None
    if first is None:
        return False
    kinds = {first.lastgroup}
    fields = 1
    blanks = 0
    for line in lines[index + 1 : index + 9]:
        found = _FIELD.match(line[:80])
        if found:
            kinds.add(found.lastgroup)
            fields += 1
        elif not line.strip("> *"):
            blanks += 1
            if blanks > _MAX_BLANKS:  # some clients put a blank line between any two headers
                break
    return {"who", "when"} <= kinds or (fields >= _FIELDS and "who" in kinds)  # two could be prose


def _is_quote_next(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 3]:
        if line.strip():
            return line.lstrip().startswith(">")
    return False
