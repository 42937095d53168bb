"""What merging contacts asks of the store, and writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pipeline.domain.contacts import ContactMerge, Person
from pipeline.domain.matching import Identity


class People(Protocol):
    """Tells of every contact what may be compared."""

    async def __call__(self) -> Sequence[Person]:
        """All contacts but those that were merged. Raises Retry when the store is away."""


@dataclass(slots=True)
class ContactChanges:
    """What a merge writes, or its undoing: whose identities are, which contact each is part of, what was kept of it."""

    identities: dict[Identity, UUID] = field(default_factory=dict)
    survivors: dict[UUID, UUID | None] = field(default_factory=dict)
    merged: list[ContactMerge] = field(default_factory=list)
    undone: dict[UUID, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is written."""
        return bool(self.identities or self.survivors or self.merged or self.undone)
