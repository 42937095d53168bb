"""What rules ask about customers and devices, on PostgreSQL."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import psycopg

from pipeline.domain.customers import AccountFacts, ContactFacts, CustomerFacts, DeviceFacts, ProductFacts
from pipeline.domain.matching import Ref
from pipeline.store.queries import load_queries

_SQL = load_queries("customers.sql")

Rows = Sequence[tuple[Any, ...]]


async def read_customers(
    connection: psycopg.AsyncConnection,
    contacts: Collection[UUID],
    accounts: Collection[UUID],
    devices: Collection[str],
    products: Collection[str],
) -> CustomerFacts:
    """What is known of them; a statement for each kind that is asked for."""
    people = await _asked(connection, "contacts", ids=contacts)
    firms = await _asked(connection, "accounts", ids=accounts)
    things = await _asked(connection, "devices", names=devices)
    named = {*products, *(row[6] for row in things if row[6])}
    known = _products(await _asked(connection, "products", names=named))
    return CustomerFacts(
        contacts={row[0]: ContactFacts(Ref(*row[:3]), _ref(row[4:7]), row[3]) for row in people},
        accounts={row[0]: AccountFacts(Ref(*row[:3]), _ref(row[4:7]), row[3]) for row in firms},
        devices={row[1]: DeviceFacts(Ref(*row[:3]), _ref(row[3:6]), known.get(row[6]), *row[7:11]) for row in things},
        products={name: known[name] for name in products if name in known},
    )


async def _asked(connection: psycopg.AsyncConnection, name: str, **values: Collection[Any]) -> Rows:
    if not any(values.values()):
        return ()
    cursor = await connection.execute(_SQL[name], {key: list(value) for key, value in values.items()})
    return await cursor.fetchall()


def _products(rows: Rows) -> dict[str, ProductFacts]:
    found: dict[str, ProductFacts] = {}
    for wanted, *ref, thresholds in rows:
        own = found.get(wanted)
        if own is None:
            found[wanted] = ProductFacts(Ref(*ref), (wanted,), thresholds)
        else:
            found[wanted] = ProductFacts(own.ref, (*own.lineage, ref[1]), {**thresholds, **own.thresholds})
    return found


def _ref(columns: tuple[Any, ...]) -> Ref | None:
    return Ref(*columns) if columns[0] is not None else None
