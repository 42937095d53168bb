"""Sends cases where the desk's rules say: those that open, and those whose priority changes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.agents.batch import Batch, CaseEvent, Deed, Incoming
from pipeline.agents.facts import Known, MessageRecord
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.matching import Ref
from pipeline.domain.routing import Routed, RouteRule, Tried
from pipeline.store.ports import Transaction

PART = "route"
FAILED = "rule failed: {}"

_ANEW = ("queue",)
"""What rules decide anew when a case's priority changes; what they set when it opened may have been set otherwise."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A case that is to be routed, why (`opened`, or anew), and what made it so."""

    case: Case
    cause: Incoming | Deed
    opened: bool

    @property
    def at(self) -> datetime:
        return self.cause.at

    @property
    def message(self) -> Incoming | None:
        return self.cause if isinstance(self.cause, Incoming) else None


class Route:
    """Tries the rules from the top; where none sends a case, it stays in the queue that its message came to."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Decide for the cases that this batch opened, or gave another priority."""
        asked = list(self._asked(batch))
        if not asked:
            return
        decided: list[tuple[_Asked, Routed]] = []
        if self._rules.routes:
            known = await Known.of(self._rules.routes_read, (one.case for one in asked), tx)
            decided = [(one, self._decided(one, known)) for one in asked]
        owners = await _owners([routed for one, routed in decided if one.opened], tx)
        for one, routed in decided:
            self._carry_out(one, routed, owners, batch)
        for one in asked:
            if one.case.queue not in self._rules.queues:
                self._unroutable(one, batch)

    def _asked(self, batch: Batch) -> Iterator[_Asked]:
        """Each case once: when it opens, or when its priority changed and nobody put it into another queue."""
        opened = {event.case.id: event for event in batch.events if event.case and event.type == "case.opened"}
        for event in opened.values():
            if event.case is not None:
                yield _Asked(event.case, event.cause, opened=True)
        if not self._rules.routes:
            return
        moved = {event.case.id for event in batch.events if event.case and "queue" in event.changed}
        changed = {event.case.id: event for event in batch.events if event.case and "priority" in event.changed}
        for event in changed.values():
            case = event.case
            if case is not None and case.state == "active" and case.id not in moved | opened.keys():
                yield _Asked(case, event.cause, opened=False)

    def _decided(self, one: _Asked, known: Known) -> Routed:
        message = MessageRecord(one.message) if one.opened and one.message else None
        return self._rules.routes.decide(lambda changed: known.facts(one.case, message, changed))

    def _carry_out(self, one: _Asked, routed: Routed, owners: dict[str, Ref], batch: Batch) -> None:
        case = one.case
        for tried in routed.failures:
            _note_failure(case, tried, one.at, batch)
        sets = {name: value for name, value in routed.sets.items() if one.opened or name in _ANEW}
        changed: dict[str, tuple[object, object]] = {}
        for name, value in sets.items():
            new: object = owners.get(value) if name == "owner" else value
            if name == "owner" and new is None:
                batch.why(case, PART, f'there is no agent "{value}", whom a rule names; it belongs to nobody', one.at)
            elif (old := getattr(case, name)) != new:
                changed[name] = (old, new)
                setattr(case, name, new)
        if one.opened and (rule := routed.assigning) is not None:
            batch.queues.assigning[case.id] = rule
        if routed.held or one.opened:
            batch.why(case, PART, self._says(one, routed, sets), one.at)
        if changed and not one.opened:
            batch.touch(case)
        given = {"owner": changed.pop("owner")} if "owner" in changed else {}
        for kind, of_kind in (("case.routed", changed), ("case.assigned", given)):
            if of_kind:
                rule_name = routed.held[-1].rule.name
                batch.events.append(CaseEvent(kind, one.cause, case, of_kind, rule=rule_name))

    def _says(self, one: _Asked, routed: Routed, sets: Mapping[str, str]) -> str:
        if not routed.held:
            queue = one.case.queue
            where = f"the default queue {queue}" if queue == self._rules.default_queue else queue
            return f"none of {routed.reached} rules holds; it {'goes to' if one.opened else 'stays in'} {where}"
        anew = "" if one.opened else "its priority changed: "
        decided = ", ".join(f"{name} {value}" for name, value in sets.items())
        assigned = f", given by {_how(routed.assigning)}" if one.opened and routed.assigning else ""
        return f"{anew}{'; '.join(map(str, routed.held))} → {decided or 'nothing'}{assigned}"

    def _unroutable(self, one: _Asked, batch: Batch) -> None:
        case, default = one.case, self._rules.default_queue
        why = f'there is no queue "{case.queue}", so that it cannot be routed; it goes to {default}'
        batch.why(case, PART, why, one.at)
        changed = {"queue": (case.queue, default)}
        case.queue = default
        case.flags += ("unroutable",)
        if not one.opened:
            batch.touch(case)
        batch.events.append(CaseEvent("case.routed", one.cause, case, changed, rule="unroutable"))


async def _owners(decided: Iterable[Routed], tx: Transaction) -> dict[str, Ref]:
    named = {routed.sets["owner"] for routed in decided if "owner" in routed.sets}
    if not named:
        return {}
    return {agent.ref.external_id or "": agent.ref for agent in await tx.agents(names=named)}


def _note_failure(case: Case, tried: Tried, at: datetime, batch: Batch) -> None:
    name = tried.rule.name
    batch.why(case, PART, f"{tried} — {tried.failure}; it counts as no match", at)
    batch.queues.fail(name, tried.failure or "")
    if FAILED.format(name) not in case.flags:
        case.flags += (FAILED.format(name),)


def _how(rule: RouteRule | None) -> str:
    return (rule.assign or "").replace("_", " ") if rule else ""
