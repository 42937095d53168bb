"""Customers: what the desk knows of contacts, accounts, products and devices, as rules may ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from pipeline.domain.matching import Ref

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "contact": ("external_id", "name", "account"),
    "account": ("external_id", "name", "parent"),
    "device": ("external_id", "name", "account", "product", "products", "gateway", "warranty_until"),
}
"""What conditions find in a record of each kind, beside the fields that the desk declares itself."""


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A contact, the account it belongs to, its own fields."""

    ref: Ref
    account: Ref | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> Mapping[str, Any]:
        """As conditions see it."""
        return {**self.fields, **_named(self.ref), "account": _external(self.account)}


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account, the one it is a part of, its own fields."""

    ref: Ref
    parent: Ref | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> Mapping[str, Any]:
        """As conditions see it."""
        return {**self.fields, **_named(self.ref), "parent": _external(self.parent)}


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product; `lineage` are external ids, its own first, then its parent's, up to the root.

    `thresholds` are settings of alarms by the alarm's name, a product's own before those of its parents.
    """

    ref: Ref
    lineage: tuple[str, ...]
    thresholds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device, whose it is, what it is, where it hangs; its own thresholds come before its product's."""

    ref: Ref
    account: Ref | None = None
    product: ProductFacts | None = None
    gateway: str | None = None
    warranty_until: date | None = None
    own_thresholds: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thresholds(self) -> Mapping[str, Any]:
        """Settings of alarms for this device, by the alarm's name."""
        return {**(self.product.thresholds if self.product else {}), **self.own_thresholds}

    def record(self) -> Mapping[str, Any]:
        """As conditions see it; `products` are its product and those that one is a part of."""
        return {
            **self.fields,
            **_named(self.ref),
            "account": _external(self.account),
            "product": _external(self.product.ref) if self.product else None,
            "products": list(self.product.lineage) if self.product else [],
            "gateway": self.gateway,
            "warranty_until": self.warranty_until.isoformat() if self.warranty_until else None,
        }


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """What was asked for and is there: contacts and accounts by id, devices and products by external id."""

    contacts: Mapping[UUID, ContactFacts] = field(default_factory=dict)
    accounts: Mapping[UUID, AccountFacts] = field(default_factory=dict)
    devices: Mapping[str, DeviceFacts] = field(default_factory=dict)
    products: Mapping[str, ProductFacts] = field(default_factory=dict)


def _named(ref: Ref) -> Mapping[str, Any]:
    return {"external_id": ref.external_id, "name": ref.name}


def _external(ref: Ref | None) -> str | None:
    return (ref.external_id or str(ref.id)) if ref else None
