"""What time brings about in queues: what waits is given to whoever has room, or overflows into another queue."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.queues.waiting import FILL, OVERFLOW, PART
from pipeline.agents.rules import Rules
from pipeline.domain.agents import Agent, Load
from pipeline.domain.cases import Case
from pipeline.domain.queues import choose, room
from pipeline.domain.timers import Timer
from pipeline.store.ports import Transaction
from pipeline.store.queue_ports import Need, Overflowed, QueueItem, Staff

MOST = 500
"""What is given out in one transaction of those that ask for the same; the rest comes with the next."""


class Fill:
    """Gives what waits in a queue to its agents, in its order, as far as they have room.

    What it read for a transaction it forgets with the next.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._staff = Staff()
        self._waiting: Sequence[QueueItem] = ()
        self._wanted: list[tuple[Need, int]] = []
        self._asked: frozenset[str] = frozenset()

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # no message takes anything from it
        """Nothing: the agents and the cases are locked."""
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # every handler has this form
        """No more."""
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Lock the agents of these queues, and what waits there for which they have room."""
        queues = {timer.data["queue"] for timer in timers if "queue" in timer.data}
        agents = {UUID(timer.data["agent"]) for timer in timers if "agent" in timer.data}
        self._asked = frozenset(timer.key for timer in timers)
        self._staff = staff = await tx.staff(queues, agents)
        at = batch.fired_at or max(timer.at for timer in timers)
        self._wanted = [(need, self._room(need, at)) for need in staff.needs]
        opened = [UUID(timer.key) for timer in timers if _is_case(timer)]
        self._waiting = await tx.waiting([(need, most) for need, most in self._wanted if most], opened)
        batch.cases |= await tx.lock_cases({item.ref for item in self._waiting} - batch.cases.keys())

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:  # noqa: ARG002  # the first one gives for all
        """The first of a batch gives out all there is; for what is left it is looked again when somebody comes."""
        items, self._waiting = self._waiting, ()
        wanted, self._wanted = self._wanted, []
        given = _Given(dict(self._staff.loads))
        for item in items:
            case = batch.cases.get(item.ref)
            if case is not None and case.owner is None and case.state == "active":
                self._give(item, case, given, batch, cause)
        full = [need for need, _ in given.full]
        for need, most in wanted:
            if sum(item.need == need for item in items) >= most:  # there may be more of them
                at_once = most == MOST and need not in full
                self._look_again(need.queue, cause.at if at_once else None, cause.at, batch)
            elif need in full:
                self._look_again(need.queue, None, cause.at, batch)

    def _give(self, item: QueueItem, case: Case, given: "_Given", batch: Batch, cause: Deed) -> None:
        """To whoever is to have it; where nobody can, nobody can take another one that asks the same."""
        why = next((why for need, why in given.full if need == item.need), None)
        if why is None and item.assign is not None:
            chosen = choose(
                self._staff.agents, given.loads, self._rules.hours, cause.at,
                queue=item.queue, how=item.assign, units=item.units, skills=item.skills,
            )  # fmt: skip
            if chosen.agent is not None:
                given.note(chosen.agent, item.units, cause.at)
                case.owner = chosen.agent.ref
                batch.touch(case)
                batch.why(case, PART, chosen.why, cause.at)
                changed = {"owner": (None, case.owner)}
                batch.events.append(CaseEvent("case.assigned", cause, case, changed, rule=item.assign))
                return
            why = chosen.why
            given.full.append((item.need, why))
        if str(case.id) in self._asked:
            batch.why(case, PART, f"nobody of {item.queue} can take it now: {why}", cause.at)

    def _room(self, need: Need, at: datetime) -> int:
        free = room(
            self._staff.agents, self._staff.loads, self._rules.hours, at,
            queue=need.queue, units=need.units, skills=need.skills,
        )  # fmt: skip
        return MOST if free is None else min(free, MOST)

    def _look_again(self, queue: str, soon: datetime | None, at: datetime, batch: Batch) -> None:
        """At once where there is more than a transaction gives, else when the next one of the queue begins to work."""
        hours = self._rules.hours
        absent = [agent for agent in self._staff.agents if queue in agent.queues and not hours.works(agent, at)]
        times = [time for agent in absent if (time := hours.works_next(agent, at)) is not None and time > at]
        if (again := soon or min(times, default=None)) is not None:
            batch.arm(Timer(FILL, f"queue {queue}", again, data={"queue": queue}))


@dataclass(slots=True)
class _Given:
    """What a fill has given out: how loaded everybody is now, and for what nobody has room, with the reason."""

    loads: dict[UUID, Load]
    full: list[tuple[Need, str]] = field(default_factory=list)

    def note(self, agent: Agent, units: int, at: datetime) -> None:
        """One more for this agent."""
        self.loads[agent.ref.id] = self.loads.get(agent.ref.id, Load()).with_one(units, at)


def _is_case(timer: Timer) -> bool:
    """Whether it asks for a case that has just begun to wait."""
    return "queue" in timer.data and not timer.key.startswith("queue ")


class Overflow:
    """Moves what nobody took for too long into the queue that its own overflows into."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # the case is locked
        """Nothing."""
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # every handler has this form
        """No more."""
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Read what waits that is no case."""
        others = [UUID(timer.data["ref"]) for timer in timers if timer.case_id is None]
        if others:
            batch.queues.overflowing = dict(await tx.queue_items(others))

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Move it, unless somebody took it or moved it meanwhile."""
        queue = timer.data["queue"]
        target = self._rules.overflow_to(queue)
        if target is None:
            return
        if timer.case_id is None:
            self._move_item(batch.queues.overflowing.get(UUID(timer.data["ref"])), queue, target, batch)
        elif (case := batch.cases.get(timer.case_id)) is not None:
            self._move_case(case, queue, target, batch, cause)

    def _move_item(self, item: QueueItem | None, queue: str, target: str, batch: Batch) -> None:
        """Not by putting it there: it is not locked, and who takes it meanwhile has it."""
        if item is None or item.owner is not None or item.queue != queue:
            return
        batch.queues.overflowed.append(Overflowed(item.kind, item.ref, queue, target))
        due = self._rules.overflows_at(target, item.since)
        if due is not None:
            data = {"queue": target, "kind": item.kind, "ref": str(item.ref)}
            batch.arm(Timer(OVERFLOW, f"{item.kind} {item.ref}", due, data=data))

    def _move_case(self, case: Case, queue: str, target: str, batch: Batch, cause: Deed) -> None:
        if case.state != "active" or case.owner is not None or case.queue != queue:
            return
        case.queue = target
        batch.touch(case)
        waited = self._rules.queues[queue].overflow
        batch.why(case, PART, f"nobody took it in {queue} for {waited.after if waited else ''}; it goes to {target}",
                  cause.at)  # fmt: skip
        batch.events.append(CaseEvent("case.routed", cause, case, {"queue": (queue, target)}, rule="overflow"))
