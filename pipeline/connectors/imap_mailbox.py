"""Reads one mailbox for as long as it is configured: publishes what is new, then settles it, then keeps its place."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from pipeline.config.channels import Mailbox
from pipeline.config.imap import imap_place, target_folder
from pipeline.config.values import read_secret
from pipeline.connectors.backoff import Backoff
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.imap_envelope import Origin
from pipeline.connectors.imap_oauth import Tokens
from pipeline.connectors.imap_progress import Listed, Progress, portions, resume
from pipeline.connectors.imap_session import ImapSession, LoginRefused, Unsettled
from pipeline.connectors.imap_thread import BlockingThread
from pipeline.connectors.imap_wire import Patience, TooLarge
from pipeline.crash import crash_point
from pipeline.errors import Reject, Retry
from pipeline.store.bookmarks import Bookmarks
from pipeline.wire import Envelope

PORTION = 64
PORTION_BYTES = 4_194_304
"""Mails that are fetched, published and settled together; while they are published, the next are fetched."""

STOP_SECONDS = 2.0
"""How long what was begun may take when we stop."""

HEADER_TRIES = 5
EMPTY_TRIES = 8
"""How often the server may fail to hand out a mail until its header is enough for us, or nothing of it."""


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
        self._moves = target_folder(mailbox.settle) is not None
        self._publisher = publisher
        self._bookmarks = bookmarks
        self._now = now
        self._tokens = Tokens(mailbox.oauth, now) if mailbox.oauth else None
        self._backoff, self._login_backoff = Backoff(*pace.retry), Backoff(*pace.login)
        self._log_backoff = Backoff(*pace.retry)
        self._log = structlog.get_logger().bind(mailbox=mailbox.address, folder=str(self._place))
        self._patience = pace.patience
        self._thread = BlockingThread(f"imap {mailbox.address}")
        self._session = ImapSession(mailbox, self._place, self._patience)
        self._stopping = asyncio.Event()
        self._idling = False
        self._looked_up = False
        self._progress: Progress | None = None
        self._published: set[int] = set()
        self._failures: Counter[int] = Counter()
        self._alone = 0
        self._complaint = ""

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
        await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # ---- one connection

    async def _serve(self) -> None:
        self._say("connecting")
        if not self._looked_up:
            place = (await self._bookmarks.places(self._source)).get(self._source)
            self._progress, self._looked_up = Progress.of(place) if place else None, True
        await self._thread.run(self._session.connect)
        await self._login()
        origin = await self._resume()
        self._log.info("mailbox is read")
        while not self._stopping.is_set():
            await self._drain(origin)
            self._backoff.succeeded()
            self._say("waiting for mail")
            await self._wait()

    @property
    def _source(self) -> str:
        return f"imap/{self._place}"

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

    async def _resume(self) -> Origin:
        folder = await self._thread.run(self._session.select)
        resumed = resume(self._progress, folder, first_read=self._mailbox.first_read, now=self._now())
        if resumed.again:
            self._log.warning("the folder is read again", reason=resumed.again)
        if resumed.progress != self._progress:
            self._published.clear()
            self._failures.clear()
            self._alone = 0
            await self._keep(resumed.progress)
        return Origin(self._mailbox, self._place, folder.uidvalidity)

    async def _wait(self) -> None:
        if not await self._thread.run(lambda: self._session.can_idle):
            await self._pause(self._mailbox.poll_seconds)
            return
        self._idling = True
        try:
            if not self._stopping.is_set():
                await self._thread.run(self._session.wait, self._mailbox.poll_seconds)
        finally:
            self._idling = False

    # ---- mails

    async def _drain(self, origin: Origin) -> None:
        """Take all that is new; where mails are moved away, all that still lies there is."""
        while (progress := self._progress) is not None and not self._stopping.is_set():
            listed = await self._thread.run(self._session.list_after, progress.floor if self._moves else progress.uid)
            self._published &= {mail.uid for mail in listed}
            if self._published:
                await self._settle(sorted(self._published))
            fresh = [mail for mail in listed if mail.uid not in self._published and progress.concerns(mail)]
            self.health.lag = len(fresh)
            if not fresh:
                if listed and listed[-1].uid > progress.uid:
                    await self._keep(progress.at(listed[-1].uid))
                return
            self._say("reading")
            await self._take(origin, fresh)

    async def _take(self, origin: Origin, mails: Sequence[Listed]) -> None:
        """Publish portion by portion; the next one is fetched meanwhile."""
        ahead: asyncio.Task[list[Envelope]] | None = None
        try:
            split = portions(mails, most=PORTION, most_bytes=PORTION_BYTES, alone=self._alone)
            for portion, following in _pairs(split):
                envelopes = await (ahead or self._fetch(origin, portion))
                if following and following[0].uid > self._alone:  # else it may break the connection before we settled
                    ahead = asyncio.create_task(self._fetch(origin, following))
                else:
                    ahead = None
                await self._publish(envelopes)
                await self._finish(portion)
                if self._stopping.is_set():
                    return
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _fetch(self, origin: Origin, portion: Sequence[Listed]) -> list[Envelope]:
        with self._blaming(portion):
            whole = [mail for mail in portion if self._objection(mail) is None]
            bodies = await self._thread.run(self._session.fetch, whole) if whole else {}
            envelopes = []
            for mail in portion:
                body = bodies.get(mail.uid)
                if body is not None:
                    envelopes.append(origin.envelope(mail, body, self._now()))
                elif objection := self._objection(mail):
                    envelopes.append(await self._note(origin, mail, objection))
                elif await self._thread.run(self._session.exists, mail.uid):
                    raise Retry(f"the server hands out no body of mail {mail.uid}")
                else:
                    self.health.refused["gone before it was read"] += 1
            return envelopes

    @contextmanager
    def _blaming(self, portion: Sequence[Listed]) -> Iterator[None]:
        """Remember which mail breaks connections; of several it may be any, so they come one by one next time."""
        try:
            yield
        except Retry as error:
            if len(portion) > 1:
                self._alone = portion[-1].uid
            else:
                self._failures[portion[0].uid] += HEADER_TRIES if isinstance(error, TooLarge) else 1
            raise

    def _objection(self, mail: Listed) -> str | None:
        """Why the mail is not to be read as a whole, if so."""
        if mail.size > self._mailbox.max_size:
            return f"its {mail.size:,} bytes are more than max_size, {self._mailbox.max_size:,}"
        if self._failures[mail.uid] >= HEADER_TRIES:
            return "its server did not hand it out as it said it would, several times"
        return None

    async def _note(self, origin: Origin, mail: Listed, objection: str) -> Envelope:
        header = b""
        if self._failures[mail.uid] < EMPTY_TRIES:
            header = await self._thread.run(self._session.fetch_header, mail.uid)
        return origin.note(mail, header, objection, self._now())

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when the log has them all; while it is away they wait, and nothing else is read."""
        waiting = list(envelopes)
        while waiting:
            tried = [self._publisher.publish(envelope, self.health) for envelope in waiting]
            answers = await asyncio.gather(*tried, return_exceptions=True)
            pairs = list(zip(waiting, answers, strict=True))
            waiting = [
                replace(envelope, raw=b"", facts={**envelope.facts, "quarantine": f"the log refuses it: {answer}"})
                if isinstance(answer, Reject)
                else envelope
                for envelope, answer in pairs
                if isinstance(answer, BaseException)
            ]
            self.health.lag = max(self.health.lag - len(pairs) + len(waiting), 0)
            for answer in answers:
                if isinstance(answer, BaseException) and not isinstance(answer, Retry | Reject):
                    raise answer
                if isinstance(answer, Retry) and self._stopping.is_set():
                    raise answer
            if waiting:
                wait = self._log_backoff.failed()
                self.health.state = (
                    f"the log does not take mails: {next(a for _, a in pairs if isinstance(a, Retry | Reject))}"
                )
                await self._pause(wait)
        self._log_backoff.succeeded()

    async def _finish(self, portion: Sequence[Listed]) -> None:
        """Settle mails that are safe, then keep the place: a kill in between costs a duplicate at most."""
        uids = [mail.uid for mail in portion]
        self._published.update(uids)
        await self._settle(uids)
        crash_point("after_imap_settle")
        if self._progress is not None:
            await self._keep(self._progress.at(uids[-1]))
        for uid in uids:
            self._failures.pop(uid, None)

    async def _settle(self, uids: Sequence[int]) -> None:
        try:
            await self._thread.run(self._session.settle, uids)
            self._complaint = ""
        except Unsettled as error:
            self.health.refused["settling"] += len(uids)
            if str(error) != self._complaint:
                self._log.warning("mails are published but not settled", reason=str(error))
            self._complaint = str(error)

    async def _keep(self, progress: Progress) -> None:
        self._progress = progress
        try:
            await self._bookmarks.keep(self._source, progress.place(), self._now())
        except Retry as error:  # the next one is kept instead; at worst mails are published again, and found
            self._log.warning("the place in the folder is not kept", reason=str(error))
        crash_point("after_bookmark")

    def _say(self, state: str) -> None:
        self.health.state = f"{state}; {self._complaint}" if self._complaint else state


def _pairs(found: Iterator[Sequence[Listed]]) -> Iterator[tuple[Sequence[Listed], Sequence[Listed] | None]]:
    """Each portion with the one that follows it."""
    portion = next(found, None)
    while portion is not None:
        following = next(found, None)
        yield portion, following
        portion = following
