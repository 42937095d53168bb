"""Tells what happened to promises, and does what was agreed for when they are at risk or broken."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pipeline.agents.batch import Batch, CaseEvent, Deed, Incoming
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.escalation import escalate, reassign
from pipeline.domain.kpi import Instance, Kpi
from pipeline.domain.sla import RECOMPUTED, Happening
from pipeline.domain.timers import ON_TIME, Timer
from pipeline.store.outbound_ports import NewMail

WARN, FAIL = "sla.warn", "sla.fail"
"""The kinds of timers."""

_BY_QUEUE = frozenset({"owner", "manager"})
_FIRED = frozenset({"warned", "breached"})


class Deadlines:
    """Writes into a batch what happened to the promises on its cases, and keeps their timers in step."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._terms = rules.pledges.terms

    def tell(self, batch: Batch, case: Case, cause: Incoming | Deed) -> None:
        """Tell all that happened to the promises on a case since it was told last; `cause` is what brought it about."""
        promises = batch.promises[case.id]
        happened, promises.happened = promises.happened, []
        if happened:
            batch.touch(case)
        for one in happened:
            by = _by_clock(one, cause) if one.kind in _FIRED else cause
            kpi = self._terms.kpis.get(one.instance.key)
            actions = _actions(kpi, one) if kpi is not None else ()
            told = self._told(one, actions)
            batch.events.append(CaseEvent(f"sla.{one.kind}", by, case, kpi=told))
            if one.kind == "cancelled" or one.why.startswith(RECOMPUTED):
                batch.why(case, "sla", _why(one), one.at)
            for action in actions:
                self._act(action, batch, case, one)

    def keep_time(self, batch: Batch) -> None:
        """Keep the timer of each instance that changed: until its warning is over, its deadline needs none."""
        for promises in batch.promises.values():
            for instance in promises.instances:
                if instance.changed:
                    _keep(batch, instance)

    def _act(self, action: str, batch: Batch, case: Case, one: Happening) -> None:
        by = Deed(one.at, "clock", f"sla.{one.kind}")
        if action.startswith("mail:"):
            batch.outbound.append(self._mail(self._reader(action.removeprefix("mail:"), case), case, one))
        elif action == "escalate":
            queue = self._rules.queues.get(case.queue)
            changed = escalate(case, queue.escalate_to if queue else None)
            _change(batch, "case.escalated", by, case, changed)
        elif action == "reassign":
            _change(batch, "case.assigned", by, case, reassign(case))

    def _reader(self, to: str, case: Case) -> str:
        """Who is meant; of a case without an owner whom its queue names, before it moves to another one."""
        queue = self._rules.queues.get(case.queue)
        by_queue = queue.notify if queue is not None and case.owner is None and to in _BY_QUEUE else None
        return by_queue or to

    def _mail(self, to: str, case: Case, one: Happening) -> NewMail:
        zone = self._terms.hours(one.instance).zone
        due = (one.due or one.at).astimezone(zone)
        is_late = one.kind == "breached"
        says = "was not kept" if is_late else "is at risk"
        deadline = due if is_late else (one.instance.fail_at or due).astimezone(zone)
        return NewMail(
            to=to,
            template=f"sla_{one.kind}",
            subject=f"{one.instance.kpi} {says}: {case.title}",
            body=f"The promise {one.instance.kpi} ({one.instance.sla}) {says}: {case.title}\n"
            f"Deadline: {deadline:%Y-%m-%d %H:%M:%S %Z}\n",
            at=one.at,
            case=case,
            values={
                "kpi": one.instance.kpi,
                "sla": one.instance.sla,
                "title": case.title,
                "deadline": deadline.isoformat(),
            },
        )

    def _told(self, one: Happening, actions: tuple[str, ...]) -> Mapping[str, object]:
        instance, hours = one.instance, self._terms.hours(one.instance)
        late = one.at - one.due if one.due is not None else timedelta()
        return {
            "id": str(instance.id),
            "name": instance.kpi,
            "sla": instance.sla,
            "state": one.state,
            "counts_from": instance.value,
            "warn_at": instance.warn_at,
            "fail_at": instance.fail_at,
            "succeeded_at": instance.succeeded_at,
            "elapsed_s": seconds(instance.elapsed(one.at, hours)),
            "paused_s": seconds(instance.paused(one.at, hours)),
            "reason": one.why,
            "due": one.due,
            "late_s": late.total_seconds() if late > ON_TIME else None,
            "actions": list(actions),
        }


def seconds(length: timedelta) -> float:
    """A length in seconds, a whole number where it is one."""
    found = length.total_seconds()
    return int(found) if found.is_integer() else found


def _actions(kpi: Kpi, one: Happening) -> tuple[str, ...]:
    return kpi.on_warn if one.kind == "warned" else kpi.on_fail if one.kind == "breached" else ()


def _by_clock(one: Happening, cause: Incoming | Deed) -> Deed:
    """What falls due is the clock's doing, whoever made us look."""
    if isinstance(cause, Deed) and cause.actor == "clock":
        return cause
    return Deed(one.at, "clock", f"sla.{one.kind}")


def _change(batch: Batch, kind: str, by: Deed, case: Case, changed: Mapping[str, tuple[object, object]]) -> None:
    if changed:
        batch.touch(case)
        batch.events.append(CaseEvent(kind, by, case, changed))


def _why(one: Happening) -> str:
    instance = one.instance
    until = f", due {instance.fail_at.isoformat(timespec='seconds')}" if instance.fail_at else ""
    return f"{instance.kpi} of {instance.sla} {one.kind}: {one.why}{until if one.kind == 'started' else ''}"


def _keep(batch: Batch, instance: Instance) -> None:
    first = _first(instance) if instance.is_open else None
    key = str(instance.id)
    if not instance.is_new:
        for kind in (WARN, FAIL):
            batch.disarm(kind, key)
    if first is not None:
        batch.arm(Timer(first[0], key, first[1], instance.case_id, "messages", is_new=instance.is_new))


def _first(instance: Instance) -> tuple[str, datetime] | None:
    """What comes first of an open instance: its warning or its deadline."""
    ahead = (WARN, instance.warn_at, instance.warned_at), (FAIL, instance.fail_at, instance.breached_at)
    times = [(kind, at) for kind, at, fired in ahead if at is not None and fired is None]
    return min(times, key=lambda time: time[1], default=None)
