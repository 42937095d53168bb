"""What rules ask about customers and devices, in memory."""

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.customers import AccountFacts, ContactFacts, CustomerFacts

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_customers(
    tables: "Tables",
    contacts: Collection[UUID],
    accounts: Collection[UUID],
    devices: Collection[str],
    products: Collection[str],
) -> CustomerFacts:
    """What is known of them."""
    return CustomerFacts(
        contacts={one: _contact(tables, one) for one in contacts if one in tables.contacts},
        accounts={
            one: tables.account_facts.get(one) or AccountFacts(tables.accounts[one])
            for one in accounts
            if one in tables.accounts
        },
        devices={one: tables.devices[one] for one in devices if one in tables.devices},
        products={one: tables.products[one] for one in products if one in tables.products},
    )


def _contact(tables: "Tables", contact: UUID) -> ContactFacts:
    ref, account = tables.contacts[contact]
    own = tables.contact_fields.get(contact, {})
    return ContactFacts(ref, tables.accounts[account] if account else None, own)
