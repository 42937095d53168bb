"""Tokens for XOAUTH2: given, or asked for at the provider's token endpoint (RFC 6749, sections 4.4 and 6)."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import structlog

from pipeline.config.imap import OAuth
from pipeline.config.values import read_secret
from pipeline.connectors.imap_session import LoginRefused
from pipeline.errors import Retry

ASK_SECONDS = 20.0
_MARGIN = timedelta(seconds=120)
_DEFAULT_LIFE = 300
_REFUSED = frozenset({400, 401, 403})


class Tokens:
    """Hands out a token that holds for some minutes at least, and asks for another when it would not."""

    def __init__(self, settings: OAuth, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._token = ""
        self._until: datetime | None = None
        self._refresh: str | None = None

    def drop(self) -> None:
        """Ask anew next time: the server did not take the last one."""
        self._until = None

    async def token(self) -> str:
        """An access token. Raises LoginRefused when the provider refuses, Retry when it cannot be asked."""
        settings = self._settings
        if settings.token_url is None:
            return read_secret(settings.access_token or "")
        if self._until is None or self._now() >= self._until:
            said = await self._ask(settings.token_url)
            token, life = said.get("access_token"), said.get("expires_in")
            if not isinstance(token, str) or not token:
                raise LoginRefused(f"{settings.token_url} answers without an access_token")
            life = life if isinstance(life, int | float) else _DEFAULT_LIFE
            self._token, self._until = token, self._now() + timedelta(seconds=life) - _MARGIN
            await self._remember(said.get("refresh_token"))
        return self._token

    async def _ask(self, url: str) -> Mapping[str, object]:
        try:
            async with httpx.AsyncClient(
                timeout=ASK_SECONDS,
                follow_redirects=False,
                trust_env=False,  # no proxy of the environment gets to see what proves who we are
                transport=httpx.AsyncHTTPTransport(),  # which still knows the authorities of SSL_CERT_FILE
            ) as client:
                reply = await client.post(url, data=self._form())
        except httpx.HTTPError as error:
            raise Retry(f"{url} cannot be asked for a token: {error!r}") from error
        if reply.status_code in _REFUSED:
            raise LoginRefused(f"{url} gives no token: {reply.status_code} {_reason(reply)}")
        try:
            said = reply.json()
        except ValueError:
            said = None
        if not reply.is_success or not isinstance(said, dict):
            raise Retry(f"{url} gives no token: {reply.status_code}")
        return said

    def _form(self) -> dict[str, str]:
        settings = self._settings
        form = {"client_id": settings.client_id or ""}
        if settings.refresh_token is not None:
            form |= {
                "grant_type": "refresh_token",
                "refresh_token": self._refresh or read_secret(settings.refresh_token),
            }
        else:
            form["grant_type"] = "client_credentials"
        if settings.client_secret is not None:
            form["client_secret"] = read_secret(settings.client_secret)
        if settings.scope is not None:
            form["scope"] = settings.scope
        return form

    async def _remember(self, refresh: object) -> None:
        """Providers that give a new refresh token with each answer mean it to replace the old one, which ends."""
        kind, _, name = (self._settings.refresh_token or "").partition(":")
        if not isinstance(refresh, str) or not kind or refresh == self._refresh:
            return
        self._refresh = refresh
        if kind != "file":
            return
        try:
            await asyncio.to_thread(_replace, Path(name), refresh)
        except OSError as error:
            told = "the new refresh token is kept in memory only, and the old one may end"
            structlog.get_logger().warning(told, file=name, reason=error.strerror)


def _replace(file: Path, text: str) -> None:
    """Write a secret over the old one, all of it or nothing. Raises OSError."""
    handle, made = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as writing:
            writing.write(text)
            writing.flush()
            os.fsync(handle)
        Path(made).replace(file)
    except OSError:
        Path(made).unlink(missing_ok=True)
        raise


def _reason(reply: httpx.Response) -> str:
    try:
        said = reply.json()
    except ValueError:
        return ""
    return str(said.get("error_description") or said.get("error") or "")[:300] if isinstance(said, dict) else ""
