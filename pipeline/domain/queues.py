"""Queues: who gets what waits in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.domain.agents import Agent, Hours, Load, able
from pipeline.domain.casework import PRIORITIES
from pipeline.domain.routing import Assignment

UNITS = 10
"""What an item takes of an agent's capacity, unless its rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who gets an item, if anybody, and why."""

    agent: Agent | None
    why: str


def rank(priority: str) -> int:
    """The place of a priority: in a queue the most urgent comes first, then the oldest."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else 1


def choose(
    agents: Sequence[Agent],
    loads: Mapping[UUID, Load],
    hours: Hours,
    at: datetime,
    *,
    queue: str,
    how: Assignment,
    units: int,
    skills: Mapping[str, int],
) -> Chosen:
    """Who of a queue gets an item of so many units that needs these skills."""
    there: list[Agent] = []
    objections: list[str] = []
    for agent in agents:
        if queue not in agent.queues:
            continue
        objection = _objection(agent, loads, hours, at, units=units, skills=skills)
        if objection is None:
            there.append(agent)
        else:
            objections.append(f"{agent.ref.name} {objection}")
    if not there:
        return Chosen(None, "; ".join(objections) or f"nobody works in {queue}")
    chosen = min(there, key=lambda agent: (_ORDER[how](agent, loads.get(agent.ref.id, Load())), _name(agent)))
    load = loads.get(chosen.ref.id, Load())
    others = f"; {'; '.join(objections)}" if objections else ""
    return Chosen(
        chosen, f"{how.replace('_', ' ')} of {len(there)}: {chosen.ref.name} {_says(how, chosen, load)}{others}"
    )


def room(
    agents: Sequence[Agent],
    loads: Mapping[UUID, Load],
    hours: Hours,
    at: datetime,
    *,
    queue: str,
    units: int,
    skills: Mapping[str, int],
) -> int | None:
    """How many items that ask for so much the agents of a queue can take together; None when there is no end to it."""
    free = 0
    for agent in agents:
        if queue not in agent.queues or _objection(agent, loads, hours, at, units=units, skills=skills) is not None:
            continue
        if units == 0:
            return None
        free += (agent.capacity - loads.get(agent.ref.id, Load()).units) // units
    return free


def _objection(
    agent: Agent, loads: Mapping[UUID, Load], hours: Hours, at: datetime, *, units: int, skills: Mapping[str, int]
) -> str | None:
    """Why an agent cannot be given anything now."""
    if agent.presence != "available":
        return f"is {agent.presence}"
    if (until := hours.absent_until(agent, at)) is not None:
        return f"is away until {until:%Y-%m-%d %H:%M}"
    if not hours.works(agent, at):
        return "is not at work"
    if not able(agent, skills):
        return f"lacks {', '.join(f'{name} {level}' for name, level in skills.items())}"
    load = loads.get(agent.ref.id, Load())
    if load.units + units > agent.capacity:
        return f"has {load.units} of {agent.capacity} units"
    return None


_ORDER: Mapping[Assignment, Callable[[Agent, Load], tuple[float, ...]]] = {
    "round_robin": lambda _, load: (_last(load),),
    "least_active": lambda _, load: (load.items, _last(load)),
    "highest_capacity": lambda agent, load: (load.units - agent.capacity, _last(load)),
}


def _last(load: Load) -> float:
    """When they got something last, who never did first."""
    return load.last_given.timestamp() if load.last_given else 0.0


def _name(agent: Agent) -> str:
    return agent.ref.external_id or str(agent.ref.id)


def _says(how: Assignment, agent: Agent, load: Load) -> str:
    if how == "least_active":
        return f"has {load.items} items"
    if how == "highest_capacity":
        return f"has {agent.capacity - load.units} units left"
    return f"had none since {load.last_given:%Y-%m-%d %H:%M}" if load.last_given else "had none yet"
