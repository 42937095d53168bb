"""Fires the time limits of cases and activities: a rest ends, somebody is reminded, nobody waits any longer."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.agents.casework.resolution import resolve
from pipeline.agents.casework.waits import REMIND, UNANSWERED, UNTIL, WAITING
from pipeline.agents.rules import Rules
from pipeline.domain import casework
from pipeline.domain.activities import Activity, RecordName
from pipeline.domain.orders import Refused, Resolve
from pipeline.domain.reminders import activity_reminder, waiting_reminder
from pipeline.domain.timers import Timer
from pipeline.errors import Retry
from pipeline.store.casework_ports import Correspondence, Family, WorkFacts, WorkWanted
from pipeline.store.outbound_ports import NewMail
from pipeline.store.ports import Transaction

ACTIVITY_REMIND, ACTIVITY_DUE = "activity.remind", "activity.due"
KINDS = (UNTIL, REMIND, UNANSWERED, ACTIVITY_REMIND, ACTIVITY_DUE)

LATER = timedelta(hours=1)
"""A case that could not be resolved for lack of an answer is tried again after so long."""


class WaitTimers:
    """The handler of all of them; what it read for a transaction it forgets with the next."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._family = Family()
        self._facts = WorkFacts()
        self._agents: Mapping[str, str] = {}

    def claims(self, timer: Timer) -> tuple[str, ...]:  # noqa: ARG002  # every handler has this form
        """Nothing: messages that may cancel it lock its case."""
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # every handler has this form
        """The children of what is resolved; the cases in which activities lie by now."""
        closing, due = _closing(timers), _due(timers)
        below = _below(await tx.family(closing)) if closing else set()
        known = (await tx.work(WorkWanted(activities=due))).activities if due else {}
        return below | {one.case_id for one in known.values() if one.case_id}

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Read what resolving needs to know, where an answer goes, what is still open.

        Raises Retry when more is below a case, or an activity lies elsewhere, than was foreseen.
        """
        closing, due = _closing(timers), _due(timers)
        reminded = {timer.case_id for timer in timers if timer.kind == REMIND and timer.case_id}
        self._family = await tx.family(closing) if closing else Family()
        below = _below(self._family)
        self._facts = await tx.work(WorkWanted(cases=closing | below, activities=due, answers=reminded))
        lie_in = {one.case_id for one in self._facts.activities.values() if one.id in due and one.case_id}
        if (below | lie_in) - batch.cases.keys():
            raise Retry("a case got children, or an activity was moved, before it was locked")
        named = {one.owner for one in self._facts.activities.values() if one.id in due and one.owner}
        self._agents = await _addresses(named, tx) if named else {}

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Do what it is for, if that is still wanted."""
        open_ = self._facts.activities.get(UUID(timer.key)) if timer.kind in {ACTIVITY_REMIND, ACTIVITY_DUE} else None
        if open_ is not None and (record := open_.record) is not None:
            self._remind_of_record(open_, record, timer, batch, cause)
            return
        case = batch.cases.get(timer.case_id) if timer.case_id else None
        if case is None:
            return
        desk = WorkDesk(case, batch, cause, self._rules, self._family, self._facts)
        if timer.kind == UNTIL:
            desk.tell_if("case.status_changed", case, casework.resume(case))
        elif timer.kind in {ACTIVITY_REMIND, ACTIVITY_DUE}:
            self._remind_agent(desk, timer)
        elif case.status == WAITING and case.state == "active":
            if timer.kind == REMIND:
                self._remind_customer(desk, timer)
            else:
                _close(desk, timer)

    def _remind_customer(self, desk: WorkDesk, timer: Timer) -> None:
        case = desk.case
        theirs = desk.facts.answers.get(case.id) or Correspondence(case.origin, None)
        if theirs.address is None or "@" not in theirs.address or theirs.kind == "social":
            desk.batch.why(case, "waiting", "no address of the customer is known to remind them at", desk.at)
            return
        closes = timer.data.get("closes_at")
        closes_at = datetime.fromisoformat(closes).astimezone(ZoneInfo(self._rules.timezone)) if closes else None
        subject, text = waiting_reminder(self._rules.language, self._rules.desk_name, closes_at)
        made = desk.add(
            new_activity(case, "email", desk.at, direction="out", subject=subject, body=text, recipient=theirs.address)
        )
        desk.batch.outbound.append(
            NewMail(to=theirs.address, template="waiting_reminder", subject=subject, body=text, at=desk.at, case=case,
                    in_reply_to=theirs.message_id, values={"closes_at": closes} if closes else {}, activity=made)
        )  # fmt: skip
        desk.tell("case.noted", case, {}, activity=made)

    def _remind_agent(self, desk: WorkDesk, timer: Timer) -> None:
        """In whichever case the activity lies by now."""
        open_ = desk.facts.activities.get(UUID(timer.key))
        case = desk.batch.cases.get(open_.case_id) if open_ is not None and open_.case_id else None
        if open_ is None or case is None or open_.state != "open":
            return
        due = timer.kind == ACTIVITY_DUE
        subject, text = activity_reminder(open_.kind, open_.subject, f"case {case.number}", due=due)
        template = "activity_due" if due else "activity_reminder"
        desk.batch.outbound.append(
            NewMail(to=self._agents.get(open_.owner or "", "owner"), template=template, subject=subject, body=text,
                    at=desk.at, case=case, values={"kind": open_.kind, "activity": open_.subject})
        )  # fmt: skip
        desk.tell("case.noted", case, {}, activity=open_.id)

    def _remind_of_record(self, open_: Activity, record: RecordName, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Whoever it is for, else the default queue's people."""
        if open_.state != "open":
            return
        due = timer.kind == ACTIVITY_DUE
        subject, text = activity_reminder(open_.kind, open_.subject, f"{record.kind} {record.name}", due=due)
        template = "activity_due" if due else "activity_reminder"
        to = self._agents.get(open_.owner or "", f"queue:{self._rules.default_queue}")
        batch.outbound.append(NewMail(to=to, template=template, subject=subject, body=text, at=cause.at))


def _closing(timers: Sequence[Timer]) -> set[UUID]:
    return {timer.case_id for timer in timers if timer.kind == UNANSWERED and timer.case_id}


def _due(timers: Sequence[Timer]) -> set[UUID]:
    return {UUID(timer.key) for timer in timers if timer.kind in {ACTIVITY_REMIND, ACTIVITY_DUE}}


def _below(family: Family) -> set[UUID]:
    return {child for children in family.children.values() for child in children}


async def _addresses(agents: AbstractSet[str], tx: Transaction) -> Mapping[str, str]:
    """Where agents get mail, by their external ids."""
    known = (await tx.work(WorkWanted(agents=agents))).agents
    reach = await tx.mail.reach({agent.id for agent in known.values()})
    found = {name: reach[agent.id].address for name, agent in known.items() if agent.id in reach}
    return {name: address for name, address in found.items() if address}


def _close(desk: WorkDesk, timer: Timer) -> None:
    """Resolve it for want of an answer; later, when something stands in the way."""
    order = Resolve(
        text="The customer did not send the details.", status="no answer", cancel_open=True, children="keep"
    )
    made = resolve(desk, order)
    if isinstance(made, Refused):
        desk.batch.why(desk.case, "waiting", made.reason, desk.at)
        desk.batch.arm(replace(timer, at=desk.at + LATER))
