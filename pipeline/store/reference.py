"""Importing on PostgreSQL: what is known of records, and how they are written, sets at a time."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import dict_row

from pipeline.domain.agreed import EntitlementRecord, TemplateRecord
from pipeline.domain.importing import Holder, Known, Stored
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Absence, Account, Agent, Article, Contact, Device, Key, Product, Record
from pipeline.store.connection import connected
from pipeline.store.queries import load_queries
from pipeline.store.reference_ports import HeldIdentity, ReferenceChanges, WantedRecords, WrittenRecord

_SQL = load_queries("reference.sql")

Row = TypeVar("Row")

AT_ONCE = 10_000
"""Rows of one statement."""

RECORDS: Mapping[str, type[Record]] = {
    kind.kind: kind for kind in (Account, Product, Agent, Contact, TemplateRecord, Device, EntitlementRecord, Article)
}
"""The kinds that this store keeps."""

_BEFORE = {"article": ("keep_versions",), "entitlement": ("one_writer_of_entitlements",)}
_AFTER = {
    "account": ("parents_account", "drop_domains", "add_domains"),
    "product": ("parents_product",),
    "agent": ("parents_agent",),
    "device": ("begin_warranties", "end_warranties"),
}
"""What is to be done beside writing the rows of a kind."""


class PostgresReference:
    """Opens transactions of importing."""

    def __init__(self, dsn: str, timezone: str = "UTC") -> None:
        """Days end by the clock of the time zone."""
        self._dsn = dsn
        self._timezone = timezone

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresReferenceTransaction"]:
        """A transaction that commits at the end of the block. Raises Retry as `is_retry` says."""
        async with connected(self._dsn) as connection:
            await connection.execute(_SQL["one_at_a_time"])
            yield PostgresReferenceTransaction(connection, self._timezone)


class PostgresReferenceTransaction:
    """The statements of one import."""

    def __init__(self, connection: psycopg.AsyncConnection, timezone: str) -> None:
        self._connection = connection
        self._timezone = timezone

    async def known(self, wanted: WantedRecords) -> Known:
        """What is known of what an import names."""
        rows: list[tuple[UUID, UUID, Record]] = []
        for kind, names in wanted.records.items():
            rows += [(row.pop("id"), row.pop("holder"), _record(kind, row))
                     for row in await self._dicts(f"known_{kind}", names=[*names], **_customers(wanted))]  # fmt: skip
        listed: dict[UUID, set[Identity]] = {}
        for told_of, kind, value in await self._rows("imported_identities", ids=[holder for _, holder, _ in rows]):
            listed.setdefault(told_of, set()).add(Identity(kind, value))
        references = {kind: set(names) for kind, names in wanted.references.items()}
        for _, _, record in rows:
            for _, (kind, name) in record.references():
                references.setdefault(kind, set()).add(name)
        domains = await self._rows("domain_holders", domains=[*wanted.domains])
        return Known(
            records={
                record.key: Stored(id_, holder, record, frozenset(listed.get(id_, ()))) for id_, holder, record in rows
            },
            holders=await self._holders(wanted.identities),
            domains={domain: external_id or str(id_) for domain, external_id, id_ in domains},
            keys={key: id_ for kind, names in references.items() for key, id_ in await self._ids(kind, names)},
            above={
                (kind, name): above for kind in wanted.parents_of for name, above in await self._rows(f"above_{kind}")
            },
        )

    async def write(self, changes: ReferenceChanges, at: datetime) -> None:
        """Write it, in the order of naming: what is named is there before what names it."""
        gone = changes.dropped
        if gone:
            await self._run("drop_identities", kinds=[one.kind for one in gone], values=[one.value for one in gone])
        for kind, records in changes.records.items():
            for name in (*_BEFORE.get(kind, ()), f"write_{kind}", *_AFTER.get(kind, ())):
                for some in _batched(records, AT_ONCE):
                    rows = _json([_row(written) for written in some])
                    await self._run(name, rows=rows, at=at, timezone=self._timezone)
        for name, held in (("move_identities", changes.moved), ("add_identities", changes.new)):
            for few in _batched(sorted(held, key=lambda one: one.identity), AT_ONCE):
                await self._run(name, rows=_json([_held_row(one) for one in few]))

    async def _holders(self, identities: Iterable[Identity]) -> dict[Identity, Holder]:
        asked = [*identities]
        rows = await self._rows("holders", kinds=[one.kind for one in asked], values=[one.value for one in asked])
        return {
            Identity(kind, value): Holder(whose, id_, external_id, account, imported)
            for kind, value, imported, whose, id_, external_id, account in rows
        }

    async def _ids(self, kind: str, names: Iterable[str]) -> list[tuple[Key, UUID]]:
        return [((kind, name), id_) for name, id_ in await self._rows(f"ids_of_{kind}", names=[*names])]

    async def _rows(self, name: str, **values: object) -> Sequence[tuple[Any, ...]]:
        return await (await self._connection.execute(_SQL[name], values)).fetchall()

    async def _dicts(self, name: str, **values: object) -> list[dict[str, Any]]:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SQL[name], values)
            return await cursor.fetchall()

    async def _run(self, name: str, **values: object) -> None:
        await self._connection.execute(_SQL[name], values)


def _customers(wanted: WantedRecords) -> dict[str, list[str]]:
    """Whose entitlements may contradict those of an import."""
    kinds = {"accounts": "account", "contacts": "contact", "devices": "device"}
    return {name: [*wanted.references.get(kind, ())] for name, kind in kinds.items()}


def _record(kind: str, row: dict[str, Any]) -> Record:
    """A row as the record that an import of it would make."""
    if "away" in row:
        row["away"] = [Absence(one["start"], one["end"]) for one in row["away"]]
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    return RECORDS[kind](**{**row, **lists})


_NO_COLUMNS = frozenset({"given", "known_by", "identities", "notes"})


def _row(written: WrittenRecord) -> dict[str, Any]:
    record = written.record
    values = {one.name: getattr(record, one.name) for one in fields(record) if one.name not in _NO_COLUMNS}
    return {"id": written.id, "adopted": written.adopted, **values}


def _held_row(held: HeldIdentity) -> dict[str, Any]:
    columns = {f"{kind}_id": held.holder if held.kind == kind else None for kind in ("contact", "account", "agent")}
    return {"kind": held.identity.kind, "value": held.identity.value, "origin": held.origin, **columns}


def _batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some


def _json(rows: Sequence[Any]) -> str:
    return orjson.dumps(rows).decode()
