"""Reads the records that telephone exchanges write into files and settles each once the log holds it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import structlog
from watchfiles import awatch

from pipeline.config import Config
from pipeline.config.channels import ONLY_POSTED, Phone
from pipeline.connectors.backoff import Backoff, pause
from pipeline.connectors.call_records import WINDOW, CallRecord, Cut, cutter_for
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.followed import Directory, Followed
from pipeline.connectors.phone import envelope_of, site_of
from pipeline.errors import Reject, Retry
from pipeline.parse.call import Call
from pipeline.parse.call_fields import Site
from pipeline.parse.phone import parse_phone
from pipeline.store.bookmarks import Bookmarks
from pipeline.wire import Envelope

READING = "reading"
AT_ONCE = 64
"""Records that wait for the log together; the place is kept when it holds them all."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in seconds: for the next look when nothing is told, and after a failure."""

    first_poll: float = 0.5
    poll: float = 15.0
    first_retry: float = 0.5
    longest_retry: float = 30.0


class CallFilesConnector:
    """One reader a directory, so that none waits for another."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        bookmarks: Bookmarks,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = Pace(),
    ) -> None:
        self._readers = {
            phone.name: DirectoryReader(phone, site_of(phone, config), publisher, bookmarks, now, pace)
            for phone in config.phone
            if phone.directory and phone.format not in ONLY_POSTED
        }
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def health(self) -> Health:
        """What they all did together, each on its own in `parts`."""
        return Health.of_parts({name: reader.health for name, reader in self._readers.items()})

    async def start(self) -> str:
        """Begin to read; returns the names of the exchanges, whether or not their directories are there."""
        self._tasks = [
            asyncio.create_task(reader.run(), name=f"calls {name}") for name, reader in self._readers.items()
        ]
        return " ".join(self._readers)

    async def stop(self) -> None:
        """Take nothing new; what was published and not yet marked so is read again another time."""
        for reader in self._readers.values():
            reader.stop()
        await asyncio.gather(*self._tasks)


class Stopped(Exception):  # noqa: N818  # it ends a reader, and nobody else hears of it
    """The reader was told to stop while it waited."""


class DirectoryReader:
    """Reads one directory: at the start, when something changes there, and every now and then."""

    def __init__(
        self,
        phone: Phone,
        site: Site,
        publisher: Publisher,
        bookmarks: Bookmarks,
        now: Callable[[], datetime],
        pace: Pace,
    ) -> None:
        self.health = Health()
        self._phone = phone
        self._site = site
        self._path = Path(phone.directory or "")
        self._publisher = publisher
        self._bookmarks = bookmarks
        self._now = now
        self._pace = pace
        self._prefix = f"phone/{phone.name}/"
        self._cutter = cutter_for(phone.format)
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._log = structlog.get_logger().bind(phone=phone.name, directory=str(self._path))

    def stop(self) -> None:
        """End at the next occasion."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Read until stopped."""
        watch = asyncio.create_task(self._watch())
        try:
            places = await self._persist(partial(self._bookmarks.places, self._prefix), "where files were read to")
            known = {name.removeprefix(self._prefix): place for name, place in places.items()}
            directory = Directory(self._path, known)
            wait = self._pace.first_poll
            while not self._stopping.is_set():
                self._changed.clear()
                await self._look_safely(directory)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait)
                wait = min(wait * 2, self._pace.poll)  # at first the system may not yet tell of changes
        except Stopped:
            pass
        finally:
            self.stop()
            await watch

    async def _watch(self) -> None:
        """Hear of changes; without a directory, or where the system tells of none, looking must do."""
        while not self._stopping.is_set():
            with suppress(OSError):
                async for _ in awatch(self._path, debounce=200, stop_event=self._stopping, recursive=False):
                    self._changed.set()
            await pause(self._stopping, self._pace.poll)

    async def _look_safely(self, directory: Directory) -> None:
        try:
            await self._look(directory)
        except (Stopped, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # a mistake of ours: it is told, and the next look tries again
            self._log.exception("calls.stumbled")
            self._tell(f"stumbled: {error!r}"[:300])

    async def _look(self, directory: Directory) -> None:
        try:
            files = await asyncio.to_thread(directory.look)
        except OSError as error:
            self._tell(f"cannot read {self._path}: {error.strerror}")
            return
        self._tell(READING)
        for file in files:
            try:
                await self._drain(directory, file)
            except OSError as error:
                self._tell(f"cannot read {file.path.name}: {error.strerror}")
        await self._publish(self._cutter.overdue(self._now()))
        for file in directory.files():
            await self._keep(directory, file)
        for key in directory.gone():
            await self._persist(partial(self._bookmarks.forget, self._prefix + key), "that a file is gone")

    def _tell(self, state: str) -> None:
        """Change the visible state; a change is logged once."""
        if state not in {READING, self.health.state}:
            self._log.warning("calls.unreadable", reason=state)
        self.health.state = state

    async def _drain(self, directory: Directory, file: Followed) -> None:
        """Publish what a file holds beyond its place, a window after the other."""
        first_row = await asyncio.to_thread(directory.first_row, file)
        while not self._stopping.is_set():
            window = await asyncio.to_thread(directory.read, file, WINDOW)
            cut: Cut = await asyncio.to_thread(self._cutter.cut, file, window, first_row, self._now())
            if cut.used == 0:
                return
            if not file.is_read_again:
                await self._publish(cut.records)
            file.position += cut.used
            await self._keep(directory, file)

    async def _keep(self, directory: Directory, file: Followed) -> None:
        """Keep how far a file was read, less what its cutter holds back."""
        place = file.place(self._cutter.held(file))
        if file.position == 0 or place == directory.kept(file):
            return
        directory.keep(file, place)
        keep = partial(self._bookmarks.keep, self._prefix + file.key, place, self._now())
        await self._persist(keep, "where a file was read to")

    async def _publish(self, records: Sequence[CallRecord]) -> None:
        """Return when the log holds them all, or never will hold one."""
        for begin in range(0, len(records), AT_ONCE):
            self.health.lag = len(records) - begin
            envelopes = await asyncio.to_thread(self._envelopes, records[begin : begin + AT_ONCE])
            await asyncio.gather(*(self._settle(envelope) for envelope in envelopes))
        self.health.lag = 0

    async def _settle(self, envelope: Envelope) -> None:
        try:
            await self._persist(partial(self._publisher.publish, envelope, self.health), "a call")
        except Reject as refusal:
            self._log.error("calls.refused", record=envelope.id, reason=refusal.message, **envelope.facts)

    def _envelopes(self, records: Sequence[CallRecord]) -> list[Envelope]:
        return [self._envelope(record) for record in records]

    def _envelope(self, record: CallRecord) -> Envelope:
        calls = list(parse_phone(record.raw, self._site, self._phone.format))
        call = next((call for call in calls if call.call_id), Call(defects=calls[0].defects))
        place = f"{record.file.key}:{record.offset}"
        return envelope_of(
            self._phone,
            call,
            record.raw,
            id_=f"{place}:{sha256(record.raw).hexdigest()[:16]}",
            time=self._now(),
            facts={"file": record.file.path.name, "offset": str(record.offset)},
        )

    async def _persist(self, attempt: Callable[[], Awaitable[_Found]], what: str) -> _Found:
        """The answer, however often it must be asked for. Raises Stopped."""
        backoff = Backoff(self._pace.first_retry, self._pace.longest_retry)
        while True:
            try:
                return await attempt()
            except Retry as error:
                self._log.warning("calls.waiting", keeps=what, reason=str(error))
                await pause(self._stopping, backoff.failed())
                if self._stopping.is_set():
                    raise Stopped from error
