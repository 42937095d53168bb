"""Intake's store on PostgreSQL: one connection, one transaction a batch."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.pq import TransactionStatus

from pipeline.crash import crash_point
from pipeline.domain.agents import Agent, Presence
from pipeline.domain.cases import Case
from pipeline.domain.contacts import KnownContact
from pipeline.domain.customers import CustomerFacts
from pipeline.domain.matching import Identity, Party, Ref
from pipeline.domain.threading import MAX_LINKS, ThreadLink
from pipeline.domain.timers import Awaited, Timer
from pipeline.errors import Retry
from pipeline.store.adapting import adapt
from pipeline.store.casework import read_family, read_work, write_work
from pipeline.store.casework_ports import Family, WorkFacts, WorkWanted
from pipeline.store.channels import active_cases, read_channels, write_channels
from pipeline.store.connection import LOOK_UP, retryable
from pipeline.store.contacts import cases_of, find_contacts, lock_contacts, write_contacts
from pipeline.store.copying import copy_new
from pipeline.store.customers import read_customers
from pipeline.store.deliveries import read_leaving, write_deliveries
from pipeline.store.delivery_ports import Leaving
from pipeline.store.entitlement_ports import EntitlementFacts, EntitlementWanted
from pipeline.store.entitlements import read_entitlements, write_entitlements
from pipeline.store.kpi import read_promises, write_promises
from pipeline.store.kpi_ports import PromiseFacts
from pipeline.store.mail import PostgresMail, read_mail_facts, write_mail
from pipeline.store.outbound import write_outbound
from pipeline.store.ports import (
    Changes,
    Count,
    Facts,
    NewContact,
    Position,
    StoredMessage,
    Strikes,
    Wanted,
)
from pipeline.store.queries import load_queries
from pipeline.store.queue_ports import Need, QueueItem, Staff
from pipeline.store.queues import next_item, queue_items, read_agents, read_staff, set_presence, waiting, write_queues
from pipeline.store.timers import begin_firing, due_timers, next_timer, put_off, still_there, write_timers
from pipeline.store.watch import lock_groups, read_watched, touched_cases, write_watch
from pipeline.store.watch_ports import AlarmGroup, GroupName, WatchFacts
from pipeline.wire import Partition

_SQL = load_queries("intake.sql")

_WORKER_SETTINGS = (
    "-c transaction_timeout=30s -c idle_in_transaction_session_timeout=10s -c lock_timeout=5s"
    f" -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 {LOOK_UP}"
)


class PostgresStore:
    """Opens intake's transactions on one connection, made anew when it was lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection | None = None

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresTransaction"]:
        """A transaction that commits at the end of the block. Raises Retry as `is_retry` says."""
        async with retryable():
            connection = await self._connected()
            transaction = PostgresTransaction(connection)
            try:
                async with connection.transaction():
                    yield transaction
                    if transaction.settles:
                        crash_point("before_commit")
            except BaseException:
                if connection.info.transaction_status is not TransactionStatus.IDLE:
                    self._connection = None
                    await connection.close()
                raise
            if transaction.settles:
                crash_point("after_commit")

    async def begin(self, partitions: Collection[Partition], *, alone: bool) -> Mapping[Partition, int]:
        """Note that these partitions' next records are begun, and how often that was now."""
        async with retryable():
            connection = await self._connected()
            async with connection.transaction():
                cursor = await connection.execute(_SQL["begin"], {**_split(partitions), "alone": alone})
                return {Partition(topic, number): attempts for topic, number, attempts in await cursor.fetchall()}

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, options=_WORKER_SETTINGS, connect_timeout=5
            )
            adapt(self._connection)
        return self._connection


class PostgresTransaction:
    """The statements of one transaction; each method's lock follows the one before.

    It `settles` records when it locks their positions.
    """

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self.settles = False
        self.mail = PostgresMail(connection)

    @property
    def connection(self) -> psycopg.AsyncConnection:
        """What it runs on, for rows that are noted in the same transaction."""
        return self._connection

    async def _rows(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(_SQL[name], values)
        return await cursor.fetchall()

    async def lock_positions(self, partitions: Collection[Partition]) -> Mapping[Partition, Position]:
        """The ledger's rows of these partitions, locked until the end."""
        self.settles = True
        rows = await self._rows("lock_positions", _split(partitions))
        return {Partition(topic, number): Position(*rest) for topic, number, *rest in rows}

    async def read(self, wanted: Wanted) -> Facts:
        """Claim all conversation ids, then read what is known of them."""
        while (facts := await self._claimed(wanted)) is None:
            pass  # housekeeping took a lock away before it was ours
        if wanted.channels:
            facts = replace(facts, channels=await read_channels(self._connection, wanted.channels))
        if wanted.mail.at is not None:
            facts = replace(facts, mail=await read_mail_facts(self._connection, wanted.mail))
        return facts

    async def _claimed(self, wanted: Wanted) -> Facts | None:
        """What is known, of which everything is claimed; None when the claim is to be made again."""
        ids = {"ids": list(wanted.claim)}
        async with self._connection.pipeline():
            execute = self._connection.execute
            await execute(_SQL["know_contacts"])
            await execute(_SQL["claim_thread_ids"], ids)
            locked = await execute(_SQL["lock_thread_ids"], ids)
            links = await execute(_SQL["thread_links"], {**ids, "most": MAX_LINKS})
            messages = await execute(_SQL["known_messages"], {"keys": list(wanted.dedupe_keys)})
            parties = [await execute(_SQL[name], values) for name, values in _by_kind(wanted.identities)]
            accounts = await execute(_SQL["accounts"], {"domains": list(wanted.domains)})
            numbers = await execute(_SQL["case_ids"], {"numbers": list(wanted.case_numbers)})
            by_id: dict[str, list[ThreadLink]] = {}
            for row in await links.fetchall():
                by_id.setdefault(row[0], []).append(_link(row))
            facts = Facts(
                links=by_id,
                messages={key: StoredMessage(*rest) for key, *rest in await messages.fetchall()},
                parties=_parties([row for found in parties for row in await found.fetchall()], "identity"),
                accounts={domain: Ref(*account) for domain, *account in await accounts.fetchall()},
                case_ids=dict(await numbers.fetchall()),
            )
            [(ours,)] = await locked.fetchall()
        return facts if ours == len(set(wanted.claim)) else None

    async def parties(self, identities: Collection[Identity]) -> Mapping[Identity, Party]:
        """Whose these identities are."""
        rows = [row for name, values in _by_kind(identities) for row in await self._rows(name, values)]
        return _parties(rows, "identity")

    async def create_contacts(self, contacts: Sequence[NewContact]) -> Mapping[Identity, Party]:
        """Make contacts with their identities; the answer says who each identity belongs to now."""
        if not contacts:
            return {}
        await self._connection.execute(_SQL["insert_contacts"], {"rows": _json([_contact_row(c) for c in contacts])})
        rows = [
            row
            for name, values in _by_kind([contact.identity for contact in contacts])
            for row in await self._rows(name, values)
        ]
        return _parties(rows, "new contact")

    async def customers(
        self,
        contacts: Collection[UUID] = (),
        accounts: Collection[UUID] = (),
        devices: Collection[str] = (),
        products: Collection[str] = (),
    ) -> CustomerFacts:
        """What is known of these customers, devices and products."""
        return await read_customers(self._connection, contacts, accounts, devices, products)

    async def watched(self, devices: Collection[str], since: datetime) -> WatchFacts:
        """What rules on readings know of these devices."""
        return await read_watched(self._connection, devices, since)

    async def lock_groups(self, names: Collection[GroupName], since: datetime) -> Mapping[GroupName, AlarmGroup]:
        """These groups of alarms, locked."""
        return await lock_groups(self._connection, names, since)

    async def touched_cases(self, cases: Collection[UUID]) -> Collection[UUID]:
        """Those of the cases on which a person did something."""
        return await touched_cases(self._connection, cases)

    async def promises(self, cases: Collection[UUID], entitlements: Collection[str]) -> PromiseFacts:
        """What was promised on these cases, and the SLAs that these entitlements bring."""
        return await read_promises(self._connection, cases, entitlements)

    async def find_contacts(self, names: Collection[str]) -> Mapping[str, Collection[UUID]]:
        """The contacts that are called so."""
        return await find_contacts(self._connection, names)

    async def lock_contacts(self, ids: Collection[UUID]) -> Mapping[UUID, KnownContact]:
        """The contacts, and those they were merged into, locked with their identities."""
        return await lock_contacts(self._connection, ids)

    async def cases_of(self, contact: UUID) -> Sequence[UUID]:
        """All cases of a contact, not locked."""
        return await cases_of(self._connection, contact)

    async def active_cases(self, contacts: Collection[UUID]) -> Mapping[UUID, Sequence[UUID]]:
        """The active cases of these contacts, not locked."""
        return await active_cases(self._connection, contacts)

    async def lock_cases(self, ids: Collection[UUID]) -> Mapping[UUID, Case]:
        """The cases and the survivors of merged ones, locked in the order of their ids."""
        if not ids:
            return {}
        known = {row[0] for row in await self._rows("survivors", {"ids": [*ids]})}
        rows = await self._rows("lock_cases", {"ids": sorted(known)})
        cases = {row[0]: _case(row) for row in rows}
        if {case.merged_into for case in cases.values() if case.merged_into} - cases.keys():
            raise Retry("a case was merged while its lock was waited for; all locks are taken anew, in their order")
        people: dict[UUID, set[str]] = {}
        for case_id, address in await self._rows("participants", {"ids": list(cases)}):
            people.setdefault(case_id, set()).add(address)
        for case_id, addresses in people.items():
            cases[case_id].participants = frozenset(addresses)
        return cases

    async def family(self, cases: Collection[UUID]) -> Family:
        """The children below these cases, the parents above them, what was merged into them."""
        return await read_family(self._connection, cases)

    async def work(self, wanted: WorkWanted) -> WorkFacts:
        """What casework wants to know."""
        return await read_work(self._connection, wanted)

    async def leaving(self, activities: Collection[UUID], *, lock: bool = False) -> Mapping[UUID, Leaving]:
        """How far these activities have come, locked if that is asked for."""
        return await read_leaving(self._connection, activities, lock=lock)

    async def entitlements(self, wanted: EntitlementWanted) -> EntitlementFacts:
        """What is known of entitlements, locked."""
        return await read_entitlements(self._connection, wanted)

    async def case_numbers(self, count: int) -> Sequence[int]:
        """So many new case numbers, rising."""
        return [number for (number,) in await self._rows("case_numbers", {"count": count})] if count else []

    async def next_sequences(self, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Raise the event sequence of keys that are no case; the answer is the first number of each."""
        if not counts:
            return {}
        rows = await self._rows("next_sequences", {"keys": list(counts), "counts": list(counts.values())})
        return {key: last - counts[key] + 1 for key, last in rows}

    async def write(self, changes: Changes) -> None:
        """Write all that a batch changes: new rows by COPY, the rest in one round trip."""
        for letter in changes.dead:
            await self._connection.execute(
                _SQL["insert_dead"],
                {name: getattr(letter, name) for name in letter.__slots__}
                | {"headers": orjson.dumps(letter.headers).decode()},
            )
        await copy_new(self._connection, changes)
        opened = {case.id for case in changes.opened}
        joined = [(case_id, address) for case_id, address in changes.participants if case_id not in opened]
        async with self._connection.pipeline():
            for name, rows in (
                ("update_cases", [_case_row(case) for case in changes.changed]),
                ("insert_links", changes.links),
                ("add_counts", [_count_row(count) for count in changes.counts]),
            ):
                if rows:
                    await self._connection.execute(_SQL[name], {"rows": _json(rows)})
            for name, pairs, keys in (
                ("insert_participants", joined, ("case_ids", "addresses")),
                ("insert_blob_refs", changes.blobs, ("owners", "digests")),
            ):
                if pairs:
                    columns = zip(*pairs, strict=True)
                    await self._connection.execute(_SQL[name], dict(zip(keys, map(list, columns), strict=True)))
            await write_channels(self._connection, changes.channels)
            await write_contacts(self._connection, changes.contacts)
            await write_outbound(self._connection, changes.outbound)
            if changes.work:
                await write_work(self._connection, changes.work)
            await write_deliveries(self._connection, changes.delivered)
            await write_promises(self._connection, changes.kpis)
            await write_mail(self._connection, changes.mail)
            await write_watch(self._connection, changes.watch)
            await write_entitlements(self._connection, changes.entitlements)
            if changes.queues:
                await write_queues(self._connection, changes.queues)
            await write_timers(self._connection, changes)
            if changes.events:
                await self._connection.execute(_SQL["notify_relay"])

    async def agents(self, ids: Collection[UUID] = (), names: Collection[str] = ()) -> Sequence[Agent]:
        """The agents of these ids or external ids."""
        return await read_agents(self._connection, ids, names) if ids or names else ()

    async def staff(self, queues: Collection[str], agents: Collection[UUID]) -> Staff:
        """Who works in these queues and those of these agents, locked, and what is asked of them there."""
        return await read_staff(self._connection, queues, agents)

    async def waiting(self, wanted: Collection[tuple[Need, int]], cases: Collection[UUID]) -> Sequence[QueueItem]:
        """The first items that wait to be given to somebody, so many of each need, and those of these cases."""
        return await waiting(self._connection, wanted, cases)

    async def next_item(self, queues: Collection[str]) -> QueueItem | None:
        """The first item that waits in these queues and nobody else has at hand, locked."""
        return await next_item(self._connection, queues)

    async def queue_items(self, refs: Collection[UUID]) -> Mapping[UUID, QueueItem]:
        """The items of these cases, activities or messages."""
        return await queue_items(self._connection, refs)

    async def set_presence(self, agent: UUID, presence: Presence, at: datetime) -> None:
        """Keep what an agent says of themselves."""
        await set_presence(self._connection, agent, presence, at)

    async def begin_firing(self) -> datetime | None:
        """The store's clock; None while another transaction fires timers."""
        return await begin_firing(self._connection)

    async def due_timers(self, now: datetime, awaited: Mapping[Awaited, datetime], limit: int) -> Sequence[Timer]:
        """The timers due first, not locked."""
        return await due_timers(self._connection, now, awaited, limit)

    async def still_there(self, timers: Collection[Timer]) -> Sequence[Timer]:
        """Those of the timers that still are as they were read."""
        return await still_there(self._connection, timers)

    async def next_timer(self) -> tuple[datetime, datetime | None]:
        """PostgreSQL's clock, and when the next timer is due, if there is one."""
        return await next_timer(self._connection)

    async def put_off(self, failed: Mapping[tuple[str, str], str], now: datetime) -> Collection[tuple[str, str]]:
        """Try timers that failed again later; the places of those that are set aside now."""
        return await put_off(self._connection, failed, now)

    async def advance(self, positions: Mapping[Partition, tuple[int, int]]) -> None:
        """Set `next` of each partition, and add to its count of settled records."""
        values = {
            **_split(positions),
            "nexts": [following for following, _ in positions.values()],
            "settled": [settled for _, settled in positions.values()],
        }
        await self._connection.execute(_SQL["advance"], values)

    async def strikes(self, partition: Partition, offset: int) -> Strikes:
        """How many records of a partition met an unexpected error lately, up to this offset."""
        values = {"topic": partition.topic, "partition": partition.partition, "offset": offset}
        return Strikes(*(await self._rows("strikes", values))[0])

    async def stop_partition(self, partition: Partition, reason: str) -> None:
        """Let nothing of a partition be settled until a person resumes it."""
        values = {"topic": partition.topic, "partition": partition.partition, "reason": reason}
        await self._connection.execute(_SQL["stop_partition"], values)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of the transaction that is undone alone when it raises; a conflict in it is Retry, never poison."""
        async with retryable(), self._connection.transaction():
            yield


def _split(partitions: Collection[Partition]) -> dict[str, list[Any]]:
    return {"topics": [p.topic for p in partitions], "partitions": [p.partition for p in partitions]}


def _json(rows: Sequence[Any]) -> str:
    return orjson.dumps(rows).decode()


def _by_kind(identities: Collection[Identity]) -> list[tuple[str, dict[str, Any]]]:
    """One question for each kind of identity; mail asks about addresses alone."""
    by_kind: dict[str, list[str]] = {}
    for identity in identities:
        by_kind.setdefault(identity.kind, []).append(identity.value)
    return [
        ("device_parties" if kind == "device" else "parties", {"kind": kind, "values": values})
        for kind, values in by_kind.items()
    ]


def _parties(rows: Collection[tuple[Any, ...]], by: str) -> dict[Identity, Party]:
    """By what each was found: as the row says, else `by`."""
    return {
        Identity(row[0], row[1]): Party(_ref(row[2:5]), _ref(row[5:8]), (*row[11:], by)[0], _ref(row[8:11]))
        for row in rows
    }


def _contact_row(contact: NewContact) -> dict[str, Any]:
    kind, value = contact.identity
    row = {"id": contact.id, "name": contact.name, "kind": kind, "value": value, "origin": contact.origin}
    return {**row, "account_id": contact.account_id, "created_at": contact.created_at}


def _ref(columns: tuple[Any, ...]) -> Ref | None:
    return Ref(*columns) if columns[0] is not None else None


def _link(row: tuple[Any, ...]) -> ThreadLink:
    id_, case_id, own, contact_id, mailbox, people = row
    return ThreadLink(id_, case_id, own, contact_id, mailbox, tuple(people))


_CASE_COLUMNS = (
    "id", "number", "title", "state", "status", "priority", "origin", "queue", "opened_at", "resolved_at",
    "follow_up_of", "linked_to", "merged_into", "flags", "revision", "event_seq", "device", "product", "severity",
    "type", "entitlement", "sla", "first_response_at", "waiting_since", "until", "escalated", "parent", "decrement",
    "sla_by", "only_answer",
    "fields", "description", "subject",
)  # fmt: skip


def _case(row: tuple[Any, ...]) -> Case:
    width = len(_CASE_COLUMNS)
    case = Case(
        **dict(zip(_CASE_COLUMNS, row[:width], strict=True)),
        contact=_ref(row[width : width + 3]),
        account=_ref(row[width + 3 : width + 6]),
        owner=_ref(row[width + 6 : width + 9]),
    )
    case.flags = tuple(case.flags)
    return case


def _case_row(case: Case) -> dict[str, Any]:
    return {
        **{name: getattr(case, name) for name in _CASE_COLUMNS},
        "contact_id": case.contact and case.contact.id,
        "account_id": case.account and case.account.id,
        "owner_id": case.owner and case.owner.id,
    }


def _count_row(count: Count) -> dict[str, Any]:
    return {
        "topic": count.topic, "partition": count.partition, "source": count.source, "hour": count.hour,
        "received": count.received, **dict.fromkeys(_COUNTED, 0), **count.outcomes,
    }  # fmt: skip


_COUNTED = ("opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead")
