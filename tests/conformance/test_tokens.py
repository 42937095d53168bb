"""What the API may rely on in any keeper of tokens."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from pipeline.domain.access import Token, digest_of
from pipeline.store.tokens import MemoryTokens, PostgresTokens, Tokens

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ONE = Token(id=UUID(int=1), name="one", digest=digest_of("cs_1"), scopes=frozenset({"admin"}), created_at=NOW)
TWO = Token(
    id=UUID(int=2), name="two", digest=digest_of("cs_2"), scopes=frozenset({"events:read", "cases:read"}),
    created_at=NOW + timedelta(seconds=1), expires_at=NOW + timedelta(days=90),
)  # fmt: skip


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def tokens(request: pytest.FixtureRequest) -> Tokens:
    if request.param == "memory":
        return MemoryTokens()
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return PostgresTokens(new_database())


def test_what_was_made_is_found_by_its_digest(tokens: Tokens) -> None:
    async def check() -> None:
        assert await tokens.create(TWO)
        assert await tokens.create(ONE)
        assert await tokens.list() == [ONE, TWO]
        assert await tokens.find([TWO.digest, digest_of("cs_3")], [], NOW) == [TWO]

    asyncio.run(check())


def test_of_two_in_force_each_has_a_name_of_its_own(tokens: Tokens) -> None:
    async def check() -> None:
        again = replace(TWO, name="one")
        assert await tokens.create(ONE)
        assert not await tokens.create(again)
        assert await tokens.revoke("one", NOW) == replace(ONE, revoked_at=NOW)
        assert await tokens.create(again)
        assert await tokens.revoke(str(again.id), NOW) == replace(again, revoked_at=NOW)
        assert await tokens.revoke(str(again.id), NOW) is None
        assert await tokens.revoke("never", NOW) is None

    asyncio.run(check())


def test_use_is_noted_of_those_that_grant_something_once_a_minute(tokens: Tokens) -> None:
    async def check() -> None:
        await tokens.create(ONE)
        await tokens.create(replace(TWO, expires_at=NOW))
        for seconds in (0, 30, 59, 60):
            await tokens.find([ONE.digest, TWO.digest], [ONE.digest, TWO.digest], NOW + timedelta(seconds=seconds))
            await tokens.find([ONE.digest], [], NOW + timedelta(seconds=seconds))
        one, two = await tokens.list()
        assert one.last_used_at == NOW + timedelta(minutes=1)
        assert two.last_used_at is None

    asyncio.run(check())
