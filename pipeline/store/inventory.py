"""Everything a desk holds, read from PostgreSQL as a rehearsal reports it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from pipeline.domain.kpi import Instance
from pipeline.store.connection import retryable
from pipeline.store.entitlement_records import Held, Whose, read_held
from pipeline.store.kpi import instance_of
from pipeline.store.queries import load_queries

_SQL = load_queries("inventory.sql")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A settled message, named by the record it came as."""

    topic: str
    log_offset: int
    outcome: str
    reason: str
    case_number: int | None
    matched_by: str | None
    contact_id: UUID | None
    account: str | None
    activity_id: UUID | None
    customer_by: str | None = None
    came_to: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies: in which case now, to which it came, as which activity."""

    case: UUID | None = None
    came_to: UUID | None = None
    activity: UUID | None = None
    message: UUID | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case; other cases are named by their numbers, the account by its external id."""

    number: int
    title: str
    status: str
    state: str
    priority: str
    queue: str
    contact_id: UUID | None
    account: str | None
    origin: str
    follow_up_of: int | None
    linked_to: int | None
    merged_into: int | None
    flags: Sequence[str]
    device: str | None
    watched_by: Sequence[str]
    owner: str | None
    parent: int | None
    until: datetime | None
    product: str | None
    severity: str | None
    sla: str | None
    entitlement: str | None
    type: str | None
    description: str
    subject: str | None


@dataclass(frozen=True, slots=True)
class WhyRow:
    """Why a part decided so on a case."""

    case_number: int
    part: str
    says: str


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What waits in a queue or lies with its owner; of a case its number, of anything else what it is."""

    kind: str
    ref: UUID
    case_number: int | None
    queue: str
    priority: str
    since: datetime
    owner: str | None


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """An activity, of a case or of none; a hidden one keeps its text to itself."""

    id: UUID
    case_number: int | None
    kind: str
    direction: str
    state: str
    sender: str | None
    recipient: str | None
    contact_id: UUID | None
    agent: str | None
    text: str
    at: datetime
    result: str | None
    subject: str
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: int | None
    billable_s: int | None
    adjusts: bool
    consumed: bool
    due_at: datetime | None
    earlier: Sequence[str]
    hidden: bool
    defects: Sequence[str]
    queue: str | None
    remind_at: datetime | None
    regarding_kind: str | None
    regarding: str | None
    delivery: str | None


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact with all that is known of how to reach them."""

    id: UUID
    external_id: str | None
    name: str
    account: str | None
    emails: Sequence[str]
    phones: Sequence[str]
    identities: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class OutboundRow:
    """A mail of ours that is to be sent, or was."""

    recipient: str
    subject: str
    template: str
    message_id: str
    in_reply_to: str | None
    headers: Mapping[str, str]
    case_number: int | None
    sender: str
    body: str


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command that a device is to get, or got."""

    device: str
    name: str
    rule: str
    case_number: int | None
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event that waits to be published."""

    id: UUID
    key: str
    seq: int
    type: str
    subject: str | None
    data: Any
    at: datetime


class Inventory:
    """Reads a desk's records, whole tables at a time: for desks that are small."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect. Raises Retry when PostgreSQL is away."""
        async with retryable(), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            yield cls(connection)

    async def place_of(self, topic: str, offset: int) -> Place:
        """Where the message lies that came as this record of the topic's partition 0."""
        values = {"topic": topic, "partition": 0, "offset": offset}
        row = await (await self._connection.execute(_SQL["place_of_record"], values)).fetchone()
        return Place(*row) if row else Place()

    async def messages(self) -> list[MessageRow]:
        """Every message, dead letters too."""
        return await self._rows("messages", MessageRow)

    async def cases(self) -> list[CaseRow]:
        """Every case, by number."""
        return await self._rows("cases", CaseRow)

    async def promises(self) -> list[tuple[int, Instance]]:
        """Every KPI instance with its case's number, in order."""
        rows = await (await self._connection.execute(_SQL["promises"])).fetchall()
        return [(number, instance_of(tuple(row))) for number, *row in rows]

    async def whys(self) -> list[WhyRow]:
        """Why every case is as it is, in the order in which it was decided."""
        return await self._rows("whys", WhyRow)

    async def items(self) -> list[ItemRow]:
        """What waits or lies with somebody, queue by queue in its order."""
        return await self._rows("items", ItemRow)

    async def activities(self) -> list[ActivityRow]:
        """Every activity, in the order of time."""
        return await self._rows("activities", ActivityRow)

    async def contacts(self) -> list[ContactRow]:
        """Every contact, in the order in which they became known."""
        return await self._rows("contacts", ContactRow)

    async def outbound(self) -> list[OutboundRow]:
        """Every mail that leaves, in the order in which they were written."""
        return await self._rows("outbound", OutboundRow)

    async def commands(self) -> list[CommandRow]:
        """Every command to a device, in the order of time."""
        return await self._rows("commands", CommandRow)

    async def entitlements(self) -> list[Held]:
        """Every entitlement."""
        return await read_held(self._connection, Whose(all=True))

    async def events(self, *, but: str) -> list[EventRow]:
        """Every event that waits to be published, in order, but those of a type."""
        return await self._rows("events", EventRow, {"but": but})

    async def _rows(self, name: str, kind: type[Row], values: Mapping[str, str] | None = None) -> list[Row]:
        async with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            await cursor.execute(_SQL[name], values)
            return await cursor.fetchall()
