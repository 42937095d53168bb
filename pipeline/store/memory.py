"""Intake's store in memory: answers as PostgreSQL does, for tests that need no server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from pipeline.domain.agents import Agent, Presence
from pipeline.domain.alarm_rules import RuleAlarm
from pipeline.domain.alarms import Alarm
from pipeline.domain.callbacks import Caller
from pipeline.domain.cases import Case
from pipeline.domain.contacts import ContactMerge, KnownContact
from pipeline.domain.customers import AccountFacts, CustomerFacts, DeviceFacts, ProductFacts
from pipeline.domain.entitlement import Entitlement
from pipeline.domain.entitlement_use import Line
from pipeline.domain.kpi import Instance
from pipeline.domain.maintenance import Window
from pipeline.domain.matching import Identity, Party, Ref
from pipeline.domain.merging import MergeRecord
from pipeline.domain.posts import PostTold
from pipeline.domain.storms import Arrival
from pipeline.domain.threading import MAX_LINKS, ThreadLink
from pipeline.domain.timers import Awaited, Timer
from pipeline.errors import Retry
from pipeline.store.casework_ports import DeedRow, Family, WorkActivity, WorkFacts, WorkWanted
from pipeline.store.channel_ports import (
    MOST_ACTIVE,
    About,
    ChannelChanges,
    ChannelFacts,
    ChannelWanted,
    DeviceName,
    DeviceState,
    StoredActivity,
    Told,
    ToldActivity,
    numbers_of,
)
from pipeline.store.delivery_ports import Leaving
from pipeline.store.entitlement_ports import EntitlementFacts, EntitlementWanted
from pipeline.store.kpi_ports import PromiseFacts
from pipeline.store.mail_ports import Bounced, Newcomer, Reach, Watch
from pipeline.store.memory_casework import known_family, known_work, write_work
from pipeline.store.memory_contacts import cases_of, find_contacts, lock_contacts, write_contacts
from pipeline.store.memory_customers import known_customers
from pipeline.store.memory_deliveries import known_leaving, write_deliveries
from pipeline.store.memory_entitlements import LineKey, known_entitlements, write_entitlements
from pipeline.store.memory_kpi import known_promises, write_promises
from pipeline.store.memory_mail import MemoryMail, known_mail, write_mail
from pipeline.store.memory_outbound import write_outbound
from pipeline.store.memory_queues import in_order, known_agents, known_items, staff, waiting, write_queues
from pipeline.store.memory_replies import known_awaited
from pipeline.store.memory_timers import TimerRow, due_timers, write_timers
from pipeline.store.memory_watch import known_groups, known_watched, touched_cases, write_watch
from pipeline.store.outbound_ports import OutboundMail
from pipeline.store.ports import (
    Changes,
    DeadLetter,
    Facts,
    NewActivity,
    NewContact,
    NewEvent,
    NewMessage,
    Position,
    StoredMessage,
    Strikes,
    Wanted,
    Why,
)
from pipeline.store.queue_ports import Need, QueueItem, Staff
from pipeline.store.reply_ports import NewReply
from pipeline.store.watch_ports import AlarmGroup, AlarmName, GroupName, NewCommand, Watched, WatchFacts
from pipeline.wire import Partition

FIRST_CASE_NUMBER = 1001

Key = TypeVar("Key")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A partition's row of the offset ledger."""

    cluster_id: str
    next: int
    attempts: int = 0
    resumed_at: int = 0
    stopped_reason: str | None = None

    @property
    def position(self) -> Position:
        """The row as intake sees it."""
        return Position(self.next, self.attempts, self.stopped_reason)


@dataclass(slots=True)
class Tables:
    """What is committed; every value is replaced as a whole, never changed in place."""

    ledger: dict[Partition, LedgerRow] = field(default_factory=dict)
    gaps: dict[tuple[Partition, int], int] = field(default_factory=dict)
    accounts: dict[UUID, Ref] = field(default_factory=dict)
    domains: dict[str, UUID] = field(default_factory=dict)
    contacts: dict[UUID, tuple[Ref, UUID | None]] = field(default_factory=dict)
    identities: dict[Identity, tuple[UUID | None, UUID | None]] = field(default_factory=dict)
    agents: dict[Identity, Ref] = field(default_factory=dict)
    contact_fields: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    survivors: dict[UUID, UUID] = field(default_factory=dict)
    contact_merges: dict[UUID, ContactMerge] = field(default_factory=dict)
    account_facts: dict[UUID, AccountFacts] = field(default_factory=dict)
    devices: dict[str, DeviceFacts] = field(default_factory=dict)
    products: dict[str, ProductFacts] = field(default_factory=dict)
    cases: dict[UUID, Case] = field(default_factory=dict)
    participants: dict[tuple[UUID, str], None] = field(default_factory=dict)
    activities: dict[UUID, NewActivity | ToldActivity | WorkActivity] = field(default_factory=dict)
    deliveries: dict[UUID, Leaving] = field(default_factory=dict)
    replies: dict[UUID, NewReply] = field(default_factory=dict)
    receipts: dict[str, datetime] = field(default_factory=dict)
    consumed: dict[UUID, datetime] = field(default_factory=dict)
    merges: dict[UUID, MergeRecord] = field(default_factory=dict)
    deeds: dict[UUID, DeedRow] = field(default_factory=dict)
    about: dict[str, About] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    conversations: dict[str, UUID] = field(default_factory=dict)
    alarms: dict[DeviceName, Alarm] = field(default_factory=dict)
    states: dict[DeviceName, DeviceState] = field(default_factory=dict)
    messages: dict[UUID, NewMessage] = field(default_factory=dict)
    raws: dict[UUID, bytes] = field(default_factory=dict)
    blobs: dict[tuple[UUID, str], None] = field(default_factory=dict)
    thread_ids: dict[str, None] = field(default_factory=dict)
    links: dict[ThreadLink, None] = field(default_factory=dict)
    outbound: dict[str, OutboundMail] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    rule_alarms: dict[AlarmName, RuleAlarm] = field(default_factory=dict)
    groups: dict[GroupName, UUID | None] = field(default_factory=dict)
    windows: dict[UUID, Window] = field(default_factory=dict)
    commands: dict[UUID, NewCommand] = field(default_factory=dict)
    likes: dict[str, Sequence[Arrival]] = field(default_factory=dict)
    misses: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    newcomers: dict[int, Newcomer] = field(default_factory=dict)
    bounced: dict[str, Bounced] = field(default_factory=dict)
    watches: dict[tuple[UUID, str], Watch] = field(default_factory=dict)
    reach: dict[UUID, Reach] = field(default_factory=dict)
    events: dict[UUID, NewEvent] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    dead: dict[tuple[str, int, int, int], DeadLetter] = field(default_factory=dict)
    counts: dict[tuple[Partition, str, str], int] = field(default_factory=dict)
    timers: dict[tuple[str, str], TimerRow] = field(default_factory=dict)
    entitlements: dict[str, Entitlement] = field(default_factory=dict)
    entitlement_lines: dict[LineKey, Line] = field(default_factory=dict)
    whys: dict[int, Why] = field(default_factory=dict)
    kpis: dict[UUID, Instance] = field(default_factory=dict)
    staff: dict[UUID, Agent] = field(default_factory=dict)
    presence: dict[UUID, Presence] = field(default_factory=dict)
    turns: dict[UUID, datetime] = field(default_factory=dict)
    queue_items: dict[tuple[str, UUID], QueueItem] = field(default_factory=dict)
    rule_failures: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """The tables as they are now."""
        return Tables(**{table.name: dict(getattr(self, table.name)) for table in fields(self)})

    def restore(self, earlier: "Tables") -> None:
        """Be as the tables were then."""
        for table in fields(self):
            setattr(self, table.name, dict(getattr(earlier, table.name)))


@dataclass(slots=True)
class Memory:
    """What stores and ledgers of one desk share. Transactions run one after the other; numbers given stay given."""

    tables: Tables = field(default_factory=Tables)
    last_number: int = FIRST_CASE_NUMBER - 1
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def whole(self) -> AsyncIterator[Tables]:
        """The tables for one transaction, as they were before if it raises."""
        async with self.lock:
            with undone_when_raised(self.tables) as tables:
                yield tables


class undone_when_raised:  # noqa: N801  # reads as the statement it is
    """Puts the tables back when its block raises."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._earlier = tables.copy()

    def __enter__(self) -> Tables:
        return self._tables

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._tables.restore(self._earlier)


class MemoryStore:
    """Opens transactions on tables in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MemoryTransaction"]:
        """A transaction that is kept at the end of the block, and undone when the block raises."""
        async with self._memory.whole() as tables:
            yield MemoryTransaction(self._memory, tables)

    async def begin(self, partitions: Collection[Partition], *, alone: bool) -> Mapping[Partition, int]:
        """Note that these partitions' next records are begun, and how often that was now."""
        async with self._memory.whole() as tables:
            for partition in tables.ledger.keys() & set(partitions):
                row = tables.ledger[partition]
                tables.ledger[partition] = replace(row, attempts=max(row.attempts, 3 if alone else 0) + 1)
            return {p: tables.ledger[p].attempts for p in partitions if p in tables.ledger}


class MemoryTransaction:
    """One transaction's view of the tables."""

    def __init__(self, memory: Memory, tables: Tables) -> None:
        self._memory = memory
        self._tables = tables
        self.mail = MemoryMail(tables)

    async def lock_positions(self, partitions: Collection[Partition]) -> Mapping[Partition, Position]:
        """The ledger's rows of these partitions."""
        rows = self._tables.ledger
        return {partition: rows[partition].position for partition in sorted(partitions) if partition in rows}

    async def read(self, wanted: Wanted) -> Facts:
        """Claim all conversation ids, then read what is known of them."""
        tables = self._tables
        tables.thread_ids.update(dict.fromkeys(wanted.claim))
        links: dict[str, list[ThreadLink]] = {}
        for link in sorted(tables.links, key=lambda link: (link.id, not link.own, link.case_id)):
            if link.id in wanted.claim and len(links.get(link.id, ())) < MAX_LINKS:
                now = tables.survivors.get(link.contact_id) if link.contact_id else None
                links.setdefault(link.id, []).append(replace(link, contact_id=now) if now else link)
        numbers = {case.number: case.id for case in tables.cases.values()}
        return Facts(
            links=links,
            messages={
                message.dedupe_key: self._stored(message)
                for message in tables.messages.values()
                if message.dedupe_key is not None and message.dedupe_key in wanted.dedupe_keys
            },
            parties=dict(self._parties(wanted.identities, "identity")),
            accounts={d: tables.accounts[tables.domains[d]] for d in wanted.domains if d in tables.domains},
            case_ids={number: numbers[number] for number in wanted.case_numbers if number in numbers},
            channels=self._known(wanted.channels),
            mail=known_mail(tables, wanted.mail),
        )

    def _known(self, wanted: ChannelWanted) -> ChannelFacts:
        tables = self._tables
        activities = {key: self._told(tables.about[key]) for key in wanted.about if key in tables.about}
        numbers = {*wanted.callers, *numbers_of(activities.values())}
        return ChannelFacts(
            activities=activities,
            callers={number: tables.callers[number] for number in numbers if number in tables.callers},
            conversations={k: tables.conversations[k] for k in wanted.conversations if k in tables.conversations},
            alarms={name: tables.alarms[name] for name in wanted.alarms if name in tables.alarms},
            states={name: tables.states[name] for name in wanted.states if name in tables.states},
            awaited=known_awaited(tables, wanted.echoes),
        )

    def _told(self, about: About) -> StoredActivity:
        activity = self._tables.activities[about.activity_id]
        party = None
        if activity.contact_id is not None:
            contact, account = self._tables.contacts[activity.contact_id]
            party = Party(contact, self._tables.accounts[account] if account else None, "identity")
        told: Sequence[Told] = (PostTold(at=activity.at, text=activity.body),)
        told = activity.told if isinstance(activity, ToldActivity) else told
        ours = activity.id in self._tables.deliveries
        return StoredActivity(activity.id, about.message_id, activity.case_id, party, told, ours)

    def _stored(self, message: NewMessage) -> StoredMessage:
        activity = self._tables.activities.get(message.activity_id) if message.activity_id else None
        body = message.body if message.body is not None or activity is None else activity.body
        case_id = message.case_id or (activity.case_id if activity is not None else None)
        return StoredMessage(message.id, message.received_at, case_id, body or "")

    def _parties(self, identities: Collection[Identity], by: str) -> Iterator[tuple[Identity, Party]]:
        tables = self._tables
        for identity in identities:
            if identity in tables.identities:
                contact_id, account_id = tables.identities[identity]
                contact, own_account = tables.contacts[contact_id] if contact_id else (None, None)
                account = account_id or own_account
                yield identity, Party(contact, tables.accounts[account] if account else None, by)
            elif identity in tables.agents:
                yield identity, Party(None, None, by, tables.agents[identity])
            elif identity.kind == "device" and (device := tables.devices.get(identity.value)) and device.account:
                yield identity, Party(None, device.account, "device's account")

    async def parties(self, identities: Collection[Identity]) -> Mapping[Identity, Party]:
        """Whose these identities are."""
        return dict(self._parties(identities, "identity"))

    async def create_contacts(self, contacts: Sequence[NewContact]) -> Mapping[Identity, Party]:
        """Make contacts for identities that have none; the answer says who each identity belongs to now."""
        for contact in contacts:
            if contact.identity not in self._tables.identities.keys() | self._tables.agents.keys():
                self._tables.identities[contact.identity] = (contact.id, None)
                self._tables.contacts[contact.id] = (Ref(contact.id, None, contact.name), contact.account_id)
        return dict(self._parties([contact.identity for contact in contacts], "new contact"))

    async def customers(
        self,
        contacts: Collection[UUID] = (),
        accounts: Collection[UUID] = (),
        devices: Collection[str] = (),
        products: Collection[str] = (),
    ) -> CustomerFacts:
        """What is known of these customers, devices and products."""
        return known_customers(self._tables, contacts, accounts, devices, products)

    async def watched(self, devices: Collection[str], since: datetime) -> WatchFacts:
        """What rules on readings know of these devices."""
        return known_watched(self._tables, devices, since)

    async def lock_groups(self, names: Collection[GroupName], since: datetime) -> Mapping[GroupName, AlarmGroup]:
        """These groups of alarms."""
        return known_groups(self._tables, names, since)

    async def touched_cases(self, cases: Collection[UUID]) -> Collection[UUID]:
        """Those of the cases on which a person did something."""
        return touched_cases(self._tables, cases)

    async def promises(self, cases: Collection[UUID], entitlements: Collection[str]) -> PromiseFacts:
        """What was promised on these cases, and the SLAs that these entitlements bring."""
        return known_promises(self._tables, cases, entitlements)

    async def find_contacts(self, names: Collection[str]) -> Mapping[str, Collection[UUID]]:
        """The contacts that are called so."""
        return find_contacts(self._tables, names)

    async def lock_contacts(self, ids: Collection[UUID]) -> Mapping[UUID, KnownContact]:
        """The contacts, and those they were merged into."""
        return lock_contacts(self._tables, ids)

    async def cases_of(self, contact: UUID) -> Sequence[UUID]:
        """All cases of a contact."""
        return cases_of(self._tables, contact)

    async def active_cases(self, contacts: Collection[UUID]) -> Mapping[UUID, Sequence[UUID]]:
        """The active cases of these contacts."""
        found: dict[UUID, list[UUID]] = {}
        for case in sorted(self._tables.cases.values(), key=lambda case: case.number):
            if case.state == "active" and case.contact is not None and case.contact.id in contacts:
                found.setdefault(case.contact.id, []).append(case.id)
        return {contact: cases[:MOST_ACTIVE] for contact, cases in found.items()}

    async def lock_cases(self, ids: Collection[UUID]) -> Mapping[UUID, Case]:
        """The cases and the survivors of merged ones."""
        known: dict[UUID, Case] = {}
        waiting = [*ids]
        while waiting:
            case = self._tables.cases.get(waiting.pop())
            if case is not None and case.id not in known:
                people = frozenset(address for case_id, address in self._tables.participants if case_id == case.id)
                known[case.id] = replace(case, participants=people)
                waiting += [case.merged_into] if case.merged_into else []
        return dict(sorted(known.items()))

    async def family(self, cases: Collection[UUID]) -> Family:
        """The children below these cases, the parents above them, what was merged into them."""
        return known_family(self._tables, cases)

    async def work(self, wanted: WorkWanted) -> WorkFacts:
        """What casework wants to know."""
        return known_work(self._tables, wanted)

    async def leaving(self, activities: Collection[UUID], *, lock: bool = False) -> Mapping[UUID, Leaving]:  # noqa: ARG002  # transactions run one after the other
        """How far these activities have come."""
        return known_leaving(self._tables, activities)

    async def entitlements(self, wanted: EntitlementWanted) -> EntitlementFacts:
        """What is known of entitlements."""
        return known_entitlements(self._tables, wanted)

    async def case_numbers(self, count: int) -> Sequence[int]:
        """So many new case numbers, rising; like a sequence's, they stay given when the transaction is undone."""
        first = self._memory.last_number + 1
        self._memory.last_number += count
        return range(first, first + count)

    async def next_sequences(self, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Raise the event sequence of keys that are no case; the answer is the first number of each."""
        first = {key: self._tables.sequences.get(key, 0) + 1 for key in counts}
        self._tables.sequences.update({key: first[key] + count - 1 for key, count in counts.items()})
        return first

    async def write(self, changes: Changes) -> None:
        """Write all that a batch changes. Raises Retry where a key is taken, as it may be by a concurrent writer."""
        tables = self._tables
        letters = {(d.topic, d.partition, d.log_offset, d.item): d for d in changes.dead}
        _insert(tables.dead, letters, len(changes.dead))
        numbers = [case.number for case in (*tables.cases.values(), *changes.opened)]
        if len(set(numbers)) < len(numbers):
            raise Retry("a case number is taken")
        _insert(tables.cases, {case.id: replace(case) for case in changes.opened}, len(changes.opened))
        for case in changes.changed:
            tables.cases[case.id] = replace(
                tables.cases[case.id],
                **{name: getattr(case, name) for name in _UPDATED},
            )
        _insert(tables.activities, {a.id: a for a in changes.activities}, len(changes.activities))
        keys = [message.dedupe_key for message in (*tables.messages.values(), *changes.messages) if message.dedupe_key]
        if len(set(keys)) < len(keys):
            raise Retry("a message of that key is stored already")
        _insert(tables.messages, {message.id: message for message in changes.messages}, len(changes.messages))
        _insert(tables.raws, dict(changes.raws), len(changes.raws))
        _insert(tables.events, {event.id: event for event in changes.events}, len(changes.events))
        tables.participants.update(dict.fromkeys(changes.participants))
        tables.blobs.update(dict.fromkeys(changes.blobs))
        known_links = {(link.id, link.case_id, link.own, link.contact_id) for link in tables.links}
        for link in changes.links:
            if (place := (link.id, link.case_id, link.own, link.contact_id)) not in known_links:
                known_links.add(place)
                tables.links[link] = None
        self._write_channels(changes.channels)
        write_entitlements(tables, changes.entitlements)
        write_contacts(tables, changes.contacts)
        write_outbound(tables.outbound, changes.outbound)
        write_work(tables, changes.work)
        write_deliveries(tables, changes.delivered)
        write_promises(tables.kpis, changes.kpis)
        write_mail(tables, changes.mail)
        write_timers(tables, changes)
        write_watch(tables, changes.watch)
        write_queues(tables, changes.queues)
        for count in changes.counts:
            partition = Partition(count.topic, count.partition)
            for name, number in (("received", count.received), *count.outcomes.items()):
                key = (partition, f"{count.source} {count.hour.isoformat()}", name)
                tables.counts[key] = tables.counts.get(key, 0) + number

    def _write_channels(self, changes: ChannelChanges) -> None:
        tables = self._tables
        tables.activities.update({activity.id: activity for activity in changes.activities})
        tables.about.update({about.key: about for about in changes.about})
        tables.callers.update({caller.number: caller for caller in changes.callers})
        for closed in changes.closed:
            tables.activities[closed] = replace(tables.activities[closed], state="closed")
        tables.conversations.update(changes.conversations)
        for place, until in changes.receipts.items():
            if any(place in reply.places for reply in tables.replies.values()):
                tables.receipts[place] = max(until, tables.receipts.get(place, until))
        tables.alarms.update({(alarm.device, alarm.name): alarm for alarm in changes.alarms})
        for state in changes.states:
            known = tables.states.get((state.device, state.name))
            if known is None or known.at <= state.at:
                tables.states[state.device, state.name] = state

    async def agents(self, ids: Collection[UUID] = (), names: Collection[str] = ()) -> Sequence[Agent]:
        """The agents of these ids or external ids."""
        return known_agents(self._tables, ids, names)

    async def staff(self, queues: Collection[str], agents: Collection[UUID]) -> Staff:
        """Who works in these queues and those of these agents, and what is asked of them there."""
        return staff(self._tables, queues, agents)

    async def waiting(self, wanted: Collection[tuple[Need, int]], cases: Collection[UUID]) -> Sequence[QueueItem]:
        """The first items that wait to be given to somebody, so many of each need, and those of these cases."""
        return waiting(self._tables, wanted, cases)

    async def next_item(self, queues: Collection[str]) -> QueueItem | None:
        """The first item that waits in these queues."""
        return next(iter(in_order(self._tables, queues)), None)

    async def queue_items(self, refs: Collection[UUID]) -> Mapping[UUID, QueueItem]:
        """The items of these cases, activities or messages."""
        return known_items(self._tables, refs)

    async def set_presence(self, agent: UUID, presence: Presence, at: datetime) -> None:  # noqa: ARG002  # not asked yet
        """Keep what an agent says of themselves."""
        self._tables.presence[agent] = presence

    async def begin_firing(self) -> datetime | None:
        """The store's clock; transactions run one after the other, so none other fires."""
        return self._memory.now()

    async def due_timers(self, now: datetime, awaited: Mapping[Awaited, datetime], limit: int) -> Sequence[Timer]:
        """The timers due first."""
        return due_timers(self._tables.timers, now, awaited)[:limit]

    async def still_there(self, timers: Collection[Timer]) -> Sequence[Timer]:
        """Those of the timers that still are as they were read."""
        rows = self._tables.timers
        return [timer for timer in timers if timer.place in rows and rows[timer.place].timer == timer]

    async def next_timer(self) -> tuple[datetime, datetime | None]:
        """The store's clock, and when the next timer is due, if there is one."""
        rows = self._tables.timers.values()
        return self._memory.now(), min((row.due for row in rows if not row.is_aside), default=None)

    async def put_off(self, failed: Mapping[tuple[str, str], str], now: datetime) -> Collection[tuple[str, str]]:
        """Try timers that failed again later; the places of those that are set aside now."""
        rows = self._tables.timers
        rows.update({place: rows[place].failed(reason, now) for place, reason in failed.items() if place in rows})
        return {place for place in failed if place in rows and rows[place].is_aside}

    async def advance(self, positions: Mapping[Partition, tuple[int, int]]) -> None:
        """Set `next` of each partition."""
        for partition, (following, _) in positions.items():
            self._tables.ledger[partition] = replace(self._tables.ledger[partition], next=following, attempts=0)

    async def strikes(self, partition: Partition, offset: int) -> Strikes:
        """How many records of a partition met an unexpected error lately, up to this offset."""
        since = self._tables.ledger[partition].resumed_at
        letters = [
            letter
            for letter in self._tables.dead.values()
            if (letter.topic, letter.partition) == partition
            and letter.kind == "unexpected"
            and max(since, offset - 999) <= letter.log_offset <= offset
        ]
        in_a_row = sum(letter.log_offset > offset - 20 for letter in letters)
        return Strikes(in_a_row, len(letters), len({letter.sender for letter in letters}))

    async def stop_partition(self, partition: Partition, reason: str) -> None:
        """Let nothing of a partition be settled until a person resumes it."""
        self._tables.ledger[partition] = replace(self._tables.ledger[partition], stopped_reason=reason)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of the transaction that is undone alone when it raises."""
        with undone_when_raised(self._tables):
            yield


_KEPT = frozenset({"id", "number", "origin", "opened_at", "follow_up_of", "participants"})
_UPDATED = tuple(one.name for one in fields(Case) if one.name not in _KEPT)


def _insert(table: dict[Key, Row], rows: Mapping[Key, Row], count: int) -> None:
    if table.keys() & rows.keys() or len(rows) < count:
        raise Retry("a key is taken")
    table.update(rows)
