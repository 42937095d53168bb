"""Which cases have another state than was published last, and what it is."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from orjson import Fragment

from pipeline.events.ids import queue_id
from pipeline.store.connection import LOOK_UP, retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("case_states.sql")

PROMISES = 100
"""A case that goes on for years may be promised an answer a thousand times; so many of the last are of its state."""

_AFTER_REFS = (
    "sequence", "revision", "origin", "severity", "type", "product", "device", "entitlement", "sla", "escalated",
    "flags", "fields", "parent", "follow_up_of", "linked_to", "merged_into", "opened_at", "first_response_at",
    "waiting_since", "until", "resolved_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """The cases to publish next; `pos` is the last event that they follow from, `ords` are rows that name others."""

    cases: frozenset[UUID]
    pos: int | None
    ords: Sequence[int]

    def __bool__(self) -> bool:
        return self.pos is not None or bool(self.ords)


@dataclass(frozen=True, slots=True)
class CaseState:
    """A case as it is now; `data` is what `pipeline.events.state` describes, None when the case is no more."""

    id: UUID
    number: int | None
    sequence: int
    data: Mapping[str, Any] | None


class CaseStates:
    """A connection of its own, which reads in UTC."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator["CaseStates"]:
        """Connect. Raises Retry when PostgreSQL is away."""
        async with retryable():
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, connect_timeout=5, options=f"-c timezone=UTC {LOOK_UP}"
            )
        async with connection:
            yield cls(connection)

    async def next(self, limit: int) -> Turn:
        """The cases of the next so many events, and as many others that are to be published."""
        async with self._connection.pipeline():
            waiting = await self._connection.execute(_SQL["waiting"], {"limit": limit})
            due = await self._connection.execute(_SQL["due"], {"limit": limit})
        row = await waiting.fetchone()
        pos, cases = row if row is not None else (None, ())
        others = await due.fetchall()
        return Turn(frozenset((*cases, *(case for _, case in others))), pos, [ord_ for ord_, _ in others])

    async def read(self, cases: Collection[UUID]) -> list[CaseState]:
        """The states of these cases, of those that are no more as well, in one look."""
        if not cases:
            return []
        rows = await (
            await self._connection.execute(_SQL["read"], {"ids": list(cases), "promises": PROMISES})
        ).fetchall()
        found = [_state(row) for row in rows]
        gone = set(cases) - {state.id for state in found}
        return [*found, *(CaseState(case, None, 0, None) for case in gone)]

    async def page(self, after: UUID | None, limit: int, *, active: bool) -> list[CaseState]:
        """The states of the next so many cases past an id, in the order of their ids."""
        values = {"after": after, "limit": limit, "active": active}
        rows = await (await self._connection.execute(_SQL["ids"], values)).fetchall()
        return sorted((state for state in await self.read([case for (case,) in rows])), key=lambda state: state.id)

    async def published(self, turn: Turn) -> None:
        """Note that the states of a turn are published."""
        async with self._connection.transaction(), self._connection.pipeline():
            if turn.pos is not None:
                await self._connection.execute(_SQL["advance"], {"pos": turn.pos})
            if turn.ords:
                await self._connection.execute(_SQL["done"], {"ords": list(turn.ords)})


def _state(row: tuple[Any, ...]) -> CaseState:
    case, number, title, status, state, priority, queue, *rest = row
    after = dict(zip(_AFTER_REFS, rest[9:-1], strict=True))
    data = {
        "case": {
            "id": case,
            "number": number,
            "title": title,
            "status": status,
            "state": state,
            "priority": priority,
            "queue": {"id": queue_id(queue), "external_id": None, "name": queue},
            "owner": _ref(rest[0:3]),
            "contact": _ref(rest[3:6]),
            "account": _ref(rest[6:9]),
        },
        **after,
        "kpis": Fragment(rest[-1]) if rest[-1] is not None else [],
    }
    return CaseState(case, number, after["sequence"], data)


def _ref(columns: Sequence[Any]) -> Mapping[str, Any] | None:
    identity, external_id, name = columns
    return {"id": identity, "external_id": external_id, "name": name} if identity is not None else None
