"""Gives each opened case its entitlement, and keeps the ledger of what cases draw on theirs."""

from collections.abc import Collection
from datetime import UTC, datetime

from pipeline.agents.batch import Batch, CaseEvent
from pipeline.agents.entitlements.drawing import MOVED_BY, Drawing, Refused
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.store.entitlement_ports import EntitlementFacts, EntitlementWanted
from pipeline.store.ports import Transaction

_MOVING = frozenset({"case.merged", "case.unmerged", "activity.moved"})
"""What happens to a case that may change which work is its own."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Entitle:
    """Looks at cases that open, and at those that have an entitlement and move."""

    def __init__(self, rules: Rules) -> None:
        self._rounding = rules.rounding
        self._strict = {name for name, queue in rules.queues.items() if queue.without_entitlement == "quarantine"}

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Choose for those that open, draw and give back for those that move. Raises Refused."""
        events = [event for event in batch.events if _concerns(event, batch)]
        if not events:
            return
        cases = {event.case.id: event.case for event in events if event.case}.values()
        wanted = _wanted(cases, events, batch)
        facts = await tx.entitlements(wanted) if wanted else EntitlementFacts()
        if not facts.entitlements and not self._strict:
            return
        products = {case.product for case in cases if case.product and case.id in batch.opened}
        asked = products and any(one.products for one in facts.entitlements.values())
        families = (await tx.customers(products=products)).products if asked else {}
        lineages = {name: frozenset(one.lineage) for name, one in families.items()}
        drawing = Drawing(batch, facts, lineages, self._rounding)
        drawing.follow(events, self._strict)
        if drawing.refused:
            raise Refused(drawing.refused)


def _concerns(event: CaseEvent, batch: Batch) -> bool:
    """Whether an event may move what its case draws; without an entitlement, none but its opening does."""
    if event.case is None:
        return False
    if event.case.id in batch.opened:
        return event.type == "case.opened" or not event.changed.keys().isdisjoint(MOVED_BY)
    if "entitlement" in event.changed:
        return True
    moves = event.type in _MOVING or not event.changed.keys().isdisjoint(MOVED_BY)
    return moves and event.case.entitlement is not None


def _wanted(cases: Collection[Case], events: Collection[CaseEvent], batch: Batch) -> EntitlementWanted:
    choosing = [case for case in cases if case.id in batch.opened and case.entitlement is None]
    before = [case.id for case in cases if case.id not in batch.opened]
    worked = {case.id for case in cases if case.state == "resolved"}
    worked |= {event.case.id for event in events if event.case and "resolved" in event.changed.get("state", ())}
    had = {event.changed["entitlement"][0] for event in events if "entitlement" in event.changed}
    return EntitlementWanted(
        since=min((case.opened_at for case in choosing), default=_LONG_AGO),
        accounts={case.account.id for case in choosing if case.account},
        contacts={case.contact.id for case in choosing if case.contact},
        devices={case.device for case in choosing if case.device},
        names={name for name in (*had, *(case.entitlement for case in cases)) if isinstance(name, str)},
        cases=before,
        worked=worked | batch.cases.keys() if worked and batch.work.moved else worked,
    )
