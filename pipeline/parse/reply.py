"""What the author of a mail newly wrote, apart from what is quoted and from the signature."""

from pipeline.parse.introduction import header_block_at, introduction_at, is_rule
from pipeline.parse.signature import MAX_LINES_AFTER, is_delimiter, is_device_line, is_footer

MAX_LINES = 20_000

_OWN, _BLANK, _QUOTE, _INTRODUCTION, _EARLIER, _SIGNATURE = "own", "blank", "quote", "introduction", "earlier", "signature"


def split_reply(text: str) -> tuple[str, str, str]:
    """Reply, quoted text and signature.

    Quotes that an answer follows stay in the reply; those after the last own line go. A mail without any line of its
    own stays whole.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text.strip("\n"), "", ""
    kinds = _classify(lines)
    last = max((index for index, kind in enumerate(kinds) if kind is _OWN), default=-1)
    if last < 0 and _SIGNATURE not in kinds:
        return text.strip("\n"), "", ""
    reply, quoted, signature = [], [], []
    for index, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        if kind is _SIGNATURE:
            signature.append(line)
        elif index <= last and kind is not _INTRODUCTION:
            reply.append(line)
        else:
            quoted.append(line)
    return _joined(reply), _joined(quoted), _joined(signature)


def _classify(lines: list[str]) -> list[str]:
    """What each line is, in one pass with a bounded look ahead."""
    kinds: list[str] = []
    index, own, signing = 0, False, False
    while index < len(lines):
        line = lines[index]
        stripped = line.strip()
        if not stripped:
            kinds.append(_SIGNATURE if signing else _BLANK)
        elif stripped[0] == ">":
            signing = False
            if own and header_block_at(lines, index) and not _own_after(lines, index):
                break
            kinds.append(_QUOTE)
        elif own and _earlier_message_at(lines, index):
            break
        elif count := introduction_at(lines, index):
            if own and not _quote_after(lines, index + count):
                break
            signing = False
            kinds += [_INTRODUCTION] * count
            index += count
            continue
        elif not signing and _signature_at(lines, index, own=own):
            signing = True
            kinds.append(_SIGNATURE)
        elif signing:
            kinds.append(_SIGNATURE)
        elif set(stripped) <= set("-_=*~ ") and _rule_before_earlier(lines, index, own=own):
            break
        else:
            own = True
            kinds.append(_OWN)
        index += 1
    kinds += [_EARLIER] * (len(lines) - len(kinds))
    return kinds


def _earlier_message_at(lines: list[str], index: int) -> bool:
    """Whether everything from there is an earlier message, quoted without marks."""
    return is_rule(lines[index]) or header_block_at(lines, index)


def _rule_before_earlier(lines: list[str], index: int, *, own: bool) -> bool:
    """A line of dashes or underscores belongs to the earlier message that starts right below."""
    if not own:
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


def _own_after(lines: list[str], index: int) -> bool:
    """Whether an unquoted line follows within the next few hundred."""
    return any(line.strip() and not line.lstrip().startswith(">") for line in lines[index : index + 300])


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
