"""What was promised on cases, in memory."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.kpi import Instance
from pipeline.store.kpi_ports import PromiseFacts

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_promises(tables: "Tables", cases: Collection[UUID], entitlements: Collection[str]) -> PromiseFacts:
    """What was promised on these cases."""
    found: dict[UUID, list[Instance]] = {}
    for instance in sorted(tables.kpis.values(), key=lambda one: one.number):
        if instance.case_id in cases:
            copied = deepcopy(instance)
            copied.changed = copied.is_new = False
            found.setdefault(instance.case_id, []).append(copied)
    brought = {name: tables.entitlements[name].sla for name in entitlements if name in tables.entitlements}
    return PromiseFacts(found, {name: sla for name, sla in brought.items() if sla is not None})


def write_promises(table: dict[UUID, Instance], instances: Sequence[Instance]) -> None:
    """Keep instances: new ones, and those that are there."""
    table.update((one.id, deepcopy(one)) for one in instances if one.is_new or one.id in table)
