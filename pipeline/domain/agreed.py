"""Entitlements and their templates as other systems tell them, and what speaks against one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Self

from pipeline.domain.entitlement import both_default
from pipeline.domain.reference import Key, Record

_TERMS = ("allotment", "total", "channels", "only_listed", "decrement_on", "restrict", "products", "sla")
"""What an entitlement may take from its template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed(Record):
    """What is agreed of an entitlement or a template; totals are cases, or hours as a decimal."""

    allotment: str = "cases"
    total: float | None = None
    channels: Mapping[str, float] = field(default_factory=dict)
    only_listed: bool = False
    decrement_on: str = "open"
    restrict: bool = True
    products: tuple[str, ...] = ()
    sla: str | None = None

    def unsound(self) -> str | None:
        """Why these terms contradict themselves, with what to change."""
        amounts = {"total": self.total, **self.channels}
        for name, amount in amounts.items():
            if amount is not None and self.allotment == "cases" and amount != int(amount):
                return f'{amount:g} cases ({name}) are no whole number; round it, or set "allotment" to "hours"'
        for channel, amount in self.channels.items():
            if self.total is not None and amount > self.total:
                return (
                    f"{amount:g} {self.allotment} on {channel} are more than the total of {self.total:g}; "
                    "lower it, or raise the total"
                )
        if self.only_listed and not self.channels:
            return 'it covers only the channels listed, and lists none; add "channels", or set "only_listed" to false'
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRecord(_Agreed):
    """Terms that are agreed often."""

    kind = "entitlement_template"
    refers: ClassVar[Mapping[str, str]] = {"products": "product"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRecord(_Agreed):
    """An entitlement; it ends before `ends`."""

    kind = "entitlement"
    refers: ClassVar[Mapping[str, str]] = {
        "account": "account",
        "contacts": "contact",
        "device": "device",
        "products": "product",
        "template": "entitlement_template",
    }

    account: str | None = None
    contacts: tuple[str, ...] = ()
    device: str | None = None
    state: str = "active"
    starts: datetime | None = None
    ends: datetime | None = None
    default: bool = False
    template: str | None = None

    @property
    def model(self) -> Key | None:
        """The template that it is made of."""
        return ("entitlement_template", self.template) if self.template is not None else None

    def like(self, model: Record | None, given: frozenset[str]) -> Self:
        """The entitlement with the terms of its template where it names none itself."""
        if not isinstance(model, TemplateRecord):
            return self
        return replace(self, **{name: getattr(model, name) for name in _TERMS if name not in given})

    @property
    def rivals(self) -> object | None:
        """Those of one customer must not all be its default."""
        return (self.device, self.account) if self.default else None

    def contradicts(self, other: Record) -> str | None:
        """Why it cannot be beside another one."""
        if not isinstance(other, EntitlementRecord) or not both_default(self, other):
            return None
        return (
            f'"{self.external_id}" and "{other.external_id}" would both be the default of one customer at some time; '
            'set "default" to false in one of them, or let one end before the other begins'
        )

    def unsound(self) -> str | None:
        """Why it contradicts itself, with what to change."""
        if self.account is None and self.device is None and not self.contacts:
            return 'nobody would have it; name an "account", "contacts" or a "device"'
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            return 'it would end before it begins; put the later day into "to"'
        return super(EntitlementRecord, self).unsound()
