"""Entitlements as records on PostgreSQL: made, changed and told to people."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.entitlement import Entitlement, State, Terms
from pipeline.store.entitlements import COLUMNS, TERMS, entitlement_of
from pipeline.store.queries import load_queries

_SQL = load_queries("entitlement_records.sql")

_WIDTH = len(COLUMNS) + len(TERMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """An entitlement as it is agreed; account, contacts and device by their external ids."""

    external_id: str
    terms: Terms
    account: str | None = None
    contacts: tuple[str, ...] = ()
    device: str | None = None
    products: tuple[str, ...] = ()
    state: State = "active"
    starts: datetime | None = None
    ends: datetime | None = None
    default: bool = False
    sla: str | None = None
    template: str | None = None
    renews: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Terms that are agreed often."""

    external_id: str
    terms: Terms
    products: tuple[str, ...] = ()
    sla: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A line of the ledger, as people read it."""

    at: datetime
    case: int
    transition: str
    turn: int
    units: int
    channel: str | None
    activity: UUID | None


@dataclass(frozen=True, slots=True)
class Held:
    """An entitlement with the names of whom it is for, what it was made of, what renews it; and its ledger."""

    entitlement: Entitlement
    account: str | None
    account_name: str | None
    contacts: Sequence[str]
    template: str | None
    renews: str | None
    renewed_by: str | None
    ledger: Sequence[LedgerRow] = ()


async def upsert_entitlements(connection: psycopg.AsyncConnection, agreed: Collection[Agreed]) -> None:
    """Make or change them; what is used of them stays."""
    if agreed:
        rows = orjson.dumps([_row(one) for one in agreed]).decode()
        await connection.execute(_SQL["upsert_entitlements"], {"rows": rows})


async def upsert_templates(connection: psycopg.AsyncConnection, templates: Collection[Template]) -> None:
    """Make or change them; entitlements made of them stay as they are."""
    if templates:
        rows = [
            {"external_id": one.external_id, "products": one.products, "sla": one.sla, **_terms(one.terms)}
            for one in templates
        ]
        await connection.execute(_SQL["upsert_templates"], {"rows": orjson.dumps(rows).decode()})


async def read_templates(connection: psycopg.AsyncConnection, names: Collection[str]) -> dict[str, Template]:
    """The templates of these names."""
    rows = await (await connection.execute(_SQL["templates"], {"names": list(names)})).fetchall()
    return {
        name: Template(
            external_id=name, products=tuple(products), sla=sla, terms=Terms(**dict(zip(TERMS, terms, strict=True)))
        )
        for name, products, sla, *terms in rows
    }


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose entitlements are asked: of everybody, by their names, or of customers."""

    all: bool = False
    names: Collection[str] = ()
    accounts: Collection[UUID] = ()
    contacts: Collection[UUID] = ()
    devices: Collection[str] = ()


async def find_customer(connection: psycopg.AsyncConnection, customer: str) -> Whose | None:
    """Whom a word means: an external id, an address, a number, a device; None when nobody."""
    rows = await (await connection.execute(_SQL["customers"], {"customer": customer})).fetchall()
    if not rows:
        return None
    return Whose(
        accounts=[account for account, _, _ in rows if account],
        contacts=[contact for _, contact, _ in rows if contact],
        devices=[device for _, _, devices in rows for device in devices],
    )


async def read_held(connection: psycopg.AsyncConnection, whose: Whose, *, with_ledger: bool = False) -> list[Held]:
    """The entitlements of these, the customer's default first, then by when they end."""
    asked = {name: list(getattr(whose, name)) for name in ("names", "accounts", "contacts", "devices")}
    values = {**asked, "all": whose.all, "whole": not whose.contacts}
    rows = await (await connection.execute(_SQL["entitlements"], values)).fetchall()
    ledger: dict[str, list[LedgerRow]] = defaultdict(list)
    if with_ledger and rows:
        lines = await connection.execute(_SQL["ledger"], {"names": [row[0] for row in rows]})
        for name, *line in await lines.fetchall():
            ledger[name].append(LedgerRow(*line))
    return [_held(row, ledger[row[0]]) for row in rows]


async def read_rivals(connection: psycopg.AsyncConnection) -> list[Entitlement]:
    """Every default; one writer at a time reads them, until the end of its transaction."""
    await connection.execute(_SQL["lock_records"])
    return [entitlement_of(row) for row in await (await connection.execute(_SQL["rivals"])).fetchall()]


async def unknown_names(connection: psycopg.AsyncConnection, agreed: Agreed) -> list[tuple[str, str]]:
    """The customers that it names and nobody knows, each with its kind."""
    values = {"account": agreed.account, "contacts": list(agreed.contacts), "device": agreed.device}
    return [(kind, name) for kind, name in await (await connection.execute(_SQL["unknown_names"], values)).fetchall()]


async def set_state(connection: psycopg.AsyncConnection, name: str, state: State) -> None:
    """Give an entitlement another state."""
    await connection.execute(_SQL["set_state"], {"name": name, "state": state})


def _held(row: Sequence[Any], ledger: Sequence[LedgerRow]) -> Held:
    account, account_name, contacts, template, renews, renewed_by = row[_WIDTH:]
    return Held(entitlement_of(row[:_WIDTH]), account, account_name, contacts, template, renews, renewed_by, ledger)


def _row(one: Agreed) -> dict[str, Any]:
    names = ("external_id", "account", "contacts", "device", "products", "state", "starts", "ends", "sla", "template",
             "renews")  # fmt: skip
    row = {name: getattr(one, name) for name in names}
    return {**row, "is_default": one.default, **_terms(one.terms)}


def _terms(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in TERMS}
