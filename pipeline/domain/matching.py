"""Matching: whose message it is, and by what."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

SHORTEST_RANGE = 4
"""Digits that a range of numbers has at least before its star."""

_KELVIN = "\N{KELVIN SIGN}"


class Identity(NamedTuple):
    """What someone is known by: an address (email), a number (phone), an account on a platform (social), a device."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A record as others name it: by our id, by the id other systems know it by, by its name."""

    id: UUID
    external_id: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Party:
    """Whose a message is (a contact's, an account's, a contact's of an account, an agent's), found by what.

    An agent is nobody's contact.
    """

    contact: Ref | None
    account: Ref | None
    by: str
    agent: Ref | None = None


def normal_address(address: str) -> str:
    """An e-mail address in the form identities are stored in: lower case, no surrounding blanks.

    The one foreign letter whose lower case is ASCII, the Kelvin sign, stays: else its address would be another's.
    """
    return _KELVIN.join(part.lower() for part in address.strip().split(_KELVIN))


def normal_handle(handle: str) -> str:
    """An account on a platform in the form identities are stored in: ids as they are, handles (`x:@ana`) lower case."""
    platform, separator, name = handle.strip().partition(":")
    return f"{platform}{separator}{name.lower() if name.startswith('@') else name}"


def account_domain(address: str, freemail: Collection[str]) -> str | None:
    """The domain by which an address may belong to an account; None for freemail and what is no address."""
    _, at, domain = address.rpartition("@")
    return domain if at and domain and domain not in freemail else None


def number_ranges(number: str) -> list[Identity]:
    """The ranges of numbers, as accounts have them, that an E.164 number may lie in, the narrowest first."""
    if not number.startswith("+"):
        return []
    return [Identity("phone", f"{number[:end]}*") for end in range(len(number), SHORTEST_RANGE, -1)]
