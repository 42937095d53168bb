"""What intake and casework ask and write about entitlements, in memory."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.entitlement import Entitlement, channel_of
from pipeline.domain.entitlement_use import Line, Work, after
from pipeline.store.entitlement_ports import EntitlementChanges, EntitlementFacts, EntitlementWanted

if TYPE_CHECKING:
    from pipeline.store.memory import Tables

LineKey = tuple[UUID, str, str, int, UUID | None]


def known_entitlements(tables: "Tables", wanted: EntitlementWanted) -> EntitlementFacts:
    """What is known of them."""
    lines: dict[UUID, list[Line]] = {}
    for line in tables.entitlement_lines.values():
        if line.case_id in wanted.cases:
            lines.setdefault(line.case_id, []).append(line)
    found = {name: one for name, one in sorted(tables.entitlements.items()) if _is_wanted(one, wanted)}
    work = {case_id: list_ for case_id in wanted.worked if (list_ := _work(tables, case_id))}
    in_hours = any(one.terms.allotment == "hours" for one in found.values())
    return EntitlementFacts(found, lines, work if in_hours else {})


def write_entitlements(tables: "Tables", changes: EntitlementChanges) -> None:
    """Add lines that are new to the ledger, and to what is used."""
    for line, _ in changes.lines:
        key = (line.case_id, line.entitlement, line.transition, line.turn, line.activity)
        if key not in tables.entitlement_lines:
            tables.entitlement_lines[key] = line
            one = tables.entitlements[line.entitlement]
            tables.entitlements[line.entitlement] = after(one, line.channel, line.units)
    for name in changes.exhausted:
        tables.entitlements[name] = replace(tables.entitlements[name], exhausted=True)


def _is_wanted(one: Entitlement, wanted: EntitlementWanted) -> bool:
    if one.external_id in wanted.names:
        return True
    if one.state != "active" or (one.ends is not None and one.ends <= wanted.since):
        return False
    if one.account in wanted.accounts or (one.device is not None and one.device in wanted.devices):
        return True
    return one.account is None and bool(one.contacts & set(wanted.contacts))


def _work(tables: "Tables", case_id: UUID) -> list[Work]:
    case = tables.cases[case_id]
    found = []
    for one in sorted(tables.activities.values(), key=lambda one: (one.at, one.id)):
        billable_s: int | None = getattr(one, "billable_s", None)
        if one.case_id == case_id and one.state == "closed" and one.kind != "resolution" and billable_s:
            channel = channel_of(case.origin if one.kind == "social" else one.kind)
            found.append(Work(one.id, channel, billable_s, getattr(one, "adjusts", False)))
    return found
