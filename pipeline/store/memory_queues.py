"""Queues in memory: what waits and who has how much, as PostgreSQL answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.agents import Agent, Load
from pipeline.store.queue_ports import Need, QueueChanges, QueueItem, Staff, last_given

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_agents(tables: "Tables", ids: Collection[UUID], names: Collection[str]) -> Sequence[Agent]:
    """The agents of these ids or external ids."""
    found = [agent for agent in tables.staff.values() if agent.ref.id in ids or agent.ref.external_id in names]
    return [_present(tables, agent) for agent in sorted(found, key=lambda agent: agent.ref.id)]


def staff(tables: "Tables", queues: Collection[str], agents: Collection[UUID]) -> Staff:
    """Who works in these queues and those of these agents, and what is asked of them there."""
    asked = set(queues).union(*(tables.staff[one].queues for one in agents if one in tables.staff))
    there = sorted((one for one in tables.staff.values() if one.queues & asked), key=lambda one: one.ref.id)
    needs: list[Need] = []
    for item in _to_give(tables, asked):
        if item.need not in needs:
            needs.append(item.need)
    loads: dict[UUID, Load] = {}
    for agent in there:
        owned = [item for item in tables.queue_items.values() if item.owner == agent.ref.id]
        units, turn = sum(item.units for item in owned), tables.turns.get(agent.ref.id)
        loads[agent.ref.id] = Load(len(owned), units, turn)
    return Staff([_present(tables, agent) for agent in there], loads, needs)


def waiting(tables: "Tables", wanted: Collection[tuple[Need, int]], cases: Collection[UUID]) -> Sequence[QueueItem]:
    """The first items that wait to be given to somebody, so many of each need, and those of these cases."""
    everywhere = _to_give(tables, {item.queue for item in tables.queue_items.values()})
    chosen = {*cases}
    for need, most in wanted:
        chosen |= {item.ref for item in [item for item in everywhere if item.need == need][:most]}
    return [item for item in everywhere if item.ref in chosen]


def _to_give(tables: "Tables", queues: Collection[str]) -> list[QueueItem]:
    return [item for item in in_order(tables, queues) if item.kind == "case" and item.assign is not None]


def in_order(tables: "Tables", queues: Collection[str]) -> list[QueueItem]:
    """What waits in these queues, the first one first."""
    free = [item for item in tables.queue_items.values() if item.queue in queues and item.owner is None]
    return sorted(free, key=lambda item: (-item.rank, item.since, item.ref))


def known_items(tables: "Tables", refs: Collection[UUID]) -> Mapping[UUID, QueueItem]:
    """The items of these cases, activities or messages."""
    return {item.ref: item for item in tables.queue_items.values() if item.ref in refs}


def write_queues(tables: "Tables", changes: QueueChanges) -> None:
    """Put and take items, count what failed."""
    for key, item in changes.items.items():
        if item is None:
            tables.queue_items.pop(key, None)
        else:
            tables.queue_items[key] = item
    for agent, given in last_given(item for item in changes.items.values() if item is not None).items():
        tables.turns[agent] = max(given, tables.turns.get(agent, given))
    for one in changes.overflowed:
        item = tables.queue_items.get((one.kind, one.ref))
        if item is not None and item.queue == one.queue and item.owner is None:
            tables.queue_items[one.kind, one.ref] = replace(item, queue=one.to)
    for rule, failed in changes.failures.items():
        tables.rule_failures[rule] = tables.rule_failures.get(rule, 0) + failed.count


def _present(tables: "Tables", agent: Agent) -> Agent:
    return replace(agent, presence=tables.presence.get(agent.ref.id, "available"))
