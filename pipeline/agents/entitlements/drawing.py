"""Follows the events of a batch in their order, and writes what each draws on an entitlement or gives back.

Any split of what happened into batches comes to the same: whoever came first has what is left.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.domain.billing import Rounding
from pipeline.domain.cases import Case
from pipeline.domain.entitlement import NOTHING_LEFT, Claim, Owner, channel_of, choose, owners, told
from pipeline.domain.entitlement_use import Drawn, Line, Standing, Transition, Turn, Work, turn
from pipeline.domain.outcomes import Quarantined
from pipeline.store.casework_ports import WorkActivity
from pipeline.store.channel_ports import ToldActivity
from pipeline.store.entitlement_ports import EntitlementFacts

PART = "entitlement"

MOVED_BY = frozenset({"state", "decrement", "entitlement"})
"""The fields of a case whose change moves what it draws."""

_BY_TYPE: Mapping[str, Transition] = {"case.merged": "merge", "case.unmerged": "unmerge"}
_BY_STATE: Mapping[object, Transition] = {"resolved": "resolve", "cancelled": "cancel", "active": "reactivate"}


class Refused(Exception):  # noqa: N818  # named by what becomes of the messages
    """Messages whose cases would open without entitlement, which their queue wants put aside instead."""

    def __init__(self, messages: Mapping[UUID, Quarantined]) -> None:
        super().__init__(f"{len(messages)} messages would open a case without entitlement")
        self.messages = messages


class Drawing:
    """The entitlements of one batch, as its events change them; `refused` are messages that are to be put aside."""

    def __init__(
        self, batch: Batch, facts: EntitlementFacts, families: Mapping[str, frozenset[str]], rounding: Rounding
    ) -> None:
        self.refused: dict[UUID, Quarantined] = {}
        self._rounding = rounding
        self._batch = batch
        self._book = dict(facts.entitlements)
        self._names_of: dict[Owner, list[str]] = defaultdict(list)
        for one in self._book.values():
            for owner in owners(one):
                self._names_of[owner].append(one.external_id)
        self._families = families
        self._work = facts.work
        self._lines: dict[UUID, list[Line]] = defaultdict(list)
        self._lines.update({case_id: [*lines] for case_id, lines in facts.lines.items()})
        self._seen: dict[UUID, dict[str, Any]] = {}
        self._told: list[CaseEvent] = []

    def follow(self, events: Sequence[CaseEvent], strict: Collection[str]) -> None:
        """Draw and give back, and tell of it after the event that caused it; `strict` queues refuse."""
        for event in reversed(events):
            if event.case is not None:
                seen = self._seen.setdefault(event.case.id, {name: getattr(event.case, name) for name in MOVED_BY})
                seen.update({name: event.changed[name][0] for name in MOVED_BY & event.changed.keys()})
        concerned = {id(event) for event in events}
        for event in self._batch.events:
            self._told.append(event)
            if id(event) in concerned and event.case is not None:
                self._move(event, event.case, strict)
        self._batch.events[:] = self._told

    def _move(self, event: CaseEvent, case: Case, strict: Collection[str]) -> None:
        seen = self._seen[case.id]
        seen.update({name: event.changed[name][1] for name in MOVED_BY & event.changed.keys()})
        by = _transition(event)
        if event.type == "case.opened" and seen["entitlement"] is None:
            self._choose(event, case, strict)
        if by == "assign" and (name := event.changed["entitlement"][0]) is not None:
            self._turn(event, case, str(name), None, "withdraw")
        if (name := seen["entitlement"]) is not None:
            standing = Standing(state=seen["state"], decrement=bool(seen["decrement"]), channel=channel_of(case.origin))
            self._turn(event, case, str(name), standing, by)

    def _choose(self, event: CaseEvent, case: Case, strict: Collection[str]) -> None:
        claim = Claim(
            account=case.account.id if case.account else None,
            contact=case.contact.id if case.contact else None,
            device=case.device,
            products=self._families.get(case.product, frozenset({case.product})) if case.product else frozenset(),
            channel=channel_of(case.origin),
        )
        theirs = [self._book[name] for owner in claim.owners for name in self._names_of.get(owner, ())]
        if theirs and isinstance(event.cause, Incoming) and event.cause.standing == "refuted":
            self._batch.why(case, PART, "its sender is unproven; it draws on nobody's entitlement", event.cause.at)
            theirs = []
        choice = choose(theirs, claim, case.opened_at)
        if choice.entitlement is not None:
            case.entitlement = self._seen[case.id]["entitlement"] = choice.entitlement.external_id
        elif case.queue in strict and isinstance(event.cause, Incoming) and _may_be_refused(event.cause):
            self.refused[event.cause.id] = Quarantined(f"{choice.why}, and {case.queue} asks a person then")
        elif choice.used_up:
            _flag(case)
        if theirs:
            self._batch.why(case, PART, choice.why, event.cause.at)

    def _turn(self, event: CaseEvent, case: Case, name: str, standing: Standing | None, by: Transition) -> None:
        """One transition of a case on an entitlement; one that nobody knows is drawn on by nobody."""
        one = self._book.get(name)
        if one is None:
            if by != "withdraw":
                self._take_away(event, case, name)
                self._batch.why(case, PART, f"there is no entitlement {name}", event.cause.at)
            return
        work = self._worked(case) if one.terms.allotment == "hours" else ()
        done = turn(one, case.id, standing, by=by, work=work, before=self._lines[case.id])
        units = done.units
        self._book[name] = done.entitlement
        self._lines[case.id].extend(done.lines)
        self._batch.entitlements.lines += [(line, event.cause.at) for line in done.lines]
        if units:
            self._tell("consumed" if units > 0 else "restored", event, case, done, by)
        if units > 0 and done.entitlement.is_used_up and not one.exhausted:
            self._book[name] = replace(done.entitlement, exhausted=True)
            self._batch.entitlements.exhausted[name] = event.cause.at
            self._tell("exhausted", event, case, done, by)
        if done.missing:
            self._fall_short(event, case, done, by)
        elif by == "assign" and NOTHING_LEFT in case.flags:
            case.flags = tuple(flag for flag in case.flags if flag != NOTHING_LEFT)

    def _tell(self, what: str, event: CaseEvent, case: Case, done: Turn, by: Transition) -> None:
        drawn = Drawn(done.entitlement, done.units, by)
        self._told.append(CaseEvent(f"entitlement.{what}", event.cause, case, entitlement=drawn))
        if what != "exhausted":
            verb = "takes" if done.units > 0 else "gives back"
            self._batch.why(case, PART, f"{by} {verb} {drawn}", event.cause.at)

    def _fall_short(self, event: CaseEvent, case: Case, done: Turn, by: Transition) -> None:
        """Less was left than the case would take: it is flagged, and open it has no entitlement any more."""
        one = done.entitlement
        _flag(case)
        says = f"{by} would take {told(one.terms, done.missing)} more of {one.external_id} than are left"
        if one.terms.allotment == "cases" and one.terms.decrement_on == "open":
            self._take_away(event, case, one.external_id)
            says += "; it goes on without"
        self._batch.why(case, PART, says, event.cause.at)

    def _take_away(self, event: CaseEvent, case: Case, name: str) -> None:
        case.entitlement = self._seen[case.id]["entitlement"] = None
        changed = {"entitlement": (name, None)}
        self._told.append(CaseEvent("case.updated", event.cause, case, changed))

    def _worked(self, case: Case) -> list[Work]:
        """The case's billable work; what this batch tells of it counts as it tells it."""
        work = {each.activity: (each, owner) for owner, all_ in self._work.items() for each in all_}
        work |= {one.id: (work[one.id][0], one.case_id) for one in self._batch.work.moved if one.id in work}
        mine = {activity: each for activity, (each, owner) in work.items() if owner == case.id}
        here: list[ToldActivity | WorkActivity] = [*self._batch.channels.activities.values()]
        for one in (*here, *self._batch.work.activities):
            mine.pop(one.id, None)
            if one.case_id == case.id and one.state == "closed" and one.kind != "resolution" and one.billable_s:
                channel = channel_of(case.origin if one.kind == "social" else one.kind)
                adjusts = isinstance(one, WorkActivity) and one.adjusts
                mine[one.id] = Work(one.id, channel, one.billable_s, adjusts)
        return [each if each.adjusts else replace(each, seconds=self._rounding(each.seconds)) for each in mine.values()]


def _may_be_refused(cause: Incoming) -> bool:
    """Whether it may be put aside: no device's message, and none that a person has judged already."""
    return cause.kind != "iot" and not cause.released


def _transition(event: CaseEvent) -> Transition:
    if event.type == "case.opened":
        return "open"
    if "state" in event.changed:
        return _BY_TYPE.get(event.type) or _BY_STATE[event.changed["state"][1]]
    if "entitlement" in event.changed:
        return "assign"
    if "decrement" in event.changed:
        return "count" if event.changed["decrement"][1] else "spare"
    return "correct"


def _flag(case: Case) -> None:
    if NOTHING_LEFT not in case.flags:
        case.flags += (NOTHING_LEFT,)
