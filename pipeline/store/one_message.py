"""Finds one settled message as it was received."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries
from pipeline.wire import Envelope

_SQL = load_queries("one_message.sql")


@dataclass(frozen=True, slots=True)
class Found:
    """A message, with the number of its case if it has one."""

    envelope: Envelope
    case: int | None


async def find_message(dsn: str, name: str) -> Found | None:
    """The message whose Message-ID, other id of its source, or own id (or its beginning) this is; the latest of them.

    Raises Retry when PostgreSQL is away.
    """
    async with connected(dsn) as connection:
        row = await _row(connection, name)
    if row is None:
        return None
    source_id, channel, source, time, content_type, facts, raw, dataref, case = row
    return Found(_envelope(source_id, channel, source, time, content_type, facts, raw, dataref), case)


async def _row(connection: psycopg.AsyncConnection, name: str) -> tuple[Any, ...] | None:
    names = [name, f"<{name.strip('<>')}>"]
    cursor = await connection.execute(_SQL["one_message"], {"names": names, "beginning": f"{name.lower()}%"})
    return await cursor.fetchone()


def _envelope(
    source_id: str,
    channel: str,
    source: str,
    time: datetime,
    content_type: str,
    facts: dict[str, str],
    raw: bytes | None,
    dataref: str | None,
) -> Envelope:
    return Envelope(
        id=source_id,
        channel=channel,
        source=source,
        key=source_id,
        time=time,
        content_type=content_type,
        raw=raw or b"",
        dataref=dataref,
        facts=facts,
    )
