"""How far activities have come that leave the desk, in memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.store.delivery_ports import Leaving, NewDelivery

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_leaving(tables: "Tables", activities: Collection[UUID]) -> Mapping[UUID, Leaving]:
    """The activities."""
    return {id_: _leaving(tables, id_) for id_ in activities if id_ in tables.activities}


def write_deliveries(tables: "Tables", deliveries: Sequence[NewDelivery]) -> None:
    """Write how far they have come."""
    for new in deliveries:
        if new.activity in tables.activities:
            old = _leaving(tables, new.activity)
            known = old.platform_id or new.platform_id
            tables.deliveries[new.activity] = Leaving(new.activity, None, new.state, new.reason, known)


def _leaving(tables: "Tables", activity: UUID) -> Leaving:
    row, told = tables.activities[activity], tables.deliveries.get(activity)
    if told is not None:
        return Leaving(activity, row.case_id, told.state, told.reason, told.platform_id)
    return Leaving(activity, row.case_id, None)
