"""Answers that leave by a platform, as casework and intake meet them on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
import psycopg

from pipeline.store.queries import load_queries
from pipeline.store.reply_ports import AwaitedEcho, NewReply, StoredItem

SQL = load_queries("replies.sql")

MOST_AWAITED = 200


async def write_replies(connection: psycopg.AsyncConnection, replies: Sequence[NewReply]) -> None:
    """Write what is to be sent; within a pipeline of the caller's."""
    if replies:
        await connection.execute(SQL["insert_replies"], {"rows": orjson.dumps(replies).decode()})


async def read_asked(
    connection: psycopg.AsyncConnection, asked: Mapping[UUID, UUID | None]
) -> Mapping[UUID, StoredItem]:
    """By case, the item that is answered: the activity that is named, else the customer's last."""
    if not asked:
        return {}
    values = {"cases": list(asked), "activities": list(asked.values())}
    rows = await (await connection.execute(SQL["asked"], values)).fetchall()
    return {row[0]: StoredItem(*row[1:]) for row in rows}


async def read_awaited(connection: psycopg.AsyncConnection, places: Collection[str]) -> Sequence[AwaitedEcho]:
    """The answers that may come back under these keys."""
    if not places:
        return ()
    values = {"places": list(places), "most": MOST_AWAITED}
    rows = await (await connection.execute(SQL["awaited"], values)).fetchall()
    return tuple(AwaitedEcho(*row) for row in rows)


async def write_receipts(connection: psycopg.AsyncConnection, receipts: Mapping[str, datetime]) -> None:
    """Keep up to when what we said was received; within a pipeline of the caller's."""
    if receipts:
        rows = [{"place": place, "until": until} for place, until in receipts.items()]
        await connection.execute(SQL["write_receipts"], {"rows": orjson.dumps(rows).decode()})
