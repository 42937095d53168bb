"""Maintenance: times in which what devices tell is recorded, and raises nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

FIRST_YEAR, LAST_YEAR = 1970, 2999
"""The years in which a maintenance may be; time is reckoned from its end on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a device stands, as far as a window may be about it."""

    device: str
    products: Collection[str] = ()
    gateway: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `begins` to before `ends`; about the devices of any of these, or about all where none is named."""

    name: str
    begins: datetime
    ends: datetime
    devices: frozenset[str] = field(default_factory=frozenset)
    products: frozenset[str] = field(default_factory=frozenset)
    gateways: frozenset[str] = field(default_factory=frozenset)
    accounts: frozenset[str] = field(default_factory=frozenset)

    def covers(self, place: Place, at: datetime) -> bool:
        """Whether a device there is under maintenance then."""
        return self.begins <= at < self.ends and self.is_about(place)

    def is_about(self, place: Place) -> bool:
        """Whether it is about a device there at all."""
        if not (self.devices or self.products or self.gateways or self.accounts):
            return True
        return (
            place.device in self.devices
            or not self.products.isdisjoint(place.products)
            or place.gateway in self.gateways
            or place.account in self.accounts
        )


def window_of(place: Place, windows: Collection[Window], at: datetime) -> Window | None:
    """The window that a device is in; of several, the one that ends last."""
    covering = [window for window in windows if window.covers(place, at)]
    return max(covering, key=lambda window: window.ends, default=None)
