"""Timers on PostgreSQL: rows that say what is to happen when."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import psycopg

from pipeline.domain.timers import FAILED_AGAIN_AFTER, MOST_FAILURES, Awaited, Timer
from pipeline.store.ports import Changes
from pipeline.store.queries import load_queries

_SQL = load_queries("timers.sql")


async def begin_firing(connection: psycopg.AsyncConnection) -> datetime | None:
    """PostgreSQL's clock; None while another transaction fires timers."""
    row = await (await connection.execute(_SQL["begin_firing"])).fetchone()
    return row[0] if row and row[1] else None


async def due_timers(
    connection: psycopg.AsyncConnection, now: datetime, awaited: Mapping[Awaited, datetime], limit: int
) -> Sequence[Timer]:
    """The timers due first, not locked."""
    until = {"messages": awaited.get("messages", now), "devices": awaited.get("devices", now)}
    values = {"now": now, **until, "limit": limit}
    return [Timer(*row) for row in await (await connection.execute(_SQL["due_timers"], values)).fetchall()]


async def still_there(connection: psycopg.AsyncConnection, timers: Collection[Timer]) -> Sequence[Timer]:
    """Those of the timers that still are as they were read."""
    rows = await (await connection.execute(_SQL["still_there"], _as_read(timers))).fetchall()
    there = set(rows)
    return [timer for timer in timers if (*timer.place, timer.at) in there]


async def next_timer(connection: psycopg.AsyncConnection) -> tuple[datetime, datetime | None]:
    """PostgreSQL's clock, and when the next timer is due, if there is one."""
    row = await (await connection.execute(_SQL["next_timer"])).fetchone()
    if row is None:
        raise AssertionError("an aggregate returns a row")
    return row[0], row[1]


async def put_off(
    connection: psycopg.AsyncConnection, failed: Mapping[tuple[str, str], str], now: datetime
) -> Collection[tuple[str, str]]:
    """Try timers that failed again later; the places of those that are set aside now."""
    values = {**_places(failed), "reasons": [*failed.values()], "now": now}
    values |= {"after": FAILED_AGAIN_AFTER, "most": MOST_FAILURES}
    rows = await (await connection.execute(_SQL["put_off"], values)).fetchall()
    return {(kind, key) for kind, key, aside in rows if aside}


async def write_timers(connection: psycopg.AsyncConnection, changes: Changes) -> None:
    """Arm anew what may be armed already, and disarm. What fired goes before it is armed again."""
    if changes.fired:
        await connection.execute(_SQL["fired"], _as_read(sorted(changes.fired, key=lambda timer: timer.place)))
    if gone := sorted(place for place, timer in changes.timed.items() if timer is None):
        await connection.execute(_SQL["disarm"], _places(gone))
    if armed := [timer for timer in changes.timed.values() if timer is not None and not timer.is_new]:
        await connection.execute(_SQL["arm"], {"rows": orjson.dumps(armed).decode()})


def _as_read(timers: Collection[Timer]) -> dict[str, Any]:
    return {**_places([timer.place for timer in timers]), "ats": [timer.at for timer in timers]}


def _places(places: Collection[tuple[str, str]]) -> dict[str, Any]:
    return {"kinds": [kind for kind, _ in places], "keys": [key for _, key in places]}
