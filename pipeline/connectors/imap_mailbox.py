"""Reads one mailbox for as long as it is configured: connects, drains, waits, begins again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from pipeline.config.channels import Mailbox
from pipeline.config.imap import imap_place
from pipeline.config.values import read_secret
from pipeline.connectors.backoff import Backoff, pause
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.imap_drain import Drain
from pipeline.connectors.imap_envelope import Origin
from pipeline.connectors.imap_oauth import Tokens
from pipeline.connectors.imap_session import ImapSession, LoginRefused
from pipeline.connectors.imap_thread import BlockingThread
from pipeline.connectors.imap_wire import Patience
from pipeline.errors import Retry
from pipeline.store.bookmarks import Bookmarks

STOP_SECONDS = 2.0
"""How long what was begun may take when we stop."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The first and the longest wait, in seconds, after a failure, and after a login that was refused.

    `patience` is what a server is given; a dead one is noticed within `poll_seconds` and its `silence`.
    """

    retry: tuple[float, float] = (0.5, 30.0)
    login: tuple[float, float] = (5.0, 300.0)
    patience: Patience = Patience()  # noqa: RUF009  # frozen


class MailboxReader:
    """One mailbox; what fails is told in `health.state` and tried again, for ever, without touching the others."""

    def __init__(
        self, mailbox: Mailbox, publisher: Publisher, bookmarks: Bookmarks, now: Callable[[], datetime], pace: Pace
    ) -> None:
        self.health = Health(state="starting")
        self._mailbox = mailbox
        self._place = imap_place(mailbox.imap or "", mailbox.address)
        self._tokens = Tokens(mailbox.oauth, now) if mailbox.oauth else None
        self._backoff, self._login_backoff = Backoff(*pace.retry), Backoff(*pace.login)
        self._log = structlog.get_logger().bind(mailbox=mailbox.address, folder=str(self._place))
        self._patience = pace.patience
        self._thread = BlockingThread(f"imap {mailbox.address}")
        self._session = ImapSession(mailbox, self._place, self._patience)
        self._stopping = asyncio.Event()
        self._idling = False
        self._drain = Drain(
            Origin(mailbox, self._place, uidvalidity=0),
            publisher,
            bookmarks,
            health=self.health,
            thread=self._thread,
            backoff=Backoff(*pace.retry),
            stopping=self._stopping,
            now=now,
        )

    # ---- life

    async def run(self) -> None:
        """Read until `stop`."""
        while not self._stopping.is_set():
            self._session = ImapSession(self._mailbox, self._place, self._patience)
            try:
                await self._serve()
            except Retry as error:
                wait = (self._login_backoff if isinstance(error, LoginRefused) else self._backoff).failed()
                await self._failed(str(error), wait)
            except Exception as error:  # noqa: BLE001  # one mailbox's surprise must not end its reading
                self._log.exception("a mistake of ours")
                await self._failed(f"unexpected: {error!r}"[:300], self._backoff.failed())
            finally:
                self._session.hang_up()
                await self._thread.run(self._session.close)
        self.health.state = "stopped"

    async def stop(self, task: "asyncio.Task[None]") -> None:
        """Let what was begun be settled, for some seconds; then end `task`, which runs this reader."""
        self._stopping.set()
        if self._idling:
            self._session.hang_up()
        await asyncio.wait({task}, timeout=STOP_SECONDS)
        if not task.done():
            self._session.hang_up()
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_SECONDS)
        self._thread.close()

    async def _failed(self, why: str, wait: float) -> None:
        if self._stopping.is_set():
            return
        self.health.state = f"{why}; next try in {wait:.1f} s"
        self._log.warning("mailbox is not read", reason=why, next_try_s=round(wait, 1))
        await pause(self._stopping, wait)

    # ---- one connection

    async def _serve(self) -> None:
        self.health.state = "connecting"
        await self._drain.look_up()
        await self._thread.run(self._session.connect)
        await self._login()
        await self._drain.resume(self._session)
        self._log.info("mailbox is read")
        while not self._stopping.is_set():
            await self._drain.take_all(self._session)
            self._backoff.succeeded()
            complaint = self._drain.complaint
            self.health.state = f"waiting for mail; {complaint}" if complaint else "waiting for mail"
            await self._wait()

    async def _login(self) -> None:
        try:
            if self._tokens is not None:
                await self._thread.run(self._session.login_by_token, await self._tokens.token())
            else:
                await self._thread.run(self._session.login, read_secret(self._mailbox.password or ""))
        except LookupError as error:
            raise LoginRefused(str(error)) from error
        except LoginRefused:
            if self._tokens is not None:
                self._tokens.drop()
            raise
        self._login_backoff.succeeded()

    async def _wait(self) -> None:
        if not await self._thread.run(lambda: self._session.can_idle):
            await pause(self._stopping, self._mailbox.poll_seconds)
            return
        self._idling = True
        try:
            if not self._stopping.is_set():
                await self._thread.run(self._session.wait, self._mailbox.poll_seconds)
        finally:
            self._idling = False
