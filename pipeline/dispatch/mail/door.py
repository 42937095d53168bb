"""Whoever carries our mail on: what is handed to them, and what they may answer."""

import re
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in its envelope; an empty `sender` is the null reverse-path, to which nothing comes back."""

    message_id: str
    sender: str
    recipient: str
    raw: bytes = field(repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Whether an address of it is not ASCII (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


@dataclass(frozen=True, slots=True)
class Taken:
    """They have it, and said so."""

    says: str


@dataclass(frozen=True, slots=True)
class Later:
    """They do not take this mail now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """They will never take this mail; `unreachable` when it is because there is no such address."""

    reason: str
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Away:
    """They take no mail at all now, whichever it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """They had all of it, and then nothing was heard: they may have it or not."""

    reason: str


Answer = Taken | Later | Refused | Away | Unknown


class MailDoor(Protocol):
    """Takes one mail after the other."""

    async def send(self, mail: Mail) -> Answer:
        """Hand a mail over; the same one twice is no harm where that can be seen."""

    async def close(self) -> None:
        """Let go of connections."""


Stage = Literal["sender", "recipient", "content"]

_STATUS = re.compile(r"(?:^|\s)([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_NO_ADDRESS = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""RFC 3463 and 7505: no such mailbox or system, a bad address, moved, a domain that takes none, disabled."""

_NO_ADDRESS_CODES = frozenset({550, 551, 553})
"""RFC 5321, 4.2.3: where no status code says more."""

_TEMPORARY, _FATAL = 400, 500
_OF_THE_SESSION = frozenset({421, 454, 530, 534, 535, 538})
"""RFC 5321, 4.2.3 and RFC 4954, section 6: the server ends the session, or wants another login."""


def in_words(text: str, most: int = 500) -> str:
    """A server's words on one line, as PostgreSQL and logs take them whatever bytes they were."""
    plain = text.replace("\0", " ").encode("utf-8", "replace").decode()
    return " ".join(plain.split())[:most].rstrip()


def judge(code: int, says: str, stage: Stage) -> Answer:
    """What a reply of an SMTP server means for the mail that it was given to, and for no other.

    Some servers end the session over a recipient that they do not like; so that is held against this mail alone.
    """
    told = in_words(f"{code} {says}")
    if _TEMPORARY <= code < _FATAL or code in _OF_THE_SESSION:
        return Later(told)
    status = _STATUS.search(says)
    unreachable = f"{status[2]}.{status[3]}" in _NO_ADDRESS if status is not None else code in _NO_ADDRESS_CODES
    return Refused(told, unreachable=unreachable and stage == "recipient")
