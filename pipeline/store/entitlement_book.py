"""The book of entitlements: what people ask of it and write into it, each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from zoneinfo import ZoneInfo

import psycopg

from pipeline.domain.entitlement import Entitlement, both_default
from pipeline.domain.renewal import renewed
from pipeline.store.connection import connected
from pipeline.store.entitlement_records import (
    Agreed,
    Held,
    Whose,
    find_customer,
    read_held,
    read_rivals,
    read_templates,
    set_state,
    unknown_names,
    upsert_entitlements,
)


class EntitlementBook:
    """Entitlements on one database. Every method raises Retry when PostgreSQL is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def all(self) -> Sequence[Held]:
        """All entitlements, without their ledgers."""
        async with connected(self._dsn) as connection:
            return await read_held(connection, Whose(all=True))

    async def of(self, customer: str) -> Sequence[Held]:
        """A customer's entitlements with every line of their ledgers. Raises LookupError when nobody is called so."""
        async with connected(self._dsn) as connection:
            whose = await find_customer(connection, customer)
            if whose is None:
                raise LookupError(
                    f'there is no customer "{customer}"; name an account, a contact or a device by its external id, '
                    "or a contact by an address or a number"
                )
            return await read_held(connection, whose, with_ledger=True)

    async def renew(self, name: str, zone: ZoneInfo, *, called: str | None = None) -> Held:
        """A draft for the period that follows.

        Raises LookupError when there is no such entitlement, ValueError when it cannot be renewed or is already.
        """
        async with connected(self._dsn) as connection:
            await read_rivals(connection)
            old = await _held(connection, name)
            if old.renewed_by is not None:
                raise ValueError(f"{name} is renewed already, by {old.renewed_by}")
            if called is not None and await read_held(connection, Whose(names=[called])):
                raise ValueError(f'there is an entitlement "{called}" already; give the new one another id')
            new = renewed(old.entitlement, called or await _free(connection, name), zone)
            await upsert_entitlements(connection, [_agreed(new, old, renews=name)])
            return await _held(connection, new.external_id)

    async def activate(self, name: str) -> Held:
        """Let a draft, or one that was held back, run: from its beginning until its end.

        Raises LookupError when there is no such entitlement, ValueError when its customer would have two defaults.
        """
        async with connected(self._dsn) as connection:
            rivals = await read_rivals(connection)
            one = (await _held(connection, name)).entitlement
            if one.state == "cancelled":
                raise ValueError(f"{name} was cancelled; renew it, or import another")
            refuse_rival(replace(one, state="active"), rivals)
            await set_state(connection, name, "active")
            return await _held(connection, name)

    async def cancel(self, name: str) -> Held:
        """Let no case get it any more; those that have it keep it. Raises LookupError when there is none such."""
        async with connected(self._dsn) as connection:
            await _held(connection, name)
            await set_state(connection, name, "cancelled")
            return await _held(connection, name)

    async def make(self, template: str, agreed: Agreed) -> Held:
        """An entitlement by a template's terms, products and SLA.

        Raises LookupError when there is no such template or customer, ValueError when its id is taken, or when its
        customer would have two defaults.
        """
        async with connected(self._dsn) as connection:
            rivals = await read_rivals(connection)
            found = (await read_templates(connection, [template])).get(template)
            if found is None:
                raise LookupError(f'there is no template "{template}"; import one of the kind entitlement_template')
            if await read_held(connection, Whose(names=[agreed.external_id])):
                raise ValueError(f'there is an entitlement "{agreed.external_id}" already; give the new one another id')
            for kind, unknown in await unknown_names(connection, agreed):
                raise LookupError(f'there is no {kind} "{unknown}"; import it first')
            made = replace(agreed, terms=found.terms, products=found.products, sla=found.sla, template=template)
            await upsert_entitlements(connection, [made])
            held = await _held(connection, made.external_id)
            refuse_rival(held.entitlement, rivals)
            return held


def refuse_rival(one: Entitlement, others: Sequence[Entitlement]) -> None:
    """Raise ValueError when its customer would have two defaults at some moment."""
    for other in others:
        if both_default(one, other):
            raise ValueError(rivalry(one.external_id, other.external_id))


def rivalry(one: str, other: str) -> str:
    """What to say of two defaults."""
    return (
        f"{one} and {other} would both be the default of one customer at some time; "
        'set "default" to false in one of them, or let one end before the other begins'
    )


async def _held(connection: psycopg.AsyncConnection, name: str) -> Held:
    found = await read_held(connection, Whose(names=[name]))
    if not found:
        raise LookupError(f'there is no entitlement "{name}"')
    return found[0]


async def _free(connection: psycopg.AsyncConnection, name: str) -> str:
    """The name with the next number that is free: e1, e1-2, e1-3."""
    stem, dash, number = name.rpartition("-")
    stem, first = (stem, int(number) + 1) if dash and number.isascii() and number.isdigit() else (name, 2)
    for following in count(first):
        if not await read_held(connection, Whose(names=[f"{stem}-{following}"])):
            return f"{stem}-{following}"
    raise AssertionError("numbers do not end")


def _agreed(one: Entitlement, like: Held, *, renews: str) -> Agreed:
    return Agreed(
        external_id=one.external_id,
        terms=one.terms,
        account=like.account,
        contacts=tuple(like.contacts),
        device=one.device,
        products=tuple(sorted(one.products)),
        state=one.state,
        starts=one.starts,
        ends=one.ends,
        default=one.default,
        sla=one.sla,
        template=like.template,
        renews=renews,
    )
