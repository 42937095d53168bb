"""What casework asks of the store, beside the cases themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.domain.activities import Activity, KnownRecord, RecordName
from pipeline.domain.deliveries import State
from pipeline.domain.matching import Ref
from pipeline.domain.merging import MergeRecord
from pipeline.store.reply_ports import NewReply, StoredItem


@dataclass(frozen=True, slots=True)
class Family:
    """The cases that an order may be about beside its own: children below, parents above, what was merged in or into.

    By the case that was asked about; none of them is locked.
    """

    children: Mapping[UUID, Sequence[UUID]] = field(default_factory=dict)
    ancestors: Mapping[UUID, Sequence[UUID]] = field(default_factory=dict)
    merged: Mapping[UUID, Sequence[UUID]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Correspondence:
    """How a case's customer is answered: by what kind of message, at which address, which message of theirs.

    `known` are all addresses that they have.
    """

    kind: str
    address: str | None
    message_id: str | None = None
    known: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class WorkWanted:
    """What an order asks; of `agents` the external ids, of `answers` the cases whose customer is to be written to.

    `records` are others that it names: contacts, by an address too, accounts, devices, articles, entitlements.
    `asked` names, by case, the item on a platform that is to be answered; None is the customer's last. `feeds` are
    cases whose device is to be told something.
    """

    cases: Collection[UUID] = ()
    activities: Collection[UUID] = ()
    merges: Collection[UUID] = ()
    agents: Collection[str] = ()
    answers: Collection[UUID] = ()
    records: Collection[RecordName] = ()
    asked: Mapping[UUID, UUID | None] = field(default_factory=dict)
    feeds: Collection[UUID] = ()


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """What the store knows about it: activities by case and by id, records of merges by the merged case."""

    of_case: Mapping[UUID, Sequence[Activity]] = field(default_factory=dict)
    activities: Mapping[UUID, Activity] = field(default_factory=dict)
    merges: Mapping[UUID, MergeRecord] = field(default_factory=dict)
    agents: Mapping[str, Ref] = field(default_factory=dict)
    answers: Mapping[UUID, Correspondence] = field(default_factory=dict)
    records: Mapping[RecordName, KnownRecord] = field(default_factory=dict)
    asked: Mapping[UUID, StoredItem] = field(default_factory=dict)
    feeds: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkActivity:
    """An activity that an agent made; `adjusts` when it corrects the billable time, `delivery` when it leaves.

    Without a case it may be about another record, `regarding`, of that kind.
    """

    id: UUID
    case_id: UUID | None
    kind: str
    direction: str
    state: str
    subject: str
    body: str
    at: datetime
    sender: str | None = None
    recipient: str | None = None
    agent: str | None = None
    contact_id: UUID | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    billable_s: int | None = None
    adjusts: bool = False
    due_at: datetime | None = None
    remind_at: datetime | None = None
    delivery: State | None = None
    regarding_kind: str | None = None
    regarding: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """An open activity that ended: in which state, and after how long."""

    id: UUID
    state: str
    at: datetime
    duration_s: int | None = None
    billable_s: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """An activity that lies in another case now; messages that answer it follow it there."""

    id: UUID
    case_id: UUID
    carries_links: bool = False


@dataclass(frozen=True, slots=True)
class DeedRow:
    """What somebody ordered, as a journal tells it; `data` holds what the verb needs."""

    id: UUID
    case_id: UUID | None
    at: datetime
    actor: str
    actor_id: str | None
    verb: str
    data: Mapping[str, Any]
    activity_id: UUID | None = None


@dataclass(slots=True)
class WorkChanges:
    """What an order writes; `consumed` are cases whose billable time bears the mark from now on, `restored` no more.

    `owned` are open activities that became an agent's, or nobody's.
    """

    activities: list[WorkActivity] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    owned: list[tuple[UUID, str | None]] = field(default_factory=list)
    consumed: list[tuple[UUID, datetime]] = field(default_factory=list)
    restored: list[UUID] = field(default_factory=list)
    merged: list[MergeRecord] = field(default_factory=list)
    unmerged: list[UUID] = field(default_factory=list)
    left: list[tuple[UUID, str]] = field(default_factory=list)
    deeds: list[DeedRow] = field(default_factory=list)
    replies: list[NewReply] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, name) for name in self.__slots__)
