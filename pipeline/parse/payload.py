"""A platform's JSON asked for by name: what is not there, or of another kind, is None."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

MAX_TEXT = 100_000
"""Characters of one text that are kept; the raw payload keeps the rest."""

MAX_NAME = 500
"""Characters of an id, a name or a kind; more than that is none."""

MAX_URL = 4_000

MAX_LIST = 1_000
"""Elements of one list that are looked at."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WEB = re.compile(r"https?://[^\s<>\"]+$", re.IGNORECASE)
_MILLISECONDS = 100_000_000_000
_DIGITS = re.compile(r"\d{1,16}")


@dataclass(frozen=True, slots=True)
class Payload:
    """One value of a payload; its parts share the list of what was wrong in any of them."""

    value: object
    defects: list[str] = field(default_factory=list)

    def at(self, *path: str) -> "Payload":
        """What lies under these names."""
        value = self.value
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return Payload(value, self.defects)

    def has(self, name: str) -> bool:
        """Whether there is a member of that name that is not null."""
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def names(self) -> list[str]:
        """The names of its members."""
        return list(self.value) if isinstance(self.value, dict) else []

    def each(self, *path: str) -> Iterator["Payload"]:
        """The elements of the list under these names; of a single object, that one."""
        value = self.at(*path).value
        for element in value[:MAX_LIST] if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            yield Payload(element, self.defects)

    def text(self, *path: str) -> str | None:
        """The text under these names as it can be stored; a number is its digits."""
        value = self.at(*path).value
        if not isinstance(value, str):
            return None
        if len(value) > MAX_TEXT:
            self._note(f"{_place(path)} was cut after {MAX_TEXT} characters")
            value = value[:MAX_TEXT]
        if _UNSTORABLE.search(value):
            self._note(f"{_place(path)} held NUL or half a character")
            value = _UNSTORABLE.sub("\ufffd", value)
        return value

    def word(self, *path: str) -> str | None:
        """A short text such as an id or a name; None when it is empty or no such thing."""
        found = self.text(*path)
        if found is None or not found.strip():
            return None
        if len(found) > MAX_NAME:
            self._note(f"{_place(path)} is too long to be one")
            return None
        return found.strip()

    def url(self, *path: str) -> str | None:
        """An address of the web, else None: what else a link may be, an agent shall not be offered."""
        found = (self.text(*path) or "").strip()
        return found if len(found) <= MAX_URL and _WEB.match(found) else None

    def flag(self, *path: str) -> bool:
        """Whether a member is true."""
        return self.at(*path).value in (True, "true")

    def moment(self, *path: str) -> datetime | None:
        """The time under these names: seconds or milliseconds since 1970, or ISO 8601; UTC where no zone stands."""
        found = self.word(*path)
        if found is None:
            return None
        try:
            if _DIGITS.fullmatch(found):
                number = int(found)
                return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
            moment = datetime.fromisoformat(found)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            self._note(f"{_place(path)} is no time")
            return None

    def _note(self, defect: str) -> None:
        if defect not in self.defects and len(self.defects) < MAX_LIST:
            self.defects.append(defect)


def pair(one: str | None, other: str | None) -> str | None:
    """The conversation of two parties, the same whoever of them writes."""
    return parties({one, other}) if one and other else None


def parties(ids: set[str | None]) -> str | None:
    """The conversation of these parties, the same whoever of them writes."""
    known = sorted((name for name in ids if name), key=lambda name: (len(name), name))
    return "-".join(known) if len(known) > 1 else None


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "it"
