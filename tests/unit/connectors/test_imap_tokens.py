"""Tokens for XOAUTH2: when they are asked for, with what, and what becomes of refusals."""

import asyncio
import shutil
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pipeline.config.imap import OAuth
from pipeline.connectors.imap_oauth import Tokens
from pipeline.connectors.imap_session import LoginRefused
from pipeline.errors import Retry

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def a_proxy_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names one; nobody listens there."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")


@dataclass
class Provider:
    """A token endpoint that gives its answers in turn, the last one again and again."""

    answers: list[tuple[int, str]]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    before_answer: Callable[[], None] = lambda: None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split()[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        self.asked.append({name: values[0] for name, values in form.items()})
        self.before_answer()
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def provider(*answers: tuple[int, str]) -> AsyncIterator[Provider]:
    here = Provider(list(answers))
    server = await asyncio.start_server(here.answer, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"
    yield here
    server.close()
    await server.wait_closed()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    async def scenario() -> None:
        clock = Clock()
        async with provider(
            (200, '{"access_token": "one", "expires_in": 3600}'), (200, '{"access_token": "two"}')
        ) as at:
            oauth = OAuth(token_url=at.url, client_id="us", client_secret="s", scope="mail")
            tokens = Tokens(oauth, clock)
            assert [await tokens.token(), await tokens.token()] == ["one", "one"]
            clock.now += timedelta(minutes=59)
            assert await tokens.token() == "two"
            assert at.asked[0] == {
                "grant_type": "client_credentials",
                "client_id": "us",
                "client_secret": "s",
                "scope": "mail",
            }

    asyncio.run(scenario())


def test_a_token_that_was_not_taken_is_asked_for_anew() -> None:
    async def scenario() -> None:
        async with provider((200, '{"access_token": "one"}'), (200, '{"access_token": "two"}')) as at:
            tokens = Tokens(OAuth(token_url=at.url, client_id="us", client_secret="s"), Clock())
            assert await tokens.token() == "one"
            tokens.drop()
            assert await tokens.token() == "two"

    asyncio.run(scenario())


def test_a_new_refresh_token_replaces_the_old_one_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "refresh"
    file.write_text("first\n")

    async def scenario() -> None:
        answer = '{"access_token": "one", "refresh_token": "second"}'
        async with provider((200, answer)) as at:
            oauth = OAuth(token_url=at.url, client_id="us", refresh_token=f"file:{file}")
            tokens = Tokens(oauth, Clock())
            await tokens.token()
            tokens.drop()
            await tokens.token()
            assert [form["refresh_token"] for form in at.asked] == ["first", "second"]
            assert {form["grant_type"] for form in at.asked} == {"refresh_token"}
            await Tokens(oauth, Clock()).token()
            assert at.asked[-1]["refresh_token"] == "second"

    asyncio.run(scenario())
    assert file.read_text() == "second"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["refresh"]


def test_a_new_refresh_token_that_cannot_be_kept_is_told_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    file = folder / "refresh"
    file.write_text("first")

    async def scenario() -> None:
        async with provider((200, '{"access_token": "one", "refresh_token": "second"}')) as at:
            tokens = Tokens(OAuth(token_url=at.url, client_id="us", refresh_token=f"file:{file}"), Clock())
            at.before_answer = lambda: shutil.rmtree(folder, ignore_errors=True)
            await tokens.token()
            tokens.drop()
            await tokens.token()
            assert at.asked[-1]["refresh_token"] == "second"

    asyncio.run(scenario())
    assert "kept in memory only" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((400, '{"error": "invalid_grant", "error_description": "Token has been revoked."}'), LoginRefused, "revoked"),
        ((401, "<html>"), LoginRefused, "401"),
        ((200, '{"token_type": "Bearer"}'), LoginRefused, "without an access_token"),
        ((503, "busy"), Retry, "503"),
        ((200, "[]"), Retry, "200"),
        ((200, "{" * 100_000), Retry, "200"),
        ((302, ""), Retry, "302"),
    ],
)
def test_a_refusal_is_told_with_the_providers_words(answer: tuple[int, str], kind: type[Retry], says: str) -> None:
    async def scenario() -> None:
        async with provider(answer) as at:
            with pytest.raises(kind, match=says) as raised:
                await Tokens(OAuth(token_url=at.url, client_id="us", client_secret="very secret"), Clock()).token()
            assert type(raised.value) is kind
            assert "very secret" not in str(raised.value)

    asyncio.run(scenario())


def test_a_provider_that_is_away_is_asked_again_later() -> None:
    async def scenario() -> None:
        async with provider((200, "{}")) as at:
            url = at.url
        with pytest.raises(Retry, match="cannot be asked"):
            await Tokens(OAuth(token_url=url, client_id="us", client_secret="s"), Clock()).token()

    asyncio.run(scenario())


def test_a_given_token_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def scenario() -> None:
        tokens = Tokens(OAuth(access_token=f"file:{file}"), Clock())
        with pytest.raises(LookupError, match="cannot read the secret file"):
            await tokens.token()
        for token in ("one", "two"):
            file.write_text(token)
            assert await tokens.token() == token

    asyncio.run(scenario())
