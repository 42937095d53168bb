"""Address lists of RFC 5322, read by a scanner that takes each character once."""

import re
from functools import lru_cache

from pipeline.parse.message import Address
from pipeline.parse.words import decode_words, one_line

MAX_ADDRESSES = 1000
MAX_ADDRESS = 500
MAX_NAME = 500
MAX_REMEMBERED = 200

_SPECIAL = re.compile(r'["()<>,;:\\]')
_SIMPLE = re.compile(
    r'(?:"([^"\\<>(),;:@=]*)"[ \t]*|([^"\\<>(),;:@=]*))<([^\s"\\<>(),;:@]+@[^\s"\\<>(),;:@]+)>', re.ASCII
)
_BARE = re.compile(r"""[^\s"\\<>(),;:@='\[\]]+@[^\s"\\<>(),;:@='\[\]]+""", re.ASCII)
_USABLE = re.compile(r"""(?:[^\s@<>()\[\]",;:\\]+|"[^"\r\n]{1,64}")@(?:[^\s@<>()\[\]",;:\\]+|\[[^\s@\[\]\\]+\])""")
_LOCAL = re.compile(r"[\w.+-]{0,64}")
_WORD = re.compile(r"[^\W_]")
_SCHEME = re.compile(r"^(?:mailto|smtp):", re.IGNORECASE)
_ROUTE = re.compile(r"^@[^:]*:")
_BLANK = re.compile(r"\s+")


def read_addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes in a header, those of groups included; of one without an address, its name.

    `Name (address)`, as some mailers write it, is taken as meant. A speaker's is not: see `read_speaker`.
    """
    return _remembered(value) if len(value) <= MAX_REMEMBERED else _addresses(value)


def _addresses(value: str) -> tuple[Address, ...]:
    found = (address for address, _ in _read(value, decode=True, turned=True))
    return tuple(address for address in found if address.address or address.name)


_remembered = lru_cache(maxsize=1024)(_addresses)  # most mails are to the same few mailboxes


def read_speaker(value: str) -> tuple[Address | None, str]:
    """The one mailbox a From or Sender header names, else None and why: better nobody than the wrong one."""
    return _remembered_speaker(value) if len(value) <= MAX_REMEMBERED else _speaker(value)


def _speaker(value: str) -> tuple[Address | None, str]:
    if not value:
        return None, "empty"
    entries = _read(value, decode=True)
    if any(in_group for _, in_group in entries):
        return None, "a group"
    mailboxes = [address for address, _ in entries]
    if len({mailbox.address.lower() for mailbox in mailboxes}) > 1:
        return None, "several addresses"
    if not mailboxes or not is_usable(mailboxes[0].address):
        return None, "no usable address"
    return mailboxes[0], ""


_remembered_speaker = lru_cache(maxsize=1024)(_speaker)


def read_unanswerable(value: str) -> Address | None:
    """What a From without any address says of its author: `Ana Silva`, or `Cron <root>`, a mailbox of its machine.

    None where an address was tried, for it might be read as the wrong one, and where there is no name in letters.
    """
    if "@" in value:
        return None
    found = [address for address, in_group in _read(value, decode=True) if not in_group]
    if len(found) != 1 or not _LOCAL.fullmatch(found[0].address) or not _WORD.search(found[0].name):
        return None
    return found[0]


def is_usable(address: str) -> bool:
    """Whether mail could be sent there: one @ with something plausible on both sides."""
    return len(address) <= MAX_ADDRESS and _USABLE.fullmatch(address) is not None


def _read(value: str, *, decode: bool, turned: bool = False) -> list[tuple[Address, bool]]:
    """Each mailbox with whether it stood in a group."""
    if simple := _SIMPLE.fullmatch(value):
        return [(Address(_unquoted(one_line(simple[1] or simple[2] or ""))[:MAX_NAME], simple[3][:MAX_ADDRESS]), False)]
    if _BARE.fullmatch(value):
        return [(Address("", value[:MAX_ADDRESS]), False)]
    found = [(_mailbox(entry, turned=turned), entry.in_group) for entry in _whole_names(_entries(value))]
    if decode and "=?" in value and not any("@" in address.address for address, _ in found):
        return _read(decode_words(value), decode=False, turned=turned)  # mailers that encode the address with its name
    return [(address, in_group) for address, in_group in found if address.name or address.address or in_group]


class _Entry:
    """What stands between two commas, sorted by how it is written."""

    __slots__ = ("angled", "closed", "comments", "in_group", "quoted", "words")

    def __init__(self, *, in_group: bool) -> None:
        self.words: list[str] = []
        self.comments: list[str] = []
        self.angled: str | None = None
        self.closed = True
        self.quoted = False
        self.in_group = in_group

    @property
    def is_name_only(self) -> bool:
        """Whether nothing but words stand there, and none is an address."""
        words = "".join(self.words)
        return bool(words.strip()) and self.angled is None and not (self.quoted or self.comments or "@" in words)


def _entries(value: str) -> list[_Entry]:
    """Cut at commas and semicolons outside quotes, comments and angle brackets; an empty group leaves an entry."""
    entries: list[_Entry] = []
    entry = _Entry(in_group=False)
    position, length, in_group = 0, len(value), False
    while position < length and len(entries) <= MAX_ADDRESSES:
        special = _SPECIAL.search(value, position)
        at = special.start() if special else length
        if at > position:
            entry.words.append(value[position:at])
        mark, position = value[at : at + 1], at + 1
        if mark in {",", ";"}:
            entries.append(entry)
            in_group = in_group and mark == ","
            entry = _Entry(in_group=in_group)
        elif mark == ":" and not in_group and entry.angled is None and "@" not in "".join(entry.words):
            in_group = True
            entry = _Entry(in_group=True)
        elif mark:
            position = _take(entry, mark, value, position)
    return [*entries, entry]


def _whole_names(entries: list[_Entry]) -> list[_Entry]:
    """The entries, those joined that a comma without quotes cut within a name: `Silva, Ana <ana@acme.example>`."""
    joined: list[_Entry] = []
    for entry in entries:
        if entry.angled is not None:
            names: list[str] = []
            while joined and joined[-1].is_name_only and joined[-1].in_group == entry.in_group:
                names = [*joined.pop().words, ",", *names]
            entry.words = [*names, *entry.words]
        joined.append(entry)
    return joined


def _take(entry: _Entry, mark: str, value: str, position: int) -> int:
    """Add what starts with this mark to the entry; where it ends."""
    if mark == '"':
        text, position = _quoted(value, position)
        entry.words.append(text)
        entry.quoted = True
    elif mark == "(":
        text, position = _comment(value, position)
        entry.comments.append(text)
    elif mark == "<":
        while value[position : position + 1] == "<":
            position += 1
        end = _end_of_angle(value, position)
        angled = value[position:end]
        entry.closed = end < len(value) and entry.angled in {None, angled}  # of two addresses, which one is meant?
        entry.angled = angled
        position = end + 1
        while value[position : position + 1] == ">":
            position += 1
    elif mark == "\\":
        entry.words.append(value[position : position + 1])
        position += 1
    else:
        entry.closed = entry.closed and mark not in ")>"
        entry.words.append(mark)
    return position


def _quoted(value: str, position: int) -> tuple[str, int]:
    """The text up to the closing quote; a quote that opens again within a display name belongs to it."""
    out: list[str] = []
    start = position
    while position < len(value):
        character = value[position]
        if character == "\\":
            out.append(value[start:position])
            start = position + 1
            position += 2
            continue
        if character == '"':
            out.append(value[start:position])
            return "".join(out), position + 1
        position += 1
    out.append(value[start:])
    return "".join(out), len(value)


def _comment(value: str, position: int) -> tuple[str, int]:
    """The text up to the closing parenthesis that matches; an unclosed comment ends with the header."""
    depth, start = 1, position
    while position < len(value):
        character = value[position]
        if character == "\\":
            position += 1
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                return value[start:position], position + 1
        position += 1
    return value[start:], len(value)


def _end_of_angle(value: str, position: int) -> int:
    """Where the angle bracket closes, or where the next mailbox starts if it never does."""
    end = value.find(">", position)
    if end < 0:
        end = value.find(",", position)
    return len(value) if end < 0 else end


def _mailbox(entry: _Entry, *, turned: bool) -> Address:
    words = "".join(entry.words)
    if entry.angled is not None:
        address, name = entry.angled, words
    elif entry.quoted and "@" in words and entry.words[-1].lstrip().startswith("@"):
        address, name = _quote_local(entry), ""
    else:
        address, name = _bare(words)
    if turned and not address and entry.comments and is_usable(entry.comments[-1].strip()):
        address = entry.comments[-1]
    elif not name.strip() and entry.comments:
        name = entry.comments[-1]
    address = _ROUTE.sub("", _SCHEME.sub("", _plain_address(address)))
    if turned and "@" in address:
        address = address.strip("<>[]") if not address.endswith("]") or address.startswith("[") else address
    if not entry.closed:
        address = address if entry.angled is None else ""
    return Address(_name(name), address[:MAX_ADDRESS])


def _bare(words: str) -> tuple[str, str]:
    """An address without angle brackets: the word that holds an @; the others are its name."""
    joined = re.sub(r"\s{0,20}@\s{0,20}", "@", words.strip()) if words.count("@") <= 1 else words.strip()
    pieces = joined.split()
    addresses = [piece for piece in pieces if "@" in piece]
    if len(addresses) == 1:
        return addresses[0].strip("'"), " ".join(piece for piece in pieces if piece is not addresses[0])
    if addresses:
        return joined, ""
    return "", joined


def _quote_local(entry: _Entry) -> str:
    *before, domain = entry.words
    return f'"{"".join(before).strip()}"{domain.strip()}'


def _plain_address(text: str) -> str:
    """Without comments and blanks, which RFC 5322 allows around every atom (obs-addr-spec)."""
    text = text.strip()
    if "(" in text:
        text = re.sub(r"\([^()]*\)", "", text)
    if "=?" in text:
        text = decode_words(text)
    return one_line(_BLANK.sub("", text)).strip("'") if not text.startswith('"') else one_line(text)


def _name(text: str) -> str:
    return _unquoted(_BLANK.sub(" ", decode_words(text)).strip())[:MAX_NAME]


def _unquoted(name: str) -> str:
    """The name without the quotes around it that some mailers write beside those of the syntax."""
    if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        return name[1:-1].strip()
    return name
