"""Merging contacts on PostgreSQL."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg
from pydantic import TypeAdapter

from pipeline.domain.contacts import ContactMerge, KnownContact, Person
from pipeline.domain.matching import Identity, Ref, normal_address
from pipeline.store.connection import connected
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.queries import load_queries

_SQL = load_queries("contacts.sql")

_MERGE = TypeAdapter(ContactMerge)
_NUMBER = re.compile(r"\+[\d\s()./-]+")


class PostgresPeople:
    """Tells of every contact what may be compared."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __call__(self) -> Sequence[Person]:
        """All contacts but those that were merged. Raises Retry as `is_retry` says."""
        async with connected(self._dsn) as connection:
            rows = await _rows(connection, "people")
        return [Person(id_, name, tuple(numbers), tuple(addresses), account)
                for id_, name, numbers, addresses, account in rows]  # fmt: skip


async def find_contacts(connection: psycopg.AsyncConnection, names: Collection[str]) -> Mapping[str, Collection[UUID]]:
    """The contacts that are called so; they stay as they are until the end."""
    await connection.execute(_SQL["begin"])
    found: dict[str, set[UUID]] = defaultdict(set)
    asked = [{"name": name, "id": as_id(name), "value": as_value(name)} for name in names]
    for name, contact in await _rows(connection, "find", rows=orjson.dumps(asked).decode()):
        found[name].add(contact)
    return found


def as_id(name: str) -> UUID | None:
    """The id that a name may be."""
    try:
        return UUID(name)
    except ValueError:
        return None


def as_value(name: str) -> str:
    """A name as identities are stored: an address in lower case, a number without what makes it readable."""
    if _NUMBER.fullmatch(name.strip()):
        return "+" + re.sub(r"\D", "", name)
    return normal_address(name) if "@" in name and ":" not in name else name.strip()


async def lock_contacts(connection: psycopg.AsyncConnection, ids: Collection[UUID]) -> Mapping[UUID, KnownContact]:
    """The contacts with their survivors, locked, and what they are known by."""
    wanted = {*ids, *(row[3] for row in await _rows(connection, "lock_contacts", ids=list(ids)) if row[3])}
    asked = {"ids": sorted(wanted)}
    identities: dict[UUID, list[Identity]] = defaultdict(list)
    for contact, kind, value in await _rows(connection, "lock_identities", **asked):
        identities[contact].append(Identity(kind, value))
    rows = await _rows(connection, "lock_contacts", **asked)
    accounts = {row[0]: Ref(*row[1:]) for row in await _rows(connection, "accounts_of", **asked)}
    absorbed: dict[UUID, list[UUID]] = defaultdict(list)
    for survivor, contact in await _rows(connection, "absorbed", **asked):
        absorbed[survivor].append(contact)
    merges = {row[0]: _MERGE.validate_python(row[1]) for row in await _rows(connection, "merges", **asked)}
    return {
        row[0]: KnownContact(
            ref=Ref(*row[:3]),
            account=accounts.get(row[0]),
            identities=tuple(identities[row[0]]),
            absorbed=tuple(absorbed[row[0]]),
            survivor=row[3],
            merge=merges.get(row[0]),
        )
        for row in rows
    }


async def cases_of(connection: psycopg.AsyncConnection, contact: UUID) -> Sequence[UUID]:
    """All cases of a contact."""
    return [case for (case,) in await _rows(connection, "cases_of", id=contact)]


async def write_contacts(connection: psycopg.AsyncConnection, changes: ContactChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    for name, rows in (
        ("move_identities", [{**one._asdict(), "contact_id": to} for one, to in sorted(changes.identities.items())]),
        ("set_survivors", [{"id": one, "survivor_id": into} for one, into in changes.survivors.items()]),
        ("insert_merges", [_merge_row(merge) for merge in changes.merged]),
        ("undo_merges", [{"id": merge, "at": at} for merge, at in changes.undone.items()]),
    ):
        if rows:
            await connection.execute(_SQL[name], {"rows": orjson.dumps(rows, default=list).decode()})


def _merge_row(merge: ContactMerge) -> Mapping[str, Any]:
    named = {"id": merge.id, "contact_id": merge.contact, "into_id": merge.into, "at": merge.at, "actor": merge.actor}
    return {**named, "moved": merge}


async def _rows(connection: psycopg.AsyncConnection, name: str, **values: object) -> Sequence[tuple[Any, ...]]:
    return await (await connection.execute(_SQL[name], values)).fetchall()
