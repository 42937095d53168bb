"""Entitlements: what support a customer has bought, what is left of it, which of several a case gets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

Allotment = Literal["cases", "hours"]
Trigger = Literal["open", "resolution"]
State = Literal["draft", "waiting", "active", "expired", "cancelled"]

CHANNELS = ("phone", "email", "web", "facebook", "twitter", "iot")
STATES: tuple[State, ...] = ("draft", "waiting", "active", "expired", "cancelled")
Owner = tuple[str, str | UUID]
"""Whose an entitlement is: the kind of record, and which."""

UNITS_OF_AN_HOUR = 3600
"""Terms in hours are counted in seconds, terms in cases in cases: both are whole numbers."""

NOTHING_LEFT = "no entitlement left"

_COUNTS_AS = {"messenger": "facebook", "x": "twitter", "mastodon": "web"}


def channel_of(origin: str) -> str | None:
    """The channel that an origin of a case draws on: messenger is facebook, x is twitter, mastodon is web."""
    channel = _COUNTS_AS.get(origin, origin)
    return channel if channel in CHANNELS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed; `total` and the totals of `channels` are units, None is without end."""

    allotment: Allotment = "cases"
    total: int | None = None
    channels: Mapping[str, int] = field(default_factory=dict)
    only_listed: bool = False
    decrement_on: Trigger = "open"
    restrict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """An entitlement and what of it is used, by channel too.

    Its customer is an account, of which `contacts` are those it covers when it names any; without an account, the
    contacts themselves; or a device, as of a warranty. `products` are those it covers when it names any. It runs from
    `starts` until before `ends`. `state` is what people made of it: of one that is active, the clock says whether it
    waits for its beginning or has expired.
    """

    external_id: str
    terms: Terms
    account: UUID | None = None
    contacts: frozenset[UUID] = frozenset()
    device: str | None = None
    products: frozenset[str] = frozenset()
    starts: datetime | None = None
    ends: datetime | None = None
    state: State = "active"
    default: bool = False
    sla: str | None = None
    used: int = 0
    used_by: Mapping[str, int] = field(default_factory=dict)
    exhausted: bool = False

    def state_at(self, now: datetime) -> State:
        """Its state at a moment."""
        if self.state != "active":
            return self.state
        if self.starts is not None and now < self.starts:
            return "waiting"
        return "expired" if self.ends is not None and now >= self.ends else "active"

    @property
    def remaining(self) -> int | None:
        """Units left over all channels; below zero where nothing forbids it, None without end."""
        return None if self.terms.total is None else self.terms.total - self.used

    def remaining_on(self, channel: str) -> int | None:
        """Units left of a listed channel's own total; None when it is not listed."""
        own = self.terms.channels.get(channel)
        return None if own is None else own - self.used_by.get(channel, 0)

    def room(self, channel: str | None) -> int | None:
        """Units that may still be drawn on a channel, None when any number may.

        A listed channel draws on its own total and the overall one, an unlisted one on the overall one, unless only
        listed ones count: then it draws nothing.
        """
        if self.terms.only_listed and channel not in self.terms.channels:
            return 0
        own = self.remaining_on(channel) if channel is not None else None
        left = [units for units in (self.remaining, own) if units is not None]
        return max(0, min(left)) if self.terms.restrict and left else None

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left: overall, or on every channel when only listed ones count."""
        if self.remaining is not None and self.remaining <= 0:
            return True
        if not self.terms.only_listed:
            return False
        return all((self.remaining_on(channel) or 0) <= 0 for channel in self.terms.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A case that asks for support: whose it is, about what (a product with all it is part of), on which channel."""

    account: UUID | None
    contact: UUID | None
    device: str | None
    products: frozenset[str]
    channel: str | None

    @property
    def owners(self) -> Sequence[Owner]:
        """Everyone of whom its customer may draw on an entitlement."""
        named: tuple[tuple[str, str | UUID | None], ...] = (
            ("device", self.device), ("account", self.account), ("contact", self.contact),
        )  # fmt: skip
        return [(kind, owner) for kind, owner in named if owner is not None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The entitlement that a case gets, if any, and why that one; `used_up` when only terms kept others from it."""

    entitlement: Entitlement | None
    used_up: bool
    why: str


def choose(entitlements: Iterable[Entitlement], claim: Claim, at: datetime) -> Choice:
    """The customer's default, else the soonest to expire that covers contact, product and channel."""
    found: list[Entitlement] = []
    empty: list[Entitlement] = []
    notes: list[str] = []
    for one in sorted(entitlements, key=lambda one: one.external_id):
        if not is_customers(one, claim):
            continue
        if why_not := _not_covered(one, claim, at):
            notes.append(f"{one.external_id} {why_not}")
        elif one.room(claim.channel) == 0:
            empty.append(one)
            notes.append(f"{one.external_id} has nothing left{_on(one, claim.channel)}")
        else:
            found.append(one)
    rest = f"; {', '.join(notes)}" if notes else ""
    if not found:
        return Choice(None, bool(empty), f"no entitlement{': ' if notes else ' of this customer'}{', '.join(notes)}")
    chosen = min(found, key=_preference)
    if len(found) == 1:
        reason = "the only one that fits"
    elif chosen.default:
        reason = "the customer's default"
    else:
        reason = "the soonest to expire of those that fit"
    return Choice(chosen, used_up=False, why=f"entitlement {chosen.external_id}: {reason}{_left(chosen)}{rest}")


def owners(one: Entitlement) -> Sequence[Owner]:
    """Whose an entitlement is: a device's, else an account's, else that of each of its contacts."""
    if one.device is not None:
        return [("device", one.device)]
    if one.account is not None:
        return [("account", one.account)]
    return [("contact", contact) for contact in one.contacts]


def is_customers(one: Entitlement, claim: Claim) -> bool:
    """Whether the customer of a case is that of an entitlement, whatever else it covers."""
    theirs = claim.owners
    return any(owner in theirs for owner in owners(one))


def _not_covered(one: Entitlement, claim: Claim, at: datetime) -> str | None:
    state = one.state_at(at)
    if state != "active":
        return f"is {state}"
    if one.contacts and claim.contact not in one.contacts:
        return "does not cover the contact"
    if one.products and not one.products & claim.products:
        return "does not cover the product"
    if one.terms.only_listed and claim.channel not in one.terms.channels:
        return f"does not cover the channel {claim.channel or 'of such cases'}"
    return None


def _preference(one: Entitlement) -> tuple[bool, bool, float, str]:
    ends = one.ends.timestamp() if one.ends is not None else 0.0
    return (not one.default, one.ends is None, ends, one.external_id)


def _on(one: Entitlement, channel: str | None) -> str:
    overall = one.remaining is not None and one.remaining <= 0
    return "" if overall or channel is None else f" on {channel}"


def _left(one: Entitlement) -> str:
    return "" if one.remaining is None else f" ({told(one.terms, one.remaining)} left before)"


def told(terms: Terms, units: int) -> str:
    """So many units in words."""
    return f"{amount(terms, units):g} {terms.allotment}"


def amount(terms: Terms, units: int) -> int | float:
    """So many units as people count them: cases, or hours as a decimal."""
    return units if terms.allotment == "cases" else units / UNITS_OF_AN_HOUR


class Agreement(Protocol):
    """Whose an entitlement is and when it runs, be the customers named by our ids or by those of other systems."""

    @property
    def external_id(self) -> str: ...
    @property
    def account(self) -> object: ...
    @property
    def contacts(self) -> Collection[Any]: ...
    @property
    def device(self) -> str | None: ...
    @property
    def starts(self) -> datetime | None: ...
    @property
    def ends(self) -> datetime | None: ...
    @property
    def state(self) -> str: ...
    @property
    def default(self) -> bool: ...


def overlap(one: Agreement, other: Agreement) -> bool:
    """Whether there is a moment at which both run."""
    begins_before = other.ends is None or one.starts is None or one.starts < other.ends
    ends_after = one.ends is None or other.starts is None or other.starts < one.ends
    return begins_before and ends_after


def both_default(one: Agreement, other: Agreement) -> bool:
    """Whether a customer would have two defaults at some moment."""
    if one.external_id == other.external_id or not (one.default and other.default):
        return False
    if {one.state, other.state} & {"draft", "cancelled", "expired"}:
        return False
    return _same_customer(one, other) and overlap(one, other)


def _same_customer(one: Agreement, other: Agreement) -> bool:
    if one.device is not None or other.device is not None:
        return one.device == other.device
    if one.account is not None or other.account is not None:
        everyone = not one.contacts or not other.contacts
        return one.account == other.account and (everyone or not set(one.contacts).isdisjoint(other.contacts))
    return not set(one.contacts).isdisjoint(other.contacts)
