"""The store and the ledger of one desk, in memory and on PostgreSQL, with what only tests ask of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import wraps
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from pipeline.domain.agents import Agent
from pipeline.domain.customers import DeviceFacts, ProductFacts
from pipeline.domain.entitlement import Entitlement
from pipeline.domain.matching import Identity, Ref
from pipeline.store.ledger import PostgresLedger
from pipeline.store.memory import Memory, MemoryStore
from pipeline.store.memory_ledger import MemoryLedger
from pipeline.store.outbound_ports import OutboundMail
from pipeline.store.ports import OffsetLedger, Store
from pipeline.store.postgres import PostgresStore

Thresholds = Mapping[str, Any]
UNSET: Thresholds = MappingProxyType({})


class World(Protocol):
    """A desk's store and ledger; `other` is a second worker's store on the same desk."""

    store: Store
    other: Store
    ledger: OffsetLedger

    async def add_account(self, external_id: str, *domains: str) -> Ref:
        """An account that owns mail domains."""

    async def add_agent(self, external_id: str, identity: Identity) -> Ref:
        """An agent who is known by something."""

    async def add_staff(self, agent: Agent) -> Agent:
        """An agent with all that is known of them, but their presence."""

    async def rule_failures(self) -> dict[str, int]:
        """How often rules failed, by name."""

    async def add_product(self, external_id: str, parent: Ref | None = None, thresholds: Thresholds = UNSET) -> Ref:
        """A product, a part of another maybe."""

    async def add_device(self, external_id: str, account: Ref, product: Ref, warranty_until: date) -> Ref:
        """A device of an account."""

    async def add_entitlement(self, one: Entitlement) -> None:
        """An entitlement of an account, of contacts without one, or on a device."""

    async def used(self, external_id: str) -> tuple[int, dict[str, int], bool]:
        """What of an entitlement is used, by channel too, and whether that was told to be all."""

    async def merge(self, case: UUID, into: UUID) -> None:
        """Merge a case into another."""

    async def event_types(self) -> list[str]:
        """The types of all events, in the order they were written."""

    async def outbound(self) -> list[OutboundMail]:
        """All mails that leave, in the order they were written."""

    async def open_activities(self) -> set[UUID]:
        """The activities that are not closed."""


@dataclass(slots=True)
class MemoryWorld:
    """A desk in memory."""

    memory: Memory
    store: Store
    other: Store
    ledger: OffsetLedger

    async def add_account(self, external_id: str, *domains: str) -> Ref:
        account = Ref(uuid4(), external_id, external_id)
        self.memory.tables.accounts[account.id] = account
        self.memory.tables.domains.update(dict.fromkeys(domains, account.id))
        return account

    async def add_agent(self, external_id: str, identity: Identity) -> Ref:
        agent = Ref(uuid4(), external_id, external_id)
        self.memory.tables.agents[identity] = agent
        return agent

    async def add_staff(self, agent: Agent) -> Agent:
        self.memory.tables.staff[agent.ref.id] = agent
        return agent

    async def rule_failures(self) -> dict[str, int]:
        return dict(self.memory.tables.rule_failures)

    async def add_product(self, external_id: str, parent: Ref | None = None, thresholds: Thresholds = UNSET) -> Ref:
        product, products = Ref(uuid4(), external_id, external_id), self.memory.tables.products
        above = products[parent.external_id or ""] if parent else None
        lineage = (external_id, *(above.lineage if above else ()))
        inherited = {**(above.thresholds if above else {}), **thresholds}
        products[external_id] = ProductFacts(product, lineage, inherited)
        return product

    async def add_device(self, external_id: str, account: Ref, product: Ref, warranty_until: date) -> Ref:
        device, tables = Ref(uuid4(), external_id, external_id), self.memory.tables
        facts = DeviceFacts(device, account, tables.products[product.external_id or ""], None, warranty_until)
        tables.devices[external_id] = facts
        return device

    async def add_entitlement(self, one: Entitlement) -> None:
        self.memory.tables.entitlements[one.external_id] = one

    async def used(self, external_id: str) -> tuple[int, dict[str, int], bool]:
        one = self.memory.tables.entitlements[external_id]
        return one.used, {**one.used_by}, one.exhausted

    async def merge(self, case: UUID, into: UUID) -> None:
        cases = self.memory.tables.cases
        cases[case] = replace(cases[case], merged_into=into)

    async def event_types(self) -> list[str]:
        return [event.type for event in self.memory.tables.events.values()]

    async def outbound(self) -> list[OutboundMail]:
        return list(self.memory.tables.outbound.values())

    async def open_activities(self) -> set[UUID]:
        return {one.id for one in self.memory.tables.activities.values() if one.state == "open"}


@dataclass(slots=True)
class PostgresWorld:
    """A desk on PostgreSQL."""

    dsn: str
    store: Store
    other: Store
    ledger: OffsetLedger

    async def add_account(self, external_id: str, *domains: str) -> Ref:
        account = Ref(uuid4(), external_id, external_id)
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute(
                "INSERT INTO account (id, external_id, name) VALUES (%s, %s, %s)",
                (account.id, external_id, external_id),
            )
            for domain in domains:
                await connection.execute(
                    "INSERT INTO account_domain (domain, account_id) VALUES (%s, %s)", (domain, account.id)
                )
        return account

    async def add_agent(self, external_id: str, identity: Identity) -> Ref:
        agent = Ref(uuid4(), external_id, external_id)
        await self._insert("agent", id=agent.id, external_id=external_id, name=external_id)
        await self._insert("identity", kind=identity.kind, value=identity.value, agent_id=agent.id, origin="import")
        return agent

    async def add_staff(self, agent: Agent) -> Agent:
        away = [{"start": start, "end": end} for start, end in agent.away]
        await self._insert(
            "agent", id=agent.ref.id, external_id=agent.ref.external_id, name=agent.ref.name,
            queues=[*agent.queues], skills=Jsonb({**agent.skills}), capacity=agent.capacity,
            calendar=agent.calendar, manager_id=agent.manager.id if agent.manager else None, away=Jsonb(away),
        )  # fmt: skip
        return agent

    async def rule_failures(self) -> dict[str, int]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await connection.execute("SELECT rule, count FROM rule_failure")
            return dict(await rows.fetchall())

    async def add_product(self, external_id: str, parent: Ref | None = None, thresholds: Thresholds = UNSET) -> Ref:
        product = Ref(uuid4(), external_id, external_id)
        row = {"parent_id": parent and parent.id, "thresholds": Jsonb({**thresholds})}
        await self._insert("product", id=product.id, external_id=external_id, name=external_id, **row)
        return product

    async def add_device(self, external_id: str, account: Ref, product: Ref, warranty_until: date) -> Ref:
        device = Ref(uuid4(), external_id, external_id)
        row = {"account_id": account.id, "product_id": product.id, "warranty_until": warranty_until}
        await self._insert("device", id=device.id, external_id=external_id, name=external_id, **row)
        return device

    async def _insert(self, table: str, **row: object) -> None:
        names, values = map(sql.Identifier, row), [sql.Placeholder()] * len(row)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
        )
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute(statement, [*row.values()])

    async def add_entitlement(self, one: Entitlement) -> None:
        row = {
            "external_id": one.external_id, "account_id": one.account, "contacts": sorted(one.contacts),
            "device": one.device, "products": sorted(one.products), "state": one.state, "starts_at": one.starts,
            "ends_at": one.ends, "is_default": one.default, "sla": one.sla, "allotment": one.terms.allotment,
            "total": one.terms.total, "channels": Jsonb(one.terms.channels), "only_listed": one.terms.only_listed,
            "decrement_on": one.terms.decrement_on, "restrict": one.terms.restrict,
        }  # fmt: skip
        await self._insert("entitlement", **row)

    async def used(self, external_id: str) -> tuple[int, dict[str, int], bool]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await connection.execute(
                "SELECT used, used_by, exhausted_at IS NOT NULL FROM entitlement WHERE external_id = %s", (external_id,)
            )
            found = await rows.fetchone()
        assert found is not None
        return found

    async def merge(self, case: UUID, into: UUID) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute("UPDATE cases SET merged_into = %s WHERE id = %s", (into, case))

    async def open_activities(self) -> set[UUID]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await (await connection.execute("SELECT id FROM activity WHERE state = 'open'")).fetchall()
            return {id_ for (id_,) in rows}

    async def event_types(self) -> list[str]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await connection.execute("SELECT type FROM outbox JOIN event ON event.id = event_id ORDER BY ord")
            return [name for (name,) in await rows.fetchall()]

    async def outbound(self) -> list[OutboundMail]:
        columns = ", ".join(field.name for field in fields(OutboundMail))
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            rows = await connection.execute(f"SELECT {columns} FROM outbound ORDER BY ord".encode())  # noqa: S608  # names of our own
            return [OutboundMail(**dict(zip(columns.split(", "), row, strict=True))) for row in await rows.fetchall()]


@asynccontextmanager
async def memory_world() -> AsyncIterator[World]:
    """A new desk in memory."""
    memory = Memory()
    yield MemoryWorld(memory, MemoryStore(memory), MemoryStore(memory), MemoryLedger(memory))


@asynccontextmanager
async def postgres_world(dsn: str) -> AsyncIterator[World]:
    """A new desk on the migrated, empty database at `dsn`."""
    store, other = PostgresStore(dsn), PostgresStore(dsn)
    try:
        yield PostgresWorld(dsn, store, other, PostgresLedger(dsn))
    finally:
        await store.close()
        await other.close()


Open = Callable[[], AbstractAsyncContextManager[World]]


def on_a_new_desk(test: Callable[[World], Awaitable[None]]) -> Callable[[Open], None]:
    """Run a test that awaits; the fixture `world` opens the desk within the test's own loop."""

    @wraps(test)
    def run(world: Open) -> None:
        async def whole() -> None:
            async with world() as opened:
                await test(opened)

        asyncio.run(whole())

    return run
