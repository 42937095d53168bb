"""What importing asks of the store."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pipeline.domain.importing import Known
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Record


@dataclass(frozen=True, slots=True)
class WantedRecords:
    """What an import asks: records by kind and external id, whose identities and domains are, what names lead to."""

    records: Mapping[str, Collection[str]]
    identities: Collection[Identity] = ()
    domains: Collection[str] = ()
    references: Mapping[str, Collection[str]] = field(default_factory=dict)
    parents_of: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class WrittenRecord:
    """A record as it is after the import, under its id, be it new or not, or `adopted` from what a message made."""

    id: UUID
    record: Record
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class HeldIdentity:
    """An identity, and the contact, account or agent it points to from now on."""

    identity: Identity
    kind: str
    holder: UUID
    origin: str


@dataclass(slots=True)
class ReferenceChanges:
    """What an import writes, by kind in the order of naming; `new` identities must not be there yet."""

    records: Mapping[str, Sequence[WrittenRecord]] = field(default_factory=dict)
    dropped: list[Identity] = field(default_factory=list)
    new: list[HeldIdentity] = field(default_factory=list)
    moved: list[HeldIdentity] = field(default_factory=list)


class ReferenceTransaction(Protocol):
    """One import: all of it, or nothing."""

    async def known(self, wanted: WantedRecords) -> Known:
        """What is known of what an import names; no other import goes on meanwhile."""

    async def write(self, changes: ReferenceChanges, at: datetime) -> None:
        """Write it, known since `at`. Raises Retry where a message made a contact of an identity meanwhile."""


class ReferenceStore(Protocol):
    """Opens transactions of importing."""

    def transaction(self) -> AbstractAsyncContextManager[ReferenceTransaction]:
        """A transaction that commits at the end of the block. Raises Retry when the store is away."""
