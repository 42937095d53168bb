"""Bills what resolved cases cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from pipeline.domain.billing import Rounding
from pipeline.store.connection import retryable
from pipeline.store.queries import load_queries

_SQL = load_queries("billing.sql")


@dataclass(frozen=True, slots=True)
class BillLine:
    """The time of one activity, as it is billed; a correction is one too, negative where less is billed."""

    id: UUID
    number: int
    title: str
    account: str | None
    contact: str | None
    entitlement: str | None
    kind: str
    at: datetime
    agent: str | None
    subject: str
    billable_s: int
    adjusts: bool

    def counted(self, rounding: Rounding) -> int:
        """The seconds that are billed."""
        return self.billable_s if self.adjusts else rounding(self.billable_s)


async def bill(dsn: str, *, until: datetime, at: datetime | None) -> Sequence[BillLine]:
    """The lines that no bill bears yet, marked as billed at that time; not marked without one.

    Raises Retry when PostgreSQL is away.
    """
    async with retryable(), await psycopg.AsyncConnection.connect(dsn) as connection:
        async with connection.cursor(row_factory=class_row(BillLine)) as cursor:
            lines = await (await cursor.execute(_SQL["due"], {"until": until})).fetchall()
        if at is not None and lines:
            await connection.execute(_SQL["mark"], {"at": at, "ids": [line.id for line in lines]})
        return lines
