"""What the pipeline asks of its store; PostgreSQL and the fake in memory answer alike."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pipeline.domain.agents import Agent, Presence
from pipeline.domain.cases import Case
from pipeline.domain.contacts import KnownContact
from pipeline.domain.customers import CustomerFacts
from pipeline.domain.kpi import Instance
from pipeline.domain.matching import Identity, Party, Ref
from pipeline.domain.threading import ThreadLink
from pipeline.domain.timers import Awaited, Timer
from pipeline.store.casework_ports import Family, WorkChanges, WorkFacts, WorkWanted
from pipeline.store.channel_ports import ChannelChanges, ChannelFacts, ChannelWanted
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.delivery_ports import Leaving, NewDelivery
from pipeline.store.entitlement_ports import EntitlementChanges, EntitlementFacts, EntitlementWanted
from pipeline.store.kpi_ports import PromiseFacts
from pipeline.store.mail_ports import MailChanges, MailFacts, MailQuestions, MailWanted
from pipeline.store.outbound_ports import OutboundMail
from pipeline.store.queue_ports import Need, QueueChanges, QueueItem, Staff
from pipeline.store.watch_ports import AlarmGroup, GroupName, WatchChanges, WatchFacts
from pipeline.wire import Bounds, Partition, Record


@dataclass(frozen=True, slots=True)
class Position:
    """A row of the offset ledger: the offset to settle next, and how often that was begun in vain.

    A partition with a `stopped_reason` takes nothing until a person resumes it.
    """

    next: int
    attempts: int = 0
    stopped_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch: positions after its commit, by partition.

    `ahead` names partitions whose records came past `next` (the rule of gaps decides on them), with the first offset
    seen there; `stopped` those that the breaker holds, with the reason.
    """

    positions: Mapping[Partition, int]
    ahead: Mapping[Partition, int] = field(default_factory=dict)
    stopped: Mapping[Partition, str] = field(default_factory=dict)


class Settle(Protocol):
    """Settles a batch of records in one transaction; retries by itself while PostgreSQL is away."""

    def expect(self, records: Sequence[Record]) -> None:
        """Take note of a batch that comes soon; it may still be dropped."""

    async def __call__(self, records: Sequence[Record]) -> Settled:
        """Return after the commit. Raises Stop when a person must look."""


class OffsetLedger(Protocol):
    """Which offset of each partition is to be settled next; the only position there is."""

    async def assign(self, cluster_id: str, bounds: Mapping[Partition, Bounds]) -> Mapping[Partition, Position]:
        """Insert missing rows at the log's start, and return the rows of these partitions.

        Raises Stop when a row's `next` lies beyond the log's end or below its start, or belongs to another cluster;
        Retry when PostgreSQL is away.
        """

    async def record_gap(self, partition: Partition, expected: int, found: int) -> bool:
        """Note that offsets from `expected` to before `found` do not exist, and go on at `found`.

        False, with nothing written, when `next` is not `expected` any more: someone else settled there.
        """

    async def positions(self, topics: Iterable[str]) -> Mapping[Partition, Position]:
        """The rows of all partitions of these topics."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch asks before it decides; `claim` holds all its conversation ids, and its dedupe keys too."""

    claim: Collection[str]
    dedupe_keys: Collection[str]
    identities: Collection[Identity]
    domains: Collection[str]
    case_numbers: Collection[int]
    channels: ChannelWanted = field(default_factory=ChannelWanted)
    mail: MailWanted = field(default_factory=MailWanted)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message settled before, as far as a duplicate is judged by it."""

    id: UUID
    received_at: datetime
    case_id: UUID | None
    body: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows about what was wanted."""

    links: Mapping[str, Sequence[ThreadLink]] = field(default_factory=dict)
    messages: Mapping[str, StoredMessage] = field(default_factory=dict)
    parties: Mapping[Identity, Party] = field(default_factory=dict)
    accounts: Mapping[str, Ref] = field(default_factory=dict)
    case_ids: Mapping[int, UUID] = field(default_factory=dict)
    channels: ChannelFacts = field(default_factory=ChannelFacts)
    mail: MailFacts = field(default_factory=MailFacts)


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to be made for an identity, unless someone else made one meanwhile; `origin` is where it came from."""

    id: UUID
    name: str
    identity: Identity
    account_id: UUID | None
    created_at: datetime
    origin: str = "message"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A settled message as it is stored, field for field; its raw bytes go beside."""

    id: UUID
    channel: str
    source: str
    source_id: str
    dedupe_key: str | None
    outcome: str
    reason: str
    matched_by: str | None
    case_id: UUID | None
    contact_id: UUID | None
    activity_id: UUID | None
    received_at: datetime
    flags: Sequence[str]
    defects: Sequence[str]
    body: str | None
    content_type: str
    facts: Mapping[str, str]
    topic: str
    partition: int
    log_offset: int
    dataref: str | None
    account_id: UUID | None = None
    customer_by: str | None = None


@dataclass(frozen=True, slots=True)
class NewActivity:
    """An activity of a case."""

    id: UUID
    case_id: UUID
    kind: str
    direction: str
    state: str
    subject: str
    body: str
    sender: str | None
    contact_id: UUID | None
    at: datetime
    agent: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event, `seq` without holes per key; `data` is what JSON can say."""

    id: UUID
    key: str
    seq: int
    type: str
    subject: str | None
    data: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be settled, whole, with why and where; `item` is its place in a record of several."""

    id: UUID
    topic: str
    partition: int
    log_offset: int
    kind: str
    reason: str
    place: str
    sender: str
    source: str
    hour: datetime
    count: int
    key: bytes | None
    headers: Sequence[tuple[str, str]]
    raw: bytes
    at: datetime
    item: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """Messages of a source, received within an hour, on a partition: how many came, how many had each outcome."""

    topic: str
    partition: int
    source: str
    hour: datetime
    received: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a part decided so on a case, with the values it saw, as a person reads it."""

    case_id: UUID
    at: datetime
    part: str
    says: str


@dataclass(slots=True)
class Changes:
    """All that a batch writes; a timer of a place takes the stead of the one there, None takes it away.

    Timers that `fired` are gone, unless somebody armed another one in their place since.
    """

    opened: list[Case] = field(default_factory=list)
    changed: list[Case] = field(default_factory=list)
    participants: list[tuple[UUID, str]] = field(default_factory=list)
    activities: list[NewActivity] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    raws: list[tuple[UUID, bytes]] = field(default_factory=list)
    blobs: list[tuple[UUID, str]] = field(default_factory=list)
    links: list[ThreadLink] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    channels: ChannelChanges = field(default_factory=ChannelChanges)
    outbound: list[OutboundMail] = field(default_factory=list)
    delivered: list[NewDelivery] = field(default_factory=list)
    work: WorkChanges = field(default_factory=WorkChanges)
    mail: MailChanges = field(default_factory=MailChanges)
    whys: list[Why] = field(default_factory=list)
    kpis: list[Instance] = field(default_factory=list)
    timed: dict[tuple[str, str], Timer | None] = field(default_factory=dict)
    fired: list[Timer] = field(default_factory=list)
    watch: WatchChanges = field(default_factory=WatchChanges)
    entitlements: EntitlementChanges = field(default_factory=EntitlementChanges)
    contacts: ContactChanges = field(default_factory=ContactChanges)
    queues: QueueChanges = field(default_factory=QueueChanges)


@dataclass(frozen=True, slots=True)
class Strikes:
    """Unexpected deaths on a partition: in the 20 and the 1,000 offsets up to now, and from how many senders."""

    in_a_row: int
    in_the_last_thousand: int
    senders: int


class Transaction(Protocol):
    """One transaction of whoever writes: intake, agents, the clock, what is sent.

    All take their locks in one order, so that no two wait for each other: that no contacts are merged meanwhile → rows
    of the ledger → ids of conversations, calls, devices (`read`), and under them what is told of these → identities →
    alarms and their groups → cases, by id → entitlements → agents → the rows that `write` writes, in its own order:
    queues before timers, events last. Whoever needs more cases than it locked gives its locks back and takes them anew.
    What `waiting` and `next_item` lock is never waited for.
    """

    @property
    def mail(self) -> MailQuestions:
        """What is asked about mail; locks nothing."""

    async def lock_positions(self, partitions: Collection[Partition]) -> Mapping[Partition, Position]:
        """The ledger's rows of these partitions, locked until the end."""

    async def read(self, wanted: Wanted) -> Facts:
        """Claim all conversation ids (waiting for whoever holds one), then read what is known of them."""

    async def parties(self, identities: Collection[Identity]) -> Mapping[Identity, Party]:
        """Whose these identities are, beyond those that `read` was asked for."""

    async def create_contacts(self, contacts: Sequence[NewContact]) -> Mapping[Identity, Party]:
        """Make contacts with their identities; the answer says who each identity belongs to now."""

    async def customers(
        self,
        contacts: Collection[UUID] = (),
        accounts: Collection[UUID] = (),
        devices: Collection[str] = (),
        products: Collection[str] = (),
    ) -> CustomerFacts:
        """What is known of these customers, devices and products; asked only where a rule wants to know."""

    async def watched(self, devices: Collection[str], since: datetime) -> WatchFacts:
        """What rules on readings know of these devices, which are claimed; the maintenance that ends after a time."""

    async def lock_groups(self, names: Collection[GroupName], since: datetime) -> Mapping[GroupName, AlarmGroup]:
        """These groups of alarms, locked, with the members that were raised since a time."""

    async def touched_cases(self, cases: Collection[UUID]) -> Collection[UUID]:
        """Those of the cases on which a person did something, and not rules alone."""

    async def promises(self, cases: Collection[UUID], entitlements: Collection[str]) -> PromiseFacts:
        """What was promised on these cases, and the SLAs that these entitlements bring."""

    async def find_contacts(self, names: Collection[str]) -> Mapping[str, Collection[UUID]]:
        """The contacts that are called so, by external id, by id, or by what they are known by."""

    async def lock_contacts(self, ids: Collection[UUID]) -> Mapping[UUID, KnownContact]:
        """The contacts, and those they were merged into, locked with their identities."""

    async def cases_of(self, contact: UUID) -> Sequence[UUID]:
        """All cases of a contact, not locked."""

    async def active_cases(self, contacts: Collection[UUID]) -> Mapping[UUID, Sequence[UUID]]:
        """The active cases of these contacts, not locked; of many, as many as tell that there is more than one."""

    async def lock_cases(self, ids: Collection[UUID]) -> Mapping[UUID, Case]:
        """The cases, locked in the order of their ids, and the survivors of merged ones as well.

        Raises Retry when one of them was merged into another while its lock was waited for.
        """

    async def family(self, cases: Collection[UUID]) -> Family:
        """The children below these cases, the parents above them, what was merged into them; nothing is locked."""

    async def work(self, wanted: WorkWanted) -> WorkFacts:
        """What casework wants to know of cases that are locked."""

    async def leaving(self, activities: Collection[UUID], *, lock: bool = False) -> Mapping[UUID, Leaving]:
        """How far these activities have come that leave the desk; locked, it comes after their cases."""

    async def entitlements(self, wanted: EntitlementWanted) -> EntitlementFacts:
        """What is known of entitlements, which are locked in the order of their ids; comes after the cases."""

    async def case_numbers(self, count: int) -> Sequence[int]:
        """So many new case numbers, rising."""

    async def next_sequences(self, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Raise the event sequence of keys that are no case by so many; the answer is the first number of each."""

    async def write(self, changes: Changes) -> None:
        """Write all that a batch changes."""

    async def agents(self, ids: Collection[UUID] = (), names: Collection[str] = ()) -> Sequence[Agent]:
        """The agents of these ids or external ids."""

    async def staff(self, queues: Collection[str], agents: Collection[UUID]) -> Staff:
        """Who works in these queues and those of these agents, locked, and what is asked of them there."""

    async def waiting(self, wanted: Collection[tuple[Need, int]], cases: Collection[UUID]) -> Sequence[QueueItem]:
        """The first items that wait to be given to somebody, so many of each need, and those of these cases.

        Their cases are locked; those that somebody else has are passed over.
        """

    async def next_item(self, queues: Collection[str]) -> QueueItem | None:
        """The first item that waits in these queues, locked; those that somebody else has are passed over."""

    async def queue_items(self, refs: Collection[UUID]) -> Mapping[UUID, QueueItem]:
        """The items of these cases, activities or messages."""

    async def set_presence(self, agent: UUID, presence: Presence, at: datetime) -> None:
        """Keep what an agent says of themselves."""

    async def begin_firing(self) -> datetime | None:
        """The store's clock; None while another transaction fires timers. Comes first in a transaction."""

    async def due_timers(self, now: datetime, awaited: Mapping[Awaited, datetime], limit: int) -> Sequence[Timer]:
        """The timers due first, not locked; those that wait for others than `awaited` only up to that time."""

    async def still_there(self, timers: Collection[Timer]) -> Sequence[Timer]:
        """Those of the timers that still are as they were read; asked under the locks of what could move them."""

    async def next_timer(self) -> tuple[datetime, datetime | None]:
        """The store's clock, and when the next timer is due, if there is one."""

    async def put_off(self, failed: Mapping[tuple[str, str], str], now: datetime) -> Collection[tuple[str, str]]:
        """Try timers that failed, by place with the reason, again later; the places of those that are set aside now."""

    async def advance(self, positions: Mapping[Partition, tuple[int, int]]) -> None:
        """Set `next` of each partition, and add to its count of settled records."""

    async def strikes(self, partition: Partition, offset: int) -> Strikes:
        """How many records of a partition met an unexpected error lately, up to this offset."""

    async def stop_partition(self, partition: Partition, reason: str) -> None:
        """Let nothing of a partition be settled until a person resumes it."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that is undone alone when it raises."""


class Store(Protocol):
    """Opens transactions of intake. Every method raises Retry when the store is away or asks to try again."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits at the end of the block, and is undone when the block raises."""

    async def begin(self, partitions: Collection[Partition], *, alone: bool) -> Mapping[Partition, int]:
        """Note, in a transaction of its own, that these partitions' next records are begun; how often that was now.

        Settling any record sets the count to 0 again. `alone`: one record at a time, so that the count tells of that
        very record.
        """
