"""What the pipeline asks of its store about entitlements, and what it writes of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.domain.entitlement import Entitlement
from pipeline.domain.entitlement_use import Line, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementWanted:
    """What a batch asks about entitlements; all of it empty when it opens no case and closes none that has one.

    `accounts`, `contacts` and `devices` are customers whose entitlements are wanted that run at `since` or later;
    `names` entitlements that cases have already, whose lines the ledger holds for `cases`; `worked` the cases whose
    billable work counts.
    """

    since: datetime
    accounts: Collection[UUID] = ()
    contacts: Collection[UUID] = ()
    devices: Collection[str] = ()
    names: Collection[str] = ()
    cases: Collection[UUID] = ()
    worked: Collection[UUID] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.accounts or self.contacts or self.devices or self.names or self.cases)


@dataclass(frozen=True, slots=True)
class EntitlementFacts:
    """What the store knows of it; the entitlements are locked."""

    entitlements: Mapping[str, Entitlement] = field(default_factory=dict)
    lines: Mapping[UUID, Sequence[Line]] = field(default_factory=dict)
    work: Mapping[UUID, Sequence[Work]] = field(default_factory=dict)


@dataclass(slots=True)
class EntitlementChanges:
    """Lines for the ledger, each with its moment, and which entitlements were used up for the first time, and when."""

    lines: list[tuple[Line, datetime]] = field(default_factory=list)
    exhausted: dict[str, datetime] = field(default_factory=dict)
