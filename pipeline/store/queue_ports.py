"""What routing and queues ask of the store, and what they write there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from pipeline.domain.agents import Agent, Load
from pipeline.domain.routing import Assignment

ItemKind = Literal["case", "call back", "task", "quarantined"]
"""What may wait in a queue: a case, a call to be returned, a task of nobody's, a mail that a person must judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """Something that waits in a queue, or lies with its owner; `ref` is the case, activity or message that it is.

    It waits `since`; `rank` is the place of its priority, the most urgent highest. With `assign` it is given to
    somebody as soon as one who has the `skills` has room for its `units`; `given` says when its owner got it.
    """

    kind: ItemKind
    ref: UUID
    queue: str
    since: datetime
    rank: int = 1
    owner: UUID | None = None
    given: datetime | None = None
    units: int = 10
    assign: Assignment | None = None
    skills: Mapping[str, int] = field(default_factory=dict)

    @property
    def need(self) -> "Need":
        """What it asks of whoever gets it."""
        return Need(self.queue, self.units, self.skills)


@dataclass(frozen=True, slots=True)
class Need:
    """What items of a queue ask of whoever gets one of them."""

    queue: str
    units: int = 10
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works in some queues, how loaded, and what is asked of them by what waits there to be given to somebody."""

    agents: Sequence[Agent] = ()
    loads: Mapping[UUID, Load] = field(default_factory=dict)
    needs: Sequence[Need] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """How often a rule failed, and why it did last."""

    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Overflowed:
    """An item that moves to another queue if it still waits in its own."""

    kind: ItemKind
    ref: UUID
    queue: str
    to: str


@dataclass(frozen=True, slots=True)
class QueueChanges:
    """What a batch changes in queues: items as they are now (None: gone), by kind and what they are.

    `failures` are the rules that could not be asked, by name.
    """

    items: Mapping[tuple[ItemKind, UUID], QueueItem | None] = field(default_factory=dict)
    failures: Mapping[str, Failed] = field(default_factory=dict)
    overflowed: Sequence[Overflowed] = ()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.items or self.failures or self.overflowed)


def last_given(items: Iterable[QueueItem]) -> dict[UUID, datetime]:
    """When each owner of these items was given the last of them."""
    turns: dict[UUID, datetime] = {}
    for item in items:
        if item.owner is not None and item.given is not None:
            turns[item.owner] = max(item.given, turns.get(item.owner, item.given))
    return turns
