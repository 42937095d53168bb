"""Keeps the desk's promises on cases that opened or changed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.history import Turn, happened_at, turns
from pipeline.agents.promises.deadlines import Deadlines
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.customers import CustomerFacts
from pipeline.domain.sla import Moment, Promises
from pipeline.domain.timers import Timer
from pipeline.store.kpi_ports import PromiseFacts
from pipeline.store.ports import Transaction

_CONFIGURED = "promises.configured"
"""Stands in the place of what happened to a case when only what is promised changed; it is told to nobody."""

_TIMES = ("opened_at", "waiting_since")
_ROUNDS = 4
"""How often what is done about a broken promise may change the case, and so its promises, in one go."""


class Promise:
    """Begins, pauses, meets, recomputes and cancels what was promised, as each case changed, in the order of time."""

    def __init__(self, rules: Rules) -> None:
        self._pledges = rules.pledges
        self._reads = (*_TIMES, *rules.pledges.view.fields("case"))
        self._deadlines = Deadlines(rules)

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Look at the cases that opened or changed; without any SLA there is nothing to do."""
        if not self._pledges.slas and not batch.promises:
            return
        concerned = _concerned(batch.events)
        for case_id, promises in batch.promises.items():
            if promises.stale_since is not None:
                change = CaseEvent(_CONFIGURED, Deed(promises.stale_since, "clock"), batch.cases[case_id])
                concerned.setdefault(case_id, []).append(change)
        if concerned:
            cases = {case.id: case for events in concerned.values() if (case := events[0].case) is not None}
            slas = await self._read(cases, concerned, batch, tx)
            customers = await self._customers(cases.values(), tx)
            for case_id, events in concerned.items():
                self._attend(cases[case_id], events, batch, customers, slas)
        self._deadlines.keep_time(batch)

    async def _read(
        self, cases: Mapping[UUID, Case], concerned: Mapping[UUID, Sequence[CaseEvent]], batch: Batch, tx: Transaction
    ) -> Mapping[str, str]:
        unread = {case for case in cases if case not in batch.opened and case not in batch.promises}
        entitled = {
            case.entitlement
            for case in cases.values()
            if case.entitlement and case.sla_by != "agent" and _chooses(case, concerned[case.id], batch)
        }
        known = await tx.promises(unread, entitled) if unread or entitled else PromiseFacts()
        for case in cases:
            if case not in batch.promises:
                instances = known.instances.get(case, ())
                batch.promises[case] = Promises(case, instances, self._pledges.terms, uuid7)
        return known.slas

    async def _customers(self, cases: Collection[Case], tx: Transaction) -> CustomerFacts:
        view = self._pledges.view
        contacts = {case.contact.id for case in cases if case.contact} if view.reads("contact") else set()
        accounts = {case.account.id for case in cases if case.account} if view.reads("account") else set()
        devices = {case.device for case in cases if case.device} if view.reads("device") else set()
        if not (contacts or accounts or devices):
            return CustomerFacts()
        return await tx.customers(contacts=contacts, accounts=accounts, devices=devices)

    def _attend(
        self,
        case: Case,
        events: Sequence[CaseEvent],
        batch: Batch,
        customers: CustomerFacts,
        slas: Mapping[str, str],
    ) -> None:
        if _chooses(case, events, batch):
            self._choose(case, events, batch, slas)
        for _ in range(_ROUNDS):
            seen = len(batch.events)
            for turn in turns(case, events, self._reads):
                self._take(turn, case, batch, customers)
            events = [event for event in batch.events[seen:] if event.case is case and event.changed]
            if not events:
                return

    def _take(self, turn: Turn, case: Case, batch: Batch, customers: CustomerFacts) -> None:
        facts = self._pledges.view.facts({"case": turn.record, **_customer(case, customers)})
        moment = Moment(
            at=turn.at,
            state=turn.record["state"],
            before=turn.before,
            times={name: turn.record[name] for name in _TIMES},
            why=turn.says,
            facts=facts,
        )
        sla = self._pledges.slas.get(case.sla) if case.sla else None
        batch.promises[case.id].attend(sla, moment)
        self._deadlines.tell(batch, case, turn.events[-1].cause)
        for failure in facts.failures:
            batch.why(case, "sla", failure, turn.at)

    def _choose(self, case: Case, events: Sequence[CaseEvent], batch: Batch, slas: Mapping[str, str]) -> None:
        """Explicit, else the entitlement's, else the default one."""
        said = [event for event in events if "sla" in event.changed]
        if said:
            case.sla_by = "agent" if case.sla else None
        if case.sla and case.sla_by is None:
            case.sla_by = "agent"
        if case.sla_by == "agent":
            return
        of_entitlement = slas.get(case.entitlement) if case.entitlement else None
        name, by = (of_entitlement, "entitlement") if of_entitlement else (self._pledges.default, "default")
        case.sla_by = by if name else None
        if name == case.sla:
            return
        old, case.sla = case.sla, name
        batch.why(case, "sla", f"{name or 'no SLA'}: {_BY[by].format(case.entitlement)}", case.opened_at)
        if case.id not in batch.opened:
            batch.touch(case)
            change = CaseEvent("case.updated", Deed(happened_at(events[-1]), "rule", "sla"), case, {"sla": (old, name)})
            batch.events.append(change)


_BY = {"entitlement": "the entitlement {} brings it", "default": "it is the default"}


def _concerned(events: Sequence[CaseEvent]) -> dict[UUID, list[CaseEvent]]:
    """What may move promises, by case."""
    found: dict[UUID, list[CaseEvent]] = defaultdict(list)
    for event in events:
        if event.case is not None and (event.changed or event.type == "case.opened"):
            found[event.case.id].append(event)
    return found


def _chooses(case: Case, events: Sequence[CaseEvent], batch: Batch) -> bool:
    """Whether the case's SLA is chosen now: at its opening, and when it is given another one or another entitlement."""
    return case.id in batch.opened or any({"sla", "entitlement"} & event.changed.keys() for event in events)


def _customer(case: Case, customers: CustomerFacts) -> Mapping[str, Mapping[str, object]]:
    found = {
        "contact": customers.contacts.get(case.contact.id) if case.contact else None,
        "account": customers.accounts.get(case.account.id) if case.account else None,
        "device": customers.devices.get(case.device) if case.device else None,
    }
    return {name: facts.record() for name, facts in found.items() if facts is not None}


class KpiTimers:
    """Fires the warning and the deadline of a promise."""

    def __init__(self, rules: Rules) -> None:
        self._terms = rules.pledges.terms
        self._deadlines = Deadlines(rules)

    def claims(self, timer: Timer) -> tuple[str, ...]:  # noqa: ARG002  # every handler has this form
        """Nothing: messages that may cancel it lock its case."""
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # every handler has this form
        """No more."""
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Read what was promised on their cases."""
        cases = {timer.case_id for timer in timers if timer.case_id is not None} - batch.promises.keys()
        known = await tx.promises(cases, ())
        for case in cases:
            batch.promises[case] = Promises(case, known.instances.get(case, ()), self._terms, uuid7)

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Tell that it was due, and do what was agreed for that."""
        case = batch.cases.get(timer.case_id) if timer.case_id else None
        if case is None:
            return
        promises = batch.promises[case.id]
        for instance in promises.instances:
            if str(instance.id) != timer.key:
                continue
            instance.changed = True
            if promises.is_known(instance):
                promises.fall_due(instance, timer.at, cause.at)
            else:
                promises.stale_since = cause.at
        self._deadlines.tell(batch, case, cause)
