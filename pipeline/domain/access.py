"""What a token lets its holder do over the API."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

ADMIN = "admin"
SCOPES = ("events:read", "subscriptions:write", "cases:read", "cases:write", ADMIN)
"""What a token may grant; `admin` grants all of them."""

PREFIX = "cs_"
"""What every token's text begins with, so that one that leaked is recognised for what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept: never its text, only the text's digest."""

    id: UUID
    name: str
    digest: bytes
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def refusal(self, now: datetime) -> Literal["revoked", "expired"] | None:
        """Why it grants nothing any more; None while it does."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return None

    def grants(self, scope: str) -> bool:
        """Whether the scope is among those it was made for."""
        return scope in self.scopes or ADMIN in self.scopes


def digest_of(text: str) -> bytes:
    """What is kept of a token's text: 32 bytes of SHA-256, which suffices since the text is random and long."""
    return sha256(text.encode("utf-8", "replace")).digest()
