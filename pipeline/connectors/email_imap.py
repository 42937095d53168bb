"""Reads mailboxes over IMAP and settles each mail once the log holds it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from pipeline.config import Config
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.imap_mailbox import MailboxReader, Pace
from pipeline.store.bookmarks import Bookmarks


class ImapConnector:
    """One reader a mailbox, each with its own connection, thread and state, so that none waits for another."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        bookmarks: Bookmarks,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = Pace(),  # noqa: B008  # frozen
    ) -> None:
        self._readers = {
            mailbox.address: MailboxReader(mailbox, publisher, bookmarks, now, pace)
            for mailbox in config.mailbox
            if mailbox.imap
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def mailboxes(self) -> Mapping[str, Health]:
        """What each mailbox did, by its address."""
        return {address: reader.health for address, reader in self._readers.items()}

    @property
    def health(self) -> Health:
        """What they all did together, each on its own in `parts`."""
        return Health.of_parts(self.mailboxes)

    async def start(self) -> str:
        """Begin to read; returns the addresses whose folders are read, whether or not their servers answer."""
        for address, reader in self._readers.items():
            self._tasks[address] = asyncio.create_task(reader.run(), name=f"imap {address}")
        return " ".join(self._readers)

    async def stop(self) -> None:
        """Take nothing new, let what was begun be settled for some seconds, then end the connections."""
        await asyncio.gather(*(self._readers[address].stop(task) for address, task in self._tasks.items()))
