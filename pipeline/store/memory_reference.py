"""Importing in memory: answers as PostgreSQL does, for tests that need no server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from pipeline.domain.importing import Holder, Known, Stored
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Account, Contact, Key, Record
from pipeline.store.reference_ports import HeldIdentity, ReferenceChanges, WantedRecords


@dataclass(slots=True)
class MemoryReference:
    """Records by key, and whose each identity is: kind, id, where it came from."""

    records: dict[Key, tuple[UUID, Record]] = field(default_factory=dict)
    identities: dict[Identity, HeldIdentity] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MemoryReferenceTransaction"]:
        """A transaction that is kept at the end of the block, and undone when the block raises."""
        async with self.lock:
            before = dict(self.records), dict(self.identities)
            try:
                yield MemoryReferenceTransaction(self)
            except BaseException:
                self.records, self.identities = before
                raise


class MemoryReferenceTransaction:
    """One import's view of the records."""

    def __init__(self, store: MemoryReference) -> None:
        self._store = store

    async def known(self, wanted: WantedRecords) -> Known:
        """What is known of what an import names."""
        all_records = self._store.records
        named = {
            key: (id_, record)
            for key, (id_, record) in all_records.items()
            if record.external_id in wanted.records.get(record.kind, ())
            or (record.kind in wanted.records and record.rivals is not None)
        }
        by_id = dict(all_records.values())
        return Known(
            records={key: Stored(id_, id_, record, self._listed(id_)) for key, (id_, record) in named.items()},
            holders={
                one: self._holder(self._store.identities[one], by_id)
                for one in wanted.identities
                if one in self._store.identities
            },
            domains={
                domain: record.external_id
                for _, record in all_records.values()
                if isinstance(record, Account)
                for domain in record.domains
                if domain in wanted.domains
            },
            keys={key: id_ for key, (id_, _) in all_records.items()},
            above={key: record.above for key, (_, record) in all_records.items() if record.above is not None},
        )

    async def write(self, changes: ReferenceChanges, at: datetime) -> None:  # noqa: ARG002  # nothing here is dated
        """Write it."""
        store = self._store
        for identity in changes.dropped:
            store.identities.pop(identity, None)
        for written in (one for of_kind in changes.records.values() for one in of_kind):
            bare = replace(written.record, given=frozenset(), known_by=frozenset(), identities=(), notes=())
            store.records[written.record.key] = written.id, bare
        store.identities |= {held.identity: held for held in (*changes.moved, *changes.new)}

    def _listed(self, holder: UUID) -> frozenset[Identity]:
        held = self._store.identities.values()
        return frozenset(one.identity for one in held if one.holder == holder and one.origin == "import")

    @staticmethod
    def _holder(held: HeldIdentity, by_id: dict[UUID, Record]) -> Holder:
        record = by_id.get(held.holder)
        account = record.account if isinstance(record, Contact) else None
        external_id = record.external_id if record else None
        return Holder(held.kind, held.holder, external_id, account, held.origin == "import")
