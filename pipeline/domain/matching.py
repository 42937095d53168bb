"""Matching: whose message it is, and by what."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

FREEMAIL = frozenset(
    [
        "aol.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.at",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "mailbox.org",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "posteo.de",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "sapo.pt",
        "t-online.de",
        "terra.com.br",
        "tutanota.com",
        "uol.com.br",
        "wanadoo.fr",
        "web.de",
        "wp.pl",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
        "126.com",
        "163.com",
    ]
)
"""Domains where addresses of strangers live side by side, so that none of them says whose account it is."""

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


def account_domain(address: str) -> str | None:
    """The domain by which an address may belong to an account; None for freemail and what is no address."""
    _, at, domain = address.rpartition("@")
    return domain if at and domain and domain not in FREEMAIL else None
