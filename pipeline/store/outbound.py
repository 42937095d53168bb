"""Mail that leaves, on PostgreSQL."""

from collections.abc import Sequence

import orjson
import psycopg

from pipeline.store.outbound_ports import OutboundMail
from pipeline.store.queries import load_queries

_SQL = load_queries("outbound.sql")


async def write_outbound(connection: psycopg.AsyncConnection, mails: Sequence[OutboundMail]) -> None:
    """Write what is to be sent; within a pipeline of the caller's."""
    if mails:
        await connection.execute(_SQL["insert_outbound"], {"rows": orjson.dumps(mails).decode()})
