"""Takes what is new in a folder, over however many connections: publishes it, settles it, keeps the place."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import structlog

from pipeline.config.imap import target_folder
from pipeline.connectors.backoff import Backoff, pause
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.imap_envelope import Origin
from pipeline.connectors.imap_progress import Listed, Progress, portions, resume
from pipeline.connectors.imap_session import ImapSession, Unsettled
from pipeline.connectors.imap_thread import BlockingThread
from pipeline.connectors.imap_wire import TooLarge
from pipeline.crash import crash_point
from pipeline.errors import Reject, Retry
from pipeline.store.bookmarks import Bookmarks
from pipeline.wire import Envelope

PORTION = 64
PORTION_BYTES = 4_194_304
"""Mails that are fetched, published and settled together; while they are published, the next are fetched."""

LISTED = 2_000
"""Mails whose sizes are asked for at a time, so that the first of a million do not wait for the last."""

HEADER_TRIES = 5
EMPTY_TRIES = 8
"""How often the server may fail to hand out a mail until its header is enough for us, or nothing of it."""


class Drain:
    """What is known of one folder while this process lives; `complaint` says why mails are not settled, if so."""

    def __init__(
        self,
        origin: Origin,
        publisher: Publisher,
        bookmarks: Bookmarks,
        *,
        health: Health,
        thread: BlockingThread,
        backoff: Backoff,
        stopping: asyncio.Event,
        now: Callable[[], datetime],
    ) -> None:
        self.complaint = ""
        self._origin = origin
        self._mailbox = origin.mailbox
        self._moves = target_folder(origin.mailbox.settle) is not None
        self._source = f"imap/{origin.place}"
        self._publisher = publisher
        self._bookmarks = bookmarks
        self._health = health
        self._on = thread.run
        self._backoff = backoff
        self._stopping = stopping
        self._now = now
        self._log = structlog.get_logger().bind(mailbox=origin.mailbox.address, folder=str(origin.place))
        self._looked_up = False
        self._progress: Progress | None = None
        self._published: set[int] = set()
        self._foreign: set[int] = set()
        self._failures: Counter[int] = Counter()
        self._alone = 0

    async def look_up(self) -> None:
        """Learn how far the folder was read in an earlier life. Raises Retry while the database is away."""
        if not self._looked_up:
            place = (await self._bookmarks.places(self._source)).get(self._source)
            self._progress, self._looked_up = Progress.of(place) if place else None, True

    async def resume(self, session: ImapSession) -> None:
        """Open the folder, and find where to go on in it."""
        folder = await self._on(session.select)
        resumed = resume(self._progress, folder, first_read=self._mailbox.first_read, now=self._now())
        if resumed.again:
            self._log.warning("the folder is read again", reason=resumed.again)
        self._origin = replace(self._origin, uidvalidity=folder.uidvalidity)
        if resumed.progress != self._progress:
            self._published.clear()
            self._foreign.clear()
            self._failures.clear()
            self._alone = 0
            await self._keep(resumed.progress)

    async def take_all(self, session: ImapSession) -> None:
        """Take all that is new; where mails are moved away, all that still lies there is."""
        while (progress := self._progress) is not None and not self._stopping.is_set():
            found = await self._on(session.uids_after, progress.floor if self._moves else progress.uid)
            self._published &= set(found)
            self._foreign &= set(found)
            if self._published:
                await self._settle(session, sorted(self._published))
            fresh = [uid for uid in found if uid not in self._published and uid not in self._foreign]
            self._health.lag = len(fresh)
            if not fresh:
                if found:
                    await self._keep(progress.at(found[-1]))
                return
            listed = await self._on(session.list_mails, fresh[:LISTED])
            mails = [mail for mail in listed if progress.concerns(mail)]
            self._foreign |= set(fresh[:LISTED]) - {mail.uid for mail in mails}
            self._health.state = "reading"
            await self._take(session, mails)

    async def _take(self, session: ImapSession, mails: Sequence[Listed]) -> None:
        """Publish portion by portion; the next one is fetched meanwhile."""
        ahead: asyncio.Task[list[Envelope]] | None = None
        try:
            split = portions(mails, most=PORTION, most_bytes=PORTION_BYTES, alone=self._alone)
            for portion, following in _pairs(split):
                envelopes = await (ahead or self._fetch(session, portion))
                if following and following[0].uid > self._alone:  # else it may break the connection before we settled
                    ahead = asyncio.create_task(self._fetch(session, following))
                else:
                    ahead = None
                await self._publish(envelopes)
                await self._finish(session, portion)
                if self._stopping.is_set():
                    return
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _fetch(self, session: ImapSession, portion: Sequence[Listed]) -> list[Envelope]:
        with self._blaming(portion):
            whole = [mail for mail in portion if self._objection(mail) is None]
            bodies = await self._on(session.fetch, whole) if whole else {}
            envelopes = []
            for mail in portion:
                body = bodies.get(mail.uid)
                if body is not None:
                    envelopes.append(self._origin.envelope(mail, body, self._now()))
                elif objection := self._objection(mail):
                    envelopes.append(await self._note(session, mail, objection))
                elif await self._on(session.exists, mail.uid):
                    raise Retry(f"the server hands out no body of mail {mail.uid}")
                else:
                    self._health.refused["gone before it was read"] += 1
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

    async def _note(self, session: ImapSession, mail: Listed, objection: str) -> Envelope:
        header = b""
        if self._failures[mail.uid] < EMPTY_TRIES:
            header = await self._on(session.fetch_header, mail.uid)
        return self._origin.note(mail, header, objection, self._now())

    async def _publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when the log has them all; while it is away they wait, and nothing else is read."""
        waiting = list(envelopes)
        while waiting:
            left = [envelope for envelope in await asyncio.gather(*map(self._try, waiting)) if envelope]
            self._health.lag = max(self._health.lag - len(waiting) + len(left), 0)
            waiting = left
            if waiting and self._stopping.is_set():
                raise Retry("stopped while the log was away")
            if waiting:
                await pause(self._stopping, self._backoff.failed())
        self._backoff.succeeded()

    async def _try(self, envelope: Envelope) -> Envelope | None:
        """Publish it; what is still to be published, if anything."""
        try:
            await self._publisher.publish(envelope, self._health)
        except Retry as error:
            self._health.state = f"the log does not take mails: {error}"
            return envelope
        except Reject as error:
            return replace(envelope, raw=b"", facts={**envelope.facts, "quarantine": f"the log refuses it: {error}"})
        return None

    async def _finish(self, session: ImapSession, portion: Sequence[Listed]) -> None:
        """Settle mails that are safe, then keep the place: a kill in between costs a duplicate at most."""
        uids = [mail.uid for mail in portion]
        self._published.update(uids)
        await self._settle(session, uids)
        crash_point("after_imap_settle")
        if self._progress is not None:
            await self._keep(self._progress.at(uids[-1]))
        for uid in uids:
            self._failures.pop(uid, None)

    async def _settle(self, session: ImapSession, uids: Sequence[int]) -> None:
        try:
            await self._on(session.settle, uids)
            self.complaint = ""
        except Unsettled as error:
            self._health.refused["settling"] += len(uids)
            if str(error) != self.complaint:
                self._log.warning("mails are published but not settled", reason=str(error))
            self.complaint = str(error)

    async def _keep(self, progress: Progress) -> None:
        if progress == self._progress:
            return
        self._progress = progress
        try:
            await self._bookmarks.keep(self._source, progress.place(), self._now())
        except Retry as error:  # the next one is kept instead; at worst mails are published again, and found
            self._log.warning("the place in the folder is not kept", reason=str(error))
        crash_point("after_bookmark")


def _pairs(found: Iterator[Sequence[Listed]]) -> Iterator[tuple[Sequence[Listed], Sequence[Listed] | None]]:
    """Each portion with the one that follows it."""
    portion = next(found, None)
    while portion is not None:
        following = next(found, None)
        yield portion, following
        portion = following
