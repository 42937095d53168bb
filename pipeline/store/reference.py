"""Reference data on PostgreSQL: accounts, contacts, devices, each known by its external id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from uuid_utils.compat import uuid7

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("reference.sql")


@dataclass(frozen=True, slots=True)
class Account:
    """An organisation, and the mail domains that are its own."""

    external_id: str
    name: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A person, how they are reached, and the account (by external id) they belong to."""

    external_id: str
    name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A device under the name its messages bear, and the account (by external id) it belongs to."""

    external_id: str
    account: str | None = None


async def upsert(
    dsn: str,
    accounts: Sequence[Account],
    contacts: Sequence[Contact],
    devices: Sequence[Device] = (),
    *,
    at: datetime,
) -> None:
    """Write all of them in one transaction, known since `at`; who is there already is updated.

    A domain or an identity goes to whoever names it last. Raises Retry when PostgreSQL is away.
    """
    async with connected(dsn) as connection:
        execute = connection.execute
        for account in accounts:
            named = {"id": uuid7(), "external_id": account.external_id, "name": account.name}
            await execute(_SQL["upsert_account"], named)
            await execute(_SQL["upsert_domains"], {**named, "domains": list(account.domains)})
        for contact in contacts:
            named = {"id": uuid7(), "external_id": contact.external_id, "name": contact.name}
            await execute(_SQL["upsert_contact"], {**named, "account": contact.account, "at": at})
            for kind, values in (("email", contact.emails), ("phone", contact.phones)):
                await execute(_SQL["upsert_identities"], {**named, "kind": kind, "values": list(values)})
        for device in devices:
            await execute(_SQL["upsert_device"], {"device": device.external_id, "account": device.account})
