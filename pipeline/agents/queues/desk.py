"""Lets agents take what waits, give it back, and say whether they are there."""

from dataclasses import dataclass, replace
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.casework.desk import deed_row
from pipeline.agents.consequences import Consequences
from pipeline.agents.queues.waiting import FILL, PART
from pipeline.agents.rules import Rules
from pipeline.domain.agents import Agent, BePresent, Pick, Presence
from pipeline.domain.orders import Assign
from pipeline.domain.timers import Timer
from pipeline.store.casework_ports import DeedRow
from pipeline.store.ports import Store, Transaction
from pipeline.store.queue_ports import QueueItem


@dataclass(frozen=True, slots=True)
class Given:
    """What an agent has now; of a case its number."""

    item: QueueItem
    case: int | None = None


@dataclass(frozen=True, slots=True)
class NotGiven:
    """Nothing changed hands, and why."""

    reason: str


class QueueDesk:
    """Each taking and giving back is a transaction of its own, so that an item has one owner at any time."""

    def __init__(self, rules: Rules, store: Store, consequences: Consequences) -> None:
        self._rules = rules
        self._store = store
        self._consequences = consequences

    async def pick(self, name: str, by: Deed, queue: str | None = None) -> Given | NotGiven:
        """Give the agent the first item that waits in their queues, or in this one."""
        async with self._store.transaction() as tx:
            agent = await _agent(name, tx)
            if agent is None:
                return NotGiven(f'there is no agent "{name}"')
            queues = {queue} if queue is not None else agent.queues or set(self._rules.queues)
            item = await tx.next_item(queues)
            if item is None:
                return NotGiven(f"nothing waits in {', '.join(sorted(queues))}")
            batch = Batch(cases=dict(await tx.lock_cases([item.ref])) if item.kind == "case" else {})
            case = batch.cases.get(item.ref)
            if case is None:
                item = replace(item, owner=agent.ref.id, given=by.at)
                batch.queues.put(item)
                if item.kind == "task":
                    batch.work.owned.append((item.ref, name))
                told = {"agent": name, "queue": queue}
                batch.work.deeds.append(DeedRow(uuid7(), None, by.at, by.actor, by.actor_id, Pick.__name__, told))
            else:
                changed = {"owner": (case.owner, agent.ref)}
                case.owner = agent.ref
                batch.touch(case)
                batch.why(case, PART, f"{agent.ref.name} picked it from {case.queue}", by.at)
                batch.work.deeds.append(deed_row(case.id, Assign(name), by))
                batch.events.append(CaseEvent("case.assigned", by, case, changed))
            await self._consequences(batch, tx)
            return Given(replace(item, owner=agent.ref.id), case.number if case else None)

    async def release(self, name: str, ref: UUID, by: Deed) -> Given | NotGiven:
        """Let what the agent has wait in its queue again."""
        async with self._store.transaction() as tx:
            agent = await _agent(name, tx)
            batch = Batch(cases=dict(await tx.lock_cases([ref])))
            item = (await tx.queue_items([ref])).get(ref)
            if agent is None or item is None or item.owner != agent.ref.id:
                return NotGiven(f"{name} does not have it")
            case = batch.cases.get(ref)
            if case is None:
                batch.queues.put(replace(item, owner=None, given=None))
                if item.kind == "task":
                    batch.work.owned.append((item.ref, None))
            else:
                changed = {"owner": (case.owner, None)}
                case.owner = None
                batch.touch(case)
                batch.why(case, PART, f"{agent.ref.name} released it to {case.queue}", by.at)
                batch.work.deeds.append(deed_row(case.id, Assign(None), by))
                batch.events.append(CaseEvent("case.assigned", by, case, changed))
            await self._consequences(batch, tx)
            return Given(replace(item, owner=None), case.number if case else None)

    async def present(self, name: str, presence: Presence, by: Deed) -> NotGiven | None:
        """Keep whether the agent is there; who comes is given what waits."""
        async with self._store.transaction() as tx:
            agent = await _agent(name, tx)
            if agent is None:
                return NotGiven(f'there is no agent "{name}"')
            await tx.set_presence(agent.ref.id, presence, by.at)
            batch = Batch()
            said = {"agent": name, "presence": presence}
            batch.work.deeds.append(DeedRow(uuid7(), None, by.at, by.actor, by.actor_id, BePresent.__name__, said))
            if presence == "available" and self._rules.assigns:
                batch.arm(Timer(FILL, f"agent {agent.ref.id}", by.at, data={"agent": str(agent.ref.id)}))
            await self._consequences(batch, tx)
            return None


async def _agent(name: str, tx: Transaction) -> Agent | None:
    return next(iter(await tx.agents(names=[name])), None)
