"""What the author of a mail newly wrote, apart from what is quoted and from the signature."""

import re

from pipeline.parse.introduction import COLONS, WINDOW, header_block_at, introduction_at, is_rule
from pipeline.parse.signature import MAX_LINES_AFTER, is_delimiter, is_device_line, is_footer

MAX_LINES = 20_000
_MAX_HEADER_LINES = 12
_MARKS = frozenset("-\u2013\u2014_=*~|\u1427")  # the last is what trackers of opened mail leave in Gmail
_DECORATION = frozenset("-\u2013\u2014_=*~+#. \u00a0\u1427")
_INITIALS = re.compile(r"[A-Z]{1,3}>")

_OWN, _BLANK, _QUOTE = "own", "blank", "quote"
_INTRODUCTION, _EARLIER, _SIGNATURE = "introduction", "earlier", "signature"


def split_reply(text: str) -> tuple[str, str, str]:
    """Reply, quoted text and signature.

    Quotes that an answer follows stay in the reply; those after the last own line go, and so does a single quote above
    the answer that "On … wrote:" introduces. A mail without any line of its own stays whole.
    """
    if text.count("\n") > MAX_LINES:
        return text.strip("\n"), "", ""
    lines = text.split("\n")
    kinds = _classify(lines)
    last = max((index for index, kind in enumerate(kinds) if kind is _OWN), default=-1)
    if last < 0 and _SIGNATURE not in kinds:
        return text.strip("\n"), "", ""
    start = _behind_single_quote(kinds, last)
    reply, quoted, signature = [], [], []
    for index, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        if kind is _SIGNATURE:
            signature.append(line)
        elif start <= index <= last and kind is not _INTRODUCTION:
            reply.append(line)
        else:
            quoted.append(line)
    return _joined(reply), _joined(quoted), _joined(signature)


def _behind_single_quote(kinds: list[str], last: int) -> int:
    """Where the answer starts below an introduced quote that is the only one; 0 when the mail is built otherwise."""
    first = next((index for index, kind in enumerate(kinds) if kind is not _BLANK), 0)
    if kinds[first] is not _INTRODUCTION or _QUOTE not in kinds:
        return 0
    own = kinds.index(_OWN) if last >= 0 else 0
    return own if own and _QUOTE not in kinds[own : last + 1] and _QUOTE in kinds[first:own] else 0


def _classify(lines: list[str]) -> list[str]:
    """What each line is, in one pass with a bounded look ahead."""
    kinds: list[str] = []
    near_colon = _near_colon(lines)
    last_plain = max((i for i, line in enumerate(lines) if line.strip() and line.lstrip()[0] != ">"), default=-1)
    own = signing = False
    while (index := len(kinds)) < len(lines):
        stripped = lines[index].strip()
        count, kind = 1, _SIGNATURE if signing else _OWN
        if not stripped:
            kind = _SIGNATURE if signing else _BLANK
        elif stripped[0] == ">" or (">" in stripped[:4] and _INITIALS.match(stripped)):
            kind = _QUOTE
            if own and index > last_plain and header_block_at(lines, index):
                break
        elif stripped[0] in _MARKS or near_colon[index] or is_device_line(stripped):
            count, kind = _special(lines, index, kinds, own=own, signing=signing)
            if kind is _EARLIER:
                break
        signing = kind is _SIGNATURE
        own = own or kind is _OWN
        kinds += [kind] * count
    return kinds + [_EARLIER] * (len(lines) - len(kinds))


def _special(lines: list[str], index: int, kinds: list[str], *, own: bool, signing: bool) -> tuple[int, str]:
    """How many lines a line with marks or a colon decides over, and what they are."""
    stripped = lines[index].strip()
    if _earlier_message_at(lines, index):
        return (1, _EARLIER) if own else (_header_lines(lines, index), _INTRODUCTION)
    if own and _rule_before_earlier(lines, index, stripped):
        return 1, _EARLIER
    if count := introduction_at(lines, index):
        return (1, _EARLIER) if own and not _quote_after(lines, index + count) else (count, _INTRODUCTION)
    if signing or _signature_at(lines, index, own=own):
        return 1, _SIGNATURE
    if set(stripped) <= _DECORATION:
        return 1, _BLANK
    return 1, _QUOTE if stripped[0] == "|" and _below_quote(kinds) else _OWN


def _near_colon(lines: list[str]) -> bytearray:
    """Which lines end with a colon, stand shortly above one, or look like a header."""
    near = bytearray(len(lines))
    for index, line in enumerate(lines):
        tail = line[-4:]
        if ":" in tail or COLONS[1] in tail:
            for place in range(max(0, index - WINDOW + 1), index + 1):
                near[place] = 1
        elif ":" in (head := line[:24]) or COLONS[1] in head or ("@" in line and head[:4].isdecimal()):
            near[index] = 1
    return near


def _below_quote(kinds: list[str]) -> bool:
    """Some clients quote with `|`; it counts only right below an introduction or another such quote."""
    before = next((kind for kind in reversed(kinds[-3:]) if kind is not _BLANK), _OWN)
    return before in {_INTRODUCTION, _QUOTE}


def _header_lines(lines: list[str], index: int) -> int:
    """How many lines the headers of a forward take that has nothing above it: up to the first blank one."""
    end = index + 1
    while end < len(lines) and (lines[end].strip() or (end == index + 1 and header_block_at(lines, end - 1))):
        if end - index > _MAX_HEADER_LINES:
            return 1
        end += 1
    return end - index


def _earlier_message_at(lines: list[str], index: int) -> bool:
    """Whether everything from there is an earlier message, quoted without marks."""
    return header_block_at(lines, index) or is_rule(lines[index])


def _rule_before_earlier(lines: list[str], index: int, stripped: str) -> bool:
    """A line of dashes or underscores belongs to the earlier message that starts right below."""
    if not set(stripped) <= _DECORATION:
        return False
    for following in range(index + 1, min(index + 4, len(lines))):
        if lines[following].strip():
            return _earlier_message_at(lines, following)
    return False


def _quote_after(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 4]:
        if line.strip():
            return line.lstrip().startswith(">")
    return True


def _signature_at(lines: list[str], index: int, *, own: bool) -> bool:
    line = lines[index]
    if is_delimiter(line) or (own and is_footer(line)):
        return True
    return is_device_line(line) and _few_lines_left(lines, index)


def _few_lines_left(lines: list[str], index: int) -> bool:
    """What a device adds stands at the end, or right above the quote."""
    left = 0
    for following in range(index + 1, min(index + 30, len(lines))):
        line = lines[following].strip()
        if not line:
            continue
        if line[0] == ">" or _earlier_message_at(lines, following) or introduction_at(lines, following):
            return True
        left += not is_device_line(line)
        if left > MAX_LINES_AFTER:
            return False
    return True


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()
