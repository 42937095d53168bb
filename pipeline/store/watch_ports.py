"""What rules on readings ask of the store, and what they write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.domain.alarm_rules import RuleAlarm
from pipeline.domain.maintenance import Window

AlarmName = tuple[str, str]
"""A device, and the rule that raises the alarm."""

GroupName = tuple[str, str]
"""A rule, and what its devices have in common."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A device that was ever heard: by which source, when last; the rules on silence that `watched` it have timers."""

    device: str
    source: str
    heard_at: datetime
    watched: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """What the store knows about devices; maintenance that ends after a time."""

    devices: Mapping[str, Watched] = field(default_factory=dict)
    alarms: Mapping[AlarmName, RuleAlarm] = field(default_factory=dict)
    windows: Sequence[Window] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A device of a group whose alarm is active."""

    device: str
    raised_at: datetime
    case_id: UUID | None


@dataclass(frozen=True, slots=True)
class AlarmGroup:
    """Active alarms that have something in common, and the parent case that they had last."""

    rule: str
    key: str
    case_id: UUID | None = None
    members: Sequence[Member] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommand:
    """A command to a device, to be sent until `expires_at`; of an agent's, the rule has no name."""

    id: UUID
    device: str
    name: str
    source: str
    rule: str
    case_id: UUID | None
    activity_id: UUID | None
    created_at: datetime
    expires_at: datetime
    state: str = "queued"
    arguments: Mapping[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retold:
    """What an activity of a case says from now on, that stands for many moves of an alarm."""

    id: UUID
    subject: str
    body: str


@dataclass(slots=True)
class WatchChanges:
    """What a batch writes; a row that is there is replaced, an alarm that is None is gone."""

    devices: list[Watched] = field(default_factory=list)
    alarms: dict[AlarmName, RuleAlarm | None] = field(default_factory=dict)
    groups: list[AlarmGroup] = field(default_factory=list)
    commands: list[NewCommand] = field(default_factory=list)
    retold: list[Retold] = field(default_factory=list)
