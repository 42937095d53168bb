"""How far activities have come that leave the desk, on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import orjson
import psycopg

from pipeline.store.delivery_ports import Leaving, NewDelivery
from pipeline.store.queries import load_queries

_SQL = load_queries("deliveries.sql")


async def read_leaving(
    connection: psycopg.AsyncConnection, activities: Collection[UUID], *, lock: bool
) -> Mapping[UUID, Leaving]:
    """The activities, locked if that is asked for."""
    if not activities:
        return {}
    statement = _SQL["lock_leaving" if lock else "leaving"]
    rows = await (await connection.execute(statement, {"ids": list(activities)})).fetchall()
    return {row[0]: Leaving(*row) for row in rows}


async def write_deliveries(connection: psycopg.AsyncConnection, deliveries: Sequence[NewDelivery]) -> None:
    """Write how far they have come; within a pipeline of the caller's."""
    if deliveries:
        await connection.execute(_SQL["write_deliveries"], {"rows": orjson.dumps(deliveries).decode()})
