"""Reads one case as a person looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("case_file.sql")


@dataclass(frozen=True, slots=True)
class CaseActivity:
    """What was done on the case, or is to be done."""

    at: datetime
    kind: str
    direction: str
    state: str
    subject: str
    sender: str | None
    recipient: str | None
    agent: str | None
    duration_s: int | None
    billable_s: int | None
    due_at: datetime | None
    delivery: str | None
    delivery_reason: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something on the case is as it is: which part decided it, with the values it saw."""

    at: datetime
    part: str
    says: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with all that is told of it; `known` are its fields by name."""

    known: Mapping[str, Any]
    activities: Sequence[CaseActivity]
    reasons: Sequence[Reason]


async def read_case_file(dsn: str, number: int) -> CaseFile:
    """The case of that number. Raises LookupError when there is none, Retry when PostgreSQL is away."""
    async with retryable(), await psycopg.AsyncConnection.connect(dsn) as connection:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SQL["case"], {"number": number})
            known = await cursor.fetchone()
        if known is None:
            raise LookupError(f"there is no case {number}")
        case: UUID = known.pop("id")
        async with connection.cursor(row_factory=class_row(CaseActivity)) as cursor:
            activities = await (await cursor.execute(_SQL["activities"], {"case": case})).fetchall()
        async with connection.cursor(row_factory=class_row(Reason)) as cursor:
            reasons = await (await cursor.execute(_SQL["reasons"], {"case": case})).fetchall()
    return CaseFile(known, activities, reasons)
