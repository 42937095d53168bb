"""Keeps the tokens of the API."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipeline.domain.access import Token
from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("tokens.sql")

MARKED_EVERY = timedelta(minutes=1)
"""How often it is noted at most that a token is used."""


class Tokens(Protocol):
    """The tokens that were made. Every call raises Retry while the database is away."""

    async def create(self, token: Token) -> bool:
        """Keep a new one; False when one that is not revoked has its name."""

    async def list(self) -> Sequence[Token]:
        """All of them, the oldest first."""

    async def revoke(self, which: str, now: datetime) -> Token | None:
        """Let the one of that id or name grant nothing any more; None when there is none to revoke."""

    async def find(self, digests: Collection[bytes], used: Collection[bytes], now: datetime) -> Sequence[Token]:
        """Those with these digests; of the `used` ones it is noted."""


class PostgresTokens:
    """Tokens in the table of that name, a short connection a call."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def create(self, token: Token) -> bool:
        """Keep a new one; False when one that is not revoked has its name."""
        values = {
            "id": token.id, "name": token.name, "digest": token.digest, "scopes": sorted(token.scopes),
            "created_at": token.created_at, "expires_at": token.expires_at,
        }  # fmt: skip
        return bool(await self._rows("create", values))

    async def list(self) -> Sequence[Token]:
        """All of them, the oldest first."""
        return [_token(row) for row in await self._rows("list", {})]

    async def revoke(self, which: str, now: datetime) -> Token | None:
        """Let the one of that id or name grant nothing any more; None when there is none to revoke."""
        rows = await self._rows("revoke", {"which": which, "now": now})
        return _token(rows[0]) if rows else None

    async def find(self, digests: Collection[bytes], used: Collection[bytes], now: datetime) -> Sequence[Token]:
        """Those with these digests; of the `used` ones it is noted."""
        rows = await self._rows("find", {"digests": [*digests], "used": [*used], "now": now})
        return [_token(row) for row in rows]

    async def _rows(self, statement: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        async with connected(self._dsn) as connection:
            return await (await connection.execute(_SQL[statement], values)).fetchall()


class MemoryTokens:
    """Tokens of tests."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Token] = {}

    async def create(self, token: Token) -> bool:
        """Keep a new one; False when one that is not revoked has its name."""
        if any(one.name == token.name and one.revoked_at is None for one in self._tokens.values()):
            return False
        self._tokens[token.digest] = token
        return True

    async def list(self) -> Sequence[Token]:
        """All of them, the oldest first."""
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.id))

    async def revoke(self, which: str, now: datetime) -> Token | None:
        """Let the one of that id or name grant nothing any more; None when there is none to revoke."""
        for digest, token in self._tokens.items():
            if token.revoked_at is None and which in {str(token.id), token.name}:
                self._tokens[digest] = replace(token, revoked_at=now)
                return self._tokens[digest]
        return None

    async def find(self, digests: Collection[bytes], used: Collection[bytes], now: datetime) -> Sequence[Token]:
        """Those with these digests; of the `used` ones it is noted."""
        found = [self._tokens[digest] for digest in digests if digest in self._tokens]
        for token in found:
            due = token.last_used_at is None or now - token.last_used_at >= MARKED_EVERY
            if token.digest in used and due and token.refusal(now) is None:
                self._tokens[token.digest] = replace(token, last_used_at=now)
        return found


def _token(row: tuple[Any, ...]) -> Token:
    own, name, digest, scopes, created, expires, revoked, used = row
    return Token(
        id=own, name=name, digest=bytes(digest), scopes=frozenset(scopes), created_at=created, expires_at=expires,
        revoked_at=revoked, last_used_at=used,
    )  # fmt: skip
