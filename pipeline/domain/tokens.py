"""The desk's signed tokens: proof in a mail's headers or subject that it answers a case of ours."""

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ID_TOKEN = re.compile(r"<(?:[\w-]{1,64}\.)?([1-9]\d{0,17})\.(\d{1,4})\.([0-9a-f]{32})@([^<>@\s]{1,253})>")
_PLUS_TOKEN = re.compile(r"\+([1-9]\d{0,17})\.(\d{1,4})\.([0-9a-f]{32})@")
_SUBJECT_REFERENCE = re.compile(r"(?<![0-9A-Za-z])\[#([1-9]\d{0,17})-([a-z2-7]{8})\](?![0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The signing keys of a desk, newest first.

    A key's version is its place counted from the oldest, from 1, so that a new key at the front changes no other.
    """

    domain: str
    keys: Sequence[bytes]

    def version_key(self, version: int) -> bytes | None:
        """The key of a version, None when it was retired."""
        place = len(self.keys) - version
        return self.keys[place] if 0 <= place < len(self.keys) and version > 0 else None

    def _signature(self, key: bytes, number: int, version: int, use: str) -> bytes:
        return hmac.digest(key, f"{use}\0{self.domain}\0{number}\0{version}".encode(), "sha256")

    def message_id(self, number: int, unique: str) -> str:
        """A Message-ID for a mail about case `number`; `unique` makes it the only one of its kind.

        128 bits of HMAC-SHA256 over desk, case number and key version.
        """
        return f"<{unique}.{self.plus(number)}@{self.domain}>"

    def plus(self, number: int) -> str:
        """What stands between `+` and `@` in an address that leads to case `number`."""
        version = len(self.keys)
        return f"{number}.{version}.{self._signature(self.keys[0], number, version, 'id').hex()[:32]}"

    def reference(self, number: int) -> str:
        """The reference that our own mail prints in a subject: `[#NUMBER-xxxxxxxx]`, 40 bits of the signature."""
        return f"[#{number}-{self._short(self.keys[0], number)}]"

    def _short(self, key: bytes, number: int) -> str:
        return base64.b32encode(self._signature(key, number, 0, "subject")[:5]).decode().lower()

    def _holds(self, number: int, version: int, signature: str) -> bool:
        key = self.version_key(version)
        if key is None:
            return False
        return hmac.compare_digest(self._signature(key, number, version, "id").hex()[:32], signature)

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
        return [
            int(match[1])
            for match in _SUBJECT_REFERENCE.finditer(subject)
            if any(hmac.compare_digest(self._short(key, int(match[1])), match[2]) for key in self.keys)
        ]
