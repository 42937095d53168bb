"""What time brings about in queues: what waits is given to whoever has room, or overflows into another queue."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.queues.waiting import FILL, PART
from pipeline.agents.rules import Rules
from pipeline.domain.agents import Load
from pipeline.domain.cases import Case
from pipeline.domain.queues import choose
from pipeline.domain.timers import Timer
from pipeline.store.ports import Transaction
from pipeline.store.queue_ports import QueueItem, Waiting


class Fill:
    """Gives what waits in a queue to its agents, in its order, as far as they have room."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # no message takes anything from it
        """Nothing: the agents and the cases are locked."""
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Lock the agents of these queues, and what waits there that nobody else has at hand."""
        queues = {timer.data["queue"] for timer in timers if "queue" in timer.data}
        agents = {UUID(timer.data["agent"]) for timer in timers if "agent" in timer.data}
        waiting = await tx.waiting(queues, agents)
        batch.cases |= await tx.lock_cases({item.ref for item in waiting.items} - batch.cases.keys())
        batch.queues.waiting = waiting

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """The first of a batch gives out all there is; for what is left it is looked again when somebody comes."""
        waiting = batch.queues.waiting
        if waiting is None:
            return
        batch.queues.waiting = None
        loads = dict(waiting.loads)
        left: dict[str, str] = {}
        for item in waiting.items:
            case = batch.cases.get(item.ref)
            if case is None or item.assign is None or case.owner is not None or case.state != "active":
                continue
            chosen = choose(
                waiting.agents,
                loads,
                self._rules.hours,
                cause.at,
                queue=item.queue,
                how=item.assign,
                units=item.units,
                skills=item.skills,
            )
            if chosen.agent is None:
                left[item.queue] = chosen.why
                if timer.key == str(case.id):
                    batch.why(case, PART, f"nobody of {item.queue} can take it now: {chosen.why}", cause.at)
                continue
            loads[chosen.agent.ref.id] = loads.get(chosen.agent.ref.id, Load()).with_one(item.units, cause.at)
            case.owner = chosen.agent.ref
            batch.touch(case)
            batch.why(case, PART, chosen.why, cause.at)
            changed = {"owner": (None, case.owner)}
            batch.events.append(CaseEvent("case.assigned", cause, case, changed, rule=item.assign))
        for queue in left:
            self._look_again(queue, waiting, cause.at, batch)

    def _look_again(self, queue: str, waiting: Waiting, at: datetime, batch: Batch) -> None:
        """When the next one of the queue begins to work."""
        hours = self._rules.hours
        absent = [agent for agent in waiting.agents if queue in agent.queues and not hours.works(agent, at)]
        times = [time for agent in absent if (time := hours.works_next(agent, at)) is not None and time > at]
        if times:
            batch.arm(Timer(FILL, f"queue {queue}", min(times), data={"queue": queue}))


class Overflow:
    """Moves what nobody took for too long into the queue that its own overflows into."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # the case is locked
        """Nothing."""
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

    @staticmethod
    def _move_item(item: QueueItem | None, queue: str, target: str, batch: Batch) -> None:
        if item is not None and item.owner is None and item.queue == queue:
            batch.queues.put(replace(item, queue=target))

    def _move_case(self, case: Case, queue: str, target: str, batch: Batch, cause: Deed) -> None:
        if case.state != "active" or case.owner is not None or case.queue != queue:
            return
        case.queue = target
        batch.touch(case)
        waited = self._rules.queues[queue].overflow
        batch.why(case, PART, f"nobody took it in {queue} for {waited.after if waited else ''}; it goes to {target}",
                  cause.at)  # fmt: skip
        batch.events.append(CaseEvent("case.routed", cause, case, {"queue": (queue, target)}, rule="overflow"))
