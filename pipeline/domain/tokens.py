"""The desk's signed tokens: proof in a mail's headers or subject that it answers a case of ours."""

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_REFERENCES = 50
"""References that are looked at in one text."""

MAX_TAG = 2_000
"""Characters in which the beginning of an HTML tag is looked for."""

_ID_TOKEN = re.compile(r"<(?:[\w-]{1,64}\.)?([1-9]\d{0,17})\.(\d{1,4})\.([0-9a-f]{32})@([^<>@\s]{1,253})>")
_PLUS_TOKEN = re.compile(r"\+([1-9]\d{0,17})\.(\d{1,4})\.([0-9a-f]{32})@")
_SUBJECT_REFERENCE = re.compile(r"(?<![^\W_])\[#([1-9]\d{0,17})-([a-z2-7]{8})\](?![^\W_])")


@dataclass(frozen=True, slots=True)
class Notice:
    """What may be the token of a notification to an agent; whose, only its signature tells."""

    number: int
    version: int
    signature: str


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The signing keys of a desk, newest first; those behind the first are honoured until they are taken out.

    A key's version is its place counted from the oldest, from 1. It is signed with the rest, and only hints at the key:
    taking out the oldest changes the places of the others, and what they signed goes on to hold.
    """

    domain: str
    keys: Sequence[bytes]

    def _signature(self, key: bytes, number: int, version: int, use: str) -> bytes:
        return hmac.digest(key, f"{use}\0{self.domain}\0{number}\0{version}".encode(), "sha256")

    def message_id(self, number: int, unique: str) -> str:
        """A Message-ID for a mail about case `number`; `unique` makes it the only one of its kind.

        128 bits of HMAC-SHA256 over desk, case number and key version.
        """
        return f"<{unique}.{self.plus(number)}@{self.domain}>"

    def notice_id(self, number: int, unique: str, agent: str) -> str:
        """A Message-ID for a notification to an agent (by external id), whose answer goes to the customer."""
        version = len(self.keys)
        signature = self._signature(self.keys[0], number, version, f"notice\0{agent}").hex()[:32]
        return f"<{unique}.{number}.{version}.{signature}@{self.domain}>"

    def notices_in(self, ids: Iterable[str]) -> list[Notice]:
        """What in Message-IDs of our domain may be the token of a notification."""
        matches = (_ID_TOKEN.fullmatch(text) for text in ids)
        ours = (match for match in matches if match and match[4].lower() == self.domain.lower())
        found = (Notice(int(match[1]), int(match[2]), match[3]) for match in ours)
        return [notice for notice in found if not self._holds(notice.number, notice.version, notice.signature)]

    def is_for(self, notice: Notice, agent: str) -> bool:
        """Whether we sent the notification to this agent."""
        return self._holds(notice.number, notice.version, notice.signature, f"notice\0{agent}")

    def plus(self, number: int) -> str:
        """What stands between `+` and `@` in an address that leads to case `number`."""
        version = len(self.keys)
        return f"{number}.{version}.{self._signature(self.keys[0], number, version, 'id').hex()[:32]}"

    def reference(self, number: int) -> str:
        """The reference that our own mail prints in a subject: `[#NUMBER-xxxxxxxx]`, 40 bits of the signature."""
        return f"[#{number}-{self._short(self.keys[0], number)}]"

    def _short(self, key: bytes, number: int) -> str:
        return base64.b32encode(self._signature(key, number, 0, "subject")[:5]).decode().lower()

    def _holds(self, number: int, version: int, signature: str, use: str = "id") -> bool:
        signed = (self._signature(key, number, version, use).hex()[:32] for key in self.keys)
        return any(hmac.compare_digest(one, signature) for one in signed)

    def farewell(self, address: str) -> str:
        """What proves in a link that we wrote to this address, so that its owner may ask for no more."""
        where, use = base64.urlsafe_b64encode(address.encode()).decode().rstrip("="), f"unsubscribe\0{address}"
        return f"{where}.{self._signature(self.keys[0], 0, 0, use).hex()[:32]}"

    def leaving(self, farewell: str) -> str | None:
        """The address that asks for no more, if the proof holds."""
        where, _, signature = farewell.partition(".")
        try:
            address = base64.urlsafe_b64decode(where + "=" * (-len(where) % 4)).decode()
        except ValueError:
            return None
        return address if self._holds(0, 0, signature, f"unsubscribe\0{address}") else None

    def in_ids(self, ids: Iterable[str]) -> list[int]:
        """The case numbers that Message-IDs prove, in their order; a forged one proves nothing."""
        found = []
        for text in ids:
            match = _ID_TOKEN.fullmatch(text)
            if match is None or match[4].lower() != self.domain.lower():
                continue
            if self._holds(int(match[1]), int(match[2]), match[3]):
                found.append(int(match[1]))
        return found

    def in_addresses(self, addresses: Iterable[str]) -> list[int]:
        """The case numbers that plus-addresses prove."""
        matches = (_PLUS_TOKEN.search(address) for address in addresses)
        return [int(m[1]) for m in matches if m and self._holds(int(m[1]), int(m[2]), m[3])]

    def in_subject(self, subject: str) -> list[int]:
        """The case numbers that references in a subject prove; one touched by a letter or digit is none."""
        return self.references(subject)[0] if "[#" in subject else []

    def references(self, text: str) -> tuple[list[int], int]:
        """The case numbers that references in a text prove, and how many references prove nothing.

        One within an attribute of an HTML tag is none: nobody wrote it there to be read.
        """
        proven: list[int] = []
        misses = 0
        for match in islice(_SUBJECT_REFERENCE.finditer(text), MAX_REFERENCES):
            number = int(match[1])
            if any(hmac.compare_digest(self._short(key, number), match[2]) for key in self.keys):
                if not _in_attribute(text, match.start()):
                    proven.append(number)
            else:
                misses += 1
        return proven, misses


def _in_attribute(text: str, place: int) -> bool:
    opened = text.rfind("<", max(0, place - MAX_TAG), place)
    return opened >= 0 and text.find(">", opened, place) < 0 and text.find("=", opened, place) >= 0
