"""Keeps a batch of a rehearsal from reaching over the time of a timer that it armed itself."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from pipeline.errors import CasestreamError
from pipeline.store.ports import Store, Transaction
from pipeline.wire import Partition


class TooFarError(CasestreamError):
    """The transaction is undone: a timer is `due` before its last message came."""

    def __init__(self, due: datetime) -> None:
        super().__init__(f"a timer is due at {due.isoformat()}, before the batch ends")
        self.due = due


class WatchedStore:
    """A store whose transactions may reach `until` some time only, unless a timer is due before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.until: datetime | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction. Raises TooFarError instead of committing when a timer is due before its messages end."""
        async with self._store.transaction() as tx:
            yield tx
            if self.until is not None:
                _, due = await tx.next_timer()
                if due is not None and due <= self.until:
                    raise TooFarError(due)

    async def begin(self, partitions: Collection[Partition], *, alone: bool) -> Mapping[Partition, int]:
        """Note that these partitions' next records are begun."""
        return await self._store.begin(partitions, alone=alone)
