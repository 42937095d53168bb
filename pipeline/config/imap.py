"""How a mailbox is read over IMAP: where it is, who we are there, what becomes of a mail that was read."""

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, model_validator

from pipeline.config.values import Section

_PORTS = {"imaps": 993, "imap": 143}
_EXAMPLE = "imaps://user@imap.contoso.example/INBOX"
_MOVE = "move:"


@dataclass(frozen=True, slots=True)
class ImapPlace:
    """A folder of a user on a server; `tls` from the first byte, else by STARTTLS."""

    host: str
    port: int
    tls: bool
    user: str
    folder: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}/{self.folder}"


def imap_place(url: str, address: str) -> ImapPlace:
    """The folder that a URL names; its user is `address` unless it names one. Raises ValueError on what is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f'write it as "{_EXAMPLE}"; an @ within the user is written %40')
    if parts.password is not None:
        raise ValueError('the password does not stand in the address; write password = "env:NAME" beside it')
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f'the port is no number; write it as "{_EXAMPLE}"') from error
    return ImapPlace(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "imaps",
        user=unquote(parts.username) if parts.username else address,
        folder=unquote(parts.path.removeprefix("/")) or "INBOX",
    )


def _imap_url(value: str) -> str:
    imap_place(value, "")
    return value


ImapUrl = Annotated[str, AfterValidator(_imap_url)]


def _settle(value: str) -> str:
    if value not in {"seen", "flag", "keep"} and not (value.startswith(_MOVE) and value.removeprefix(_MOVE).strip()):
        raise ValueError('write "seen", "flag", "keep", or "move:" and a folder, for example "move:Casestream"')
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a folder's name has no control characters")
    return value


Settle = Annotated[str, AfterValidator(_settle)]


def target_folder(settle: str) -> str | None:
    """The folder that settled mails are moved to, if any."""
    return settle.removeprefix(_MOVE).strip() if settle.startswith(_MOVE) else None


class OAuth(Section):
    """How we come by a token for XOAUTH2: it is given, or asked for at `token_url`.

    With `refresh_token` we ask in a user's name (RFC 6749, section 6), without it in our own (section 4.4).
    """

    access_token: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    scope: str | None = None

    @model_validator(mode="after")
    def _enough(self) -> "OAuth":
        asks = self.token_url and self.client_id and (self.client_secret or self.refresh_token)
        if not self.access_token and not asks:
            raise ValueError(
                'give "access_token"; or "token_url", "client_id", and "client_secret" or "refresh_token" or both'
            )
        if self.token_url and not self.token_url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("token_url must begin with https://, since secrets are sent to it")
        return self
