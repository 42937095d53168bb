"""One connection to one folder of an IMAP server: calls that block, each bounded, each failing with Retry."""

import contextlib
import functools
import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from socket import socket
from typing import Any, Concatenate, ParamSpec, TypeVar

from imapclient import DELETED, FLAGGED, SEEN
from imapclient.exceptions import LoginError

from pipeline.config.channels import Mailbox
from pipeline.config.imap import ImapPlace, target_folder
from pipeline.connectors.imap_progress import Folder, Listed
from pipeline.connectors.imap_wire import BoundedClient, Patience, hang_up
from pipeline.errors import Retry

HEADER_LIMIT = 65_536
"""Bytes of the header of a mail that is too large to be read as a whole."""

_PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]")
"""Why a login fails although user and password are right (RFC 5530)."""

_UIDS_AT_ONCE = 200
"""As many as surely fit into a line of 8,000 octets, which servers should take (RFC 2683, section 3.2.1.5)."""

_FAREWELL_SECONDS = 2.0
_MARKS = {"seen": SEEN, "flag": FLAGGED}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

P = ParamSpec("P")
R = TypeVar("R")


class LoginRefused(Retry):
    """The server does not take who we say we are; asking often may lock the account."""


class Unsettled(Retry):
    """The mails are safe, but the server does not do with them what the configuration wants."""


def _told(
    method: Callable[Concatenate["ImapSession", P], R],
) -> Callable[Concatenate["ImapSession", P], R]:
    """Turn whatever a broken connection or server raises into Retry, with what was being done."""

    @functools.wraps(method)
    def call(session: "ImapSession", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(session, *args, **kwargs)
        except Retry:
            raise
        except (imaplib.IMAP4.error, OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise Retry(f"{method.__name__.strip('_').replace('_', ' ')}: {_plain(error)}") from error

    return call


class ImapSession:
    """One connection; every method blocks but `hang_up`, which makes the others return."""

    def __init__(self, mailbox: Mailbox, place: ImapPlace, patience: Patience = Patience()) -> None:  # noqa: B008  # frozen
        self._place = place
        self._patience = patience
        self._settle = mailbox.settle
        self._target = target_folder(mailbox.settle)
        self._ca = mailbox.ca
        self._socket: socket | None = None
        self._opened: BoundedClient | None = None

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new mail by itself (RFC 2177)."""
        return bool(self._client.has_capability("IDLE"))

    @property
    def _client(self) -> BoundedClient:
        if self._opened is None:
            raise Retry("not connected")
        return self._opened

    @_told
    def connect(self) -> None:
        """Reach the server, in TLS unless it is on this machine."""
        context = ssl.create_default_context(cafile=self._ca)
        place = self._place
        self._opened = BoundedClient(
            place.host,
            place.port,
            tls=place.tls,
            context=context,
            on_socket=lambda made: setattr(self, "_socket", made),
            patience=self._patience,
        )
        if place.tls:
            return
        if self._client.has_capability("STARTTLS"):
            self._client.starttls(context)
        elif place.host not in _LOOPBACK:
            raise Retry("the server offers no STARTTLS, and a password is not sent in the clear; try imaps://")

    @_told
    def login(self, password: str) -> None:
        """Say who we are with a password: by SASL (RFC 4616) where it can be, since LOGIN knows no letters but ASCII's.

        Raises LoginRefused.
        """
        self._client.allow_words()
        user = self._place.user
        by_sasl = self._client.has_capability("AUTH=PLAIN")
        if not by_sasl and not (user.isascii() and password.isascii()):
            raise LoginRefused("the server takes only ASCII in a user's name and password")
        try:
            if by_sasl:
                self._client.plain_login(user, password)
            else:
                self._client.login(_quoted(user), password)
        except LoginError as error:
            self._refuse(error)
        self._client.forget_capabilities()

    @_told
    def login_by_token(self, token: str) -> None:
        """Say who we are with a token (XOAUTH2, as Google and Microsoft document it). Raises LoginRefused."""
        self._client.allow_words()
        said: list[bytes] = []

        def answer(challenge: bytes) -> bytes:
            said.append(challenge)  # first nothing; when the token is refused, why, and then nothing is to be said
            return b"" if len(said) > 1 else f"user={self._place.user}\1auth=Bearer {token}\1\1".encode()

        try:
            self._client.sasl_login("XOAUTH2", answer)
        except LoginError as error:
            self._refuse(error, b" ".join(said[1:]).decode("utf-8", "replace")[:200])
        self._client.forget_capabilities()

    def _refuse(self, error: LoginError, why: str = "") -> None:
        if isinstance(error.__context__, imaplib.IMAP4.abort) or _PASSING.search(str(error)):
            raise Retry(f"login: {_plain(error)}") from None  # that says nothing of who we are
        raise LoginRefused(f"the server refuses to log in {self._place.user}: {_plain(error)} {why}".rstrip()) from None

    @_told
    def select(self) -> Folder:
        """Open the folder; only to look at it when mails are kept as they are."""
        self._client.allow_words()
        said: Mapping[bytes, Any] = self._client.select_folder(self._place.folder, readonly=self._settle == "keep")
        uidnext = said.get(b"UIDNEXT")
        if uidnext is None:
            uidnext = max(self._search("1:*"), default=0) + 1
        return Folder(said.get(b"UIDVALIDITY", 0), uidnext, said.get(b"EXISTS", 0))

    @_told
    def uids_after(self, uid: int) -> list[int]:
        """The UIDs after one, in order; a mail that is marked as deleted is no longer there."""
        return sorted(found for found in self._search(f"{uid + 1}:*") if found > uid)

    @_told
    def list_mails(self, uids: Sequence[int]) -> list[Listed]:
        """The mails of these UIDs with their sizes; one that is gone is missing."""
        listed: list[Listed] = []
        for some in _split(uids):
            self._client.allow_words()
            said = self._client.fetch(some, ["RFC822.SIZE", "INTERNALDATE"])
            listed += [_listed(uid, said[uid]) for uid in some if uid in said]
        return listed

    @_told
    def exists(self, uid: int) -> bool:
        """Whether the mail is still there."""
        return uid in self._search(str(uid))

    @_told
    def fetch(self, mails: Sequence[Listed]) -> dict[int, bytes]:
        """The mails as they are; one that the server does not hand out is missing. Raises TooLarge."""
        self._client.allow_bytes(sum(mail.size for mail in mails))
        said = self._client.fetch([mail.uid for mail in mails], ["BODY.PEEK[]"])
        bodies = {uid: items.get(b"BODY[]") for uid, items in said.items()}
        return {uid: body for uid, body in bodies.items() if isinstance(body, bytes) and body}

    @_told
    def fetch_header(self, uid: int) -> bytes:
        """The beginning of a mail's header; empty when the server does not hand it out."""
        self._client.allow_bytes(HEADER_LIMIT)
        said = self._client.fetch([uid], [f"BODY.PEEK[HEADER]<0.{HEADER_LIMIT}>"])
        for name, value in said.get(uid, {}).items():
            if name.startswith(b"BODY[HEADER]") and isinstance(value, bytes):
                return value[:HEADER_LIMIT]
        return b""

    @_told
    def settle(self, uids: Sequence[int]) -> None:
        """Do with mails that are safe what the configuration wants. Raises Unsettled when the server refuses."""
        try:
            for some in _split(uids) if self._settle != "keep" else ():
                self._client.allow_words()
                if self._target is not None:
                    self._move(some, self._target)
                else:
                    self._client.add_flags(some, [_MARKS[self._settle]], silent=True)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise Unsettled(f'the server does not do settle = "{self._settle}": {_plain(error)}') from error

    def _move(self, uids: Sequence[int], target: str) -> None:
        try:
            self._move_into(uids, target)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            self._client.create_folder(target)
            self._move_into(uids, target)

    def _move_into(self, uids: Sequence[int], target: str) -> None:
        if self._client.has_capability("MOVE"):
            self._client.move(uids, target)
            return
        self._client.copy(uids, target)
        self._client.add_flags(uids, [DELETED], silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)  # without, they stay marked: EXPUNGE would take what others deleted

    @_told
    def wait(self, seconds: float) -> None:
        """Return when the server tells of anything, or after so many seconds, with the connection found alive."""
        client = self._client
        client.allow_words(seconds)
        client.idle()
        said = client.idle_check(timeout=seconds)
        client.allow_words()
        _, more = client.idle_done()
        if any(line and line[0] == b"BYE" for line in (*said, *more)):
            raise Retry("the server says goodbye")

    def close(self) -> None:
        """Say goodbye if the server still listens."""
        client, self._opened = self._opened, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.allow_words()
                client.socket().settimeout(_FAREWELL_SECONDS)
                client.logout()
            with contextlib.suppress(Exception):
                client.shutdown()

    def hang_up(self) -> None:
        """End the connection at once, from another thread."""
        hang_up(self._socket)

    def _search(self, uids: str) -> list[int]:
        self._client.allow_words()
        return list(self._client.search(["UID", uids, "UNDELETED"]))


def _split(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (uids[start : start + _UIDS_AT_ONCE] for start in range(0, len(uids), _UIDS_AT_ONCE))


def _listed(uid: int, said: Mapping[bytes, Any]) -> Listed:
    size, arrived = said.get(b"RFC822.SIZE"), said.get(b"INTERNALDATE")
    return Listed(uid, size if isinstance(size, int) else 0, arrived if isinstance(arrived, datetime) else None)


def _quoted(text: str) -> str:
    """An argument as IMAP quotes it; imaplib does so for the password alone."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(error: BaseException) -> str:
    """What went wrong in words of bounded length, without Python's signs of bytes."""
    text = str(error) or type(error).__name__
    return text.replace("b'", "'")[:300]
