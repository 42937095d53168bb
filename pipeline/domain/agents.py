"""Agents: when they are there, what they are good at, how much more they can bear."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from pipeline.domain.calendar import Calendar, NoBusinessTimeError
from pipeline.domain.matching import Ref

Presence = Literal["available", "busy", "away", "offline"]
"""What an agent says of themselves; only who is available is given work. Who says nothing is available."""

PRESENCES: tuple[Presence, ...] = ("available", "busy", "away", "offline")


@dataclass(frozen=True, slots=True)
class BePresent:
    """Keep what an agent, by external id, says of themselves."""

    agent: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class Pick:
    """Give an agent, by external id, the first thing that waits in their queues, or in this one."""

    agent: str
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent as the record says; `away` are beginnings and ends as ISO 8601 says them, a last day included."""

    ref: Ref
    queues: frozenset[str] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict)
    capacity: int = 100
    calendar: str | None = None
    manager: Ref | None = None
    away: tuple[tuple[str, str], ...] = ()
    presence: Presence = "available"


FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of what ends in the last year there is, as systems write that have no other word for it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What lies with an agent: how many items of how many units, and when they last got one."""

    items: int = 0
    units: int = 0
    last_given: datetime | None = None

    def with_one(self, units: int, at: datetime) -> "Load":
        """With one item more, given at that time."""
        return Load(self.items + 1, self.units + units, at)


@dataclass(frozen=True, slots=True)
class Hours:
    """When agents work: calendars by name, and the zone of days that name none."""

    calendars: Mapping[str, Calendar]
    zone: tzinfo

    def absent_until(self, agent: Agent, at: datetime) -> datetime | None:
        """Until when the agent is away, by their record; None when they are not."""
        zone = self._zone(agent)
        ends = [end for start, end in (_stretch(one, zone) for one in agent.away) if start <= at < end]
        return max(ends, default=None)

    def works(self, agent: Agent, at: datetime) -> bool:
        """Whether the agent is neither away nor outside their working hours."""
        if self.absent_until(agent, at) is not None:
            return False
        calendar = self.calendars.get(agent.calendar or "")
        return calendar is None or next(calendar.parts(at, at + timedelta(seconds=1))).kind == "open"

    def works_next(self, agent: Agent, at: datetime) -> datetime | None:
        """When the agent works next, after `at`; None when that is not foreseeable."""
        for _ in range(len(agent.away) + 2):
            if (end := self.absent_until(agent, at)) is not None:
                if end == FOR_EVER:
                    return None
                at = end
            calendar = self.calendars.get(agent.calendar or "")
            opens = _opening(calendar, at) if calendar is not None else at
            if opens is None or self.absent_until(agent, opens) is None:
                return opens
            at = opens
        return None

    def _zone(self, agent: Agent) -> tzinfo:
        calendar = self.calendars.get(agent.calendar or "")
        return calendar.zone if calendar is not None else self.zone


def able(agent: Agent, skills: Mapping[str, int]) -> bool:
    """Whether the agent has all these skills, at these levels at least."""
    return all(agent.skills.get(name, 0) >= level for name, level in skills.items())


def _opening(calendar: Calendar, at: datetime) -> datetime | None:
    """The first instant from `at` on that is business time."""
    try:
        end = calendar.add(at, timedelta(microseconds=1))
    except NoBusinessTimeError:
        return None
    return end - timedelta(microseconds=1)


def _stretch(away: tuple[str, str], zone: tzinfo) -> tuple[datetime, datetime]:
    start, end = away
    return _instant(start, zone, timedelta()), _instant(end, zone, timedelta(days=1))


def _instant(text: str, zone: tzinfo, day: timedelta) -> datetime:
    """An instant, or the midnight that begins (or, with a `day` more, ends) a day."""
    if text.startswith("9999-"):
        return FOR_EVER
    if len(text) == len("2026-03-02"):
        return datetime.combine(date.fromisoformat(text) + day, time(), zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
