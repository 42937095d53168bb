"""Queues on PostgreSQL: what waits, who may take it, who has how much."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.agents import Agent, Load, Presence
from pipeline.domain.matching import Ref
from pipeline.store.connection import connected
from pipeline.store.queries import load_queries
from pipeline.store.queue_ports import Need, QueueChanges, QueueItem, Staff, last_given

_SQL = load_queries("queues.sql")

_HEADS = (20, 2_000, 2_000_000)
"""Among so many of each queue the first one is looked for, since those before it may all be at somebody's hand."""

Connection = psycopg.AsyncConnection


async def read_agents(connection: Connection, ids: Collection[UUID], names: Collection[str]) -> Sequence[Agent]:
    """The agents of these ids or external ids."""
    rows = await _rows(connection, "agents", ids=list(ids), names=list(names))
    return [_agent(row) for row in rows]


async def read_staff(connection: Connection, queues: Collection[str], agents: Collection[UUID]) -> Staff:
    """Who works in these queues and those of these agents, locked, how loaded, and what is asked of them there."""
    ids = [row[0] for row in await _rows(connection, "lock_agents", queues=list(queues), agents=list(agents))]
    known = [_agent(row) for row in await _rows(connection, "agents", ids=ids, names=[])]
    asked = set(queues).union(*(agent.queues for agent in known if agent.ref.id in agents))
    needs = [Need(*row) for row in await _rows(connection, "needs", queues=sorted(asked))]
    loads = await _rows(connection, "loads", agents=ids) if needs else []
    return Staff(known, {agent: Load(*load) for agent, *load in loads}, needs)


async def waiting(
    connection: Connection, wanted: Collection[tuple[Need, int]], cases: Collection[UUID]
) -> Sequence[QueueItem]:
    """The first items of each need, so many of each, and those of these cases; locked."""
    locked = {row[0] for row in await _rows(connection, "lock_free", ids=list(cases))} if cases else set()
    for need, most in wanted:
        values = {"queue": need.queue, "units": need.units, "skills": orjson.dumps(need.skills).decode()}
        locked |= {row[0] for row in await _rows(connection, "lock_waiting", **values, most=most)}
    # read anew: what was locked may have been given to somebody just before
    items = await _items(connection, locked) if locked else []
    return [item for item in items if item.owner is None and item.assign is not None]


async def next_item(connection: Connection, queues: Collection[str]) -> QueueItem | None:
    """The first item that waits in these queues and nobody else has at hand, locked."""
    for most in _HEADS:
        refs = [
            row[0]
            for name in ("lock_next_case", "lock_next_other")
            for row in await _rows(connection, name, queues=list(queues), most=most)
        ]
        first = next((item for item in await _items(connection, refs) if item.owner is None), None)
        if first is not None:
            return first
    return None


async def queue_items(connection: Connection, refs: Collection[UUID]) -> Mapping[UUID, QueueItem]:
    """The items of these cases, activities or messages."""
    return {item.ref: item for item in await _items(connection, refs)} if refs else {}


async def set_presence(connection: Connection, agent: UUID, presence: Presence, at: datetime) -> None:
    """Keep what an agent says of themselves."""
    await connection.execute(_SQL["set_presence"], {"agent": agent, "presence": presence, "at": at})


async def write_queues(connection: Connection, changes: QueueChanges) -> None:
    """Put and take items, count what failed; within a pipeline of the caller's."""
    if put := [item for item in changes.items.values() if item is not None]:
        await connection.execute(_SQL["put_items"], {"rows": orjson.dumps(put).decode()})
        if given := last_given(put):
            await connection.execute(_SQL["note_given"], {"agents": [*given], "givens": [*given.values()]})
    if gone := sorted(key for key, item in changes.items.items() if item is None):
        kinds, refs = zip(*gone, strict=True)
        await connection.execute(_SQL["take_items"], {"kinds": [*kinds], "refs": [*refs]})
    if changes.overflowed:
        await connection.execute(_SQL["overflow"], {"rows": orjson.dumps(changes.overflowed).decode()})
    if changes.failures:
        rules, failed = [*changes.failures], [*changes.failures.values()]
        counts, reasons = [one.count for one in failed], [one.reason for one in failed]
        await connection.execute(_SQL["count_failures"], {"rules": rules, "counts": counts, "reasons": reasons})


async def rule_failures(dsn: str) -> Mapping[str, int]:
    """How often each rule failed. Raises Retry when PostgreSQL is away."""
    async with connected(dsn) as connection:
        return dict(await _rows(connection, "failures"))


async def _rows(connection: Connection, name: str, **values: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_SQL[name], values)).fetchall()


async def _items(connection: Connection, refs: Collection[UUID]) -> list[QueueItem]:
    names = "kind", "ref", "queue", "rank", "since", "owner", "given", "units", "assign", "skills"
    rows = await _rows(connection, "items", refs=list(refs))
    return [QueueItem(**dict(zip(names, row, strict=True))) for row in rows]


def _agent(row: tuple[Any, ...]) -> Agent:
    queues, skills, capacity, calendar, away, presence = row[3:9]
    return Agent(
        ref=Ref(*row[:3]),
        queues=frozenset(queues),
        skills=skills,
        capacity=capacity,
        calendar=calendar,
        manager=Ref(*row[9:12]) if row[9] is not None else None,
        away=tuple((one["start"], one["end"]) for one in away),
        presence=presence or "available",
    )
