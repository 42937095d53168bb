"""What a rehearsal reports of entitlements: their state at its end, and what is left of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline.domain.entitlement import Entitlement, Terms, amount
from pipeline.store.entitlement_records import Held


def entitlements(all_: Iterable[Held], now: datetime) -> list[dict[str, Any]]:
    """Each of them; hours are decimal, what is without end is null."""
    return [_entitlement(held.entitlement, now) for held in all_]


def _entitlement(one: Entitlement, now: datetime) -> dict[str, Any]:
    return {
        "external_id": one.external_id,
        "state": one.state_at(now),
        "total": _amount(one.terms, one.terms.total),
        "remaining": _amount(one.terms, one.remaining),
        "channels": {
            channel: {"total": _amount(one.terms, total), "remaining": _amount(one.terms, one.remaining_on(channel))}
            for channel, total in one.terms.channels.items()
        },
    }


def _amount(terms: Terms, units: int | None) -> int | float | None:
    return None if units is None else amount(terms, units)
