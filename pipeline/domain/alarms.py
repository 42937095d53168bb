"""Alarms that devices raise and clear themselves: one is active per device and name at most."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

LATE = timedelta(hours=24)
"""A device's own time counts when it is no older than this on arrival."""

AHEAD = timedelta(seconds=300)
"""A device's clock that is further ahead than this is not believed."""

_PRIORITIES = ("low", "normal", "high", "urgent")
_OF_SEVERITY = {"critical": "urgent", "major": "high", "high": "high"}

Verdict = Literal["raised", "updated", "cleared", "same", "older", "not active"]
"""What a message did to an alarm: `same` told nothing new, `older` came after what happened later, `not active`
cleared what nobody raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmTold:
    """What one message says of an alarm: that it is raised (with a severity), or cleared (with none)."""

    device: str
    name: str
    at: datetime
    dated: bool = False
    severity: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm as it stands; `case_id` is the case it last had, `changed_at` when it was last told of."""

    device: str
    name: str
    active: bool
    severity: str | None
    text: str
    raised_at: datetime | None
    changed_at: datetime
    cleared_at: datetime | None = None
    case_id: UUID | None = None


def judge(alarm: Alarm | None, told: AlarmTold) -> tuple[Verdict, Alarm]:
    """What a message does to an alarm, and the alarm as it stands then."""
    if alarm is not None and told.at < alarm.changed_at:
        return "older", alarm
    if told.severity is None:
        return _cleared(alarm, told)
    if alarm is None or not alarm.active:
        return "raised", Alarm(
            device=told.device,
            name=told.name,
            active=True,
            severity=told.severity,
            text=told.text,
            raised_at=told.at,
            changed_at=told.at,
            case_id=alarm.case_id if alarm else None,
        )
    if (told.severity, told.text) == (alarm.severity, alarm.text) and not (told.dated and told.at > alarm.changed_at):
        return "same", alarm
    return "updated", replace(alarm, severity=told.severity, text=told.text, changed_at=told.at)


def _cleared(alarm: Alarm | None, told: AlarmTold) -> tuple[Verdict, Alarm]:
    if alarm is not None and alarm.active:
        return "cleared", replace(alarm, active=False, changed_at=told.at, cleared_at=told.at)
    if alarm is not None:
        return "same", replace(alarm, changed_at=told.at)
    absent = Alarm(
        device=told.device, name=told.name, active=False, severity=None, text="", raised_at=None, changed_at=told.at
    )
    return "not active", absent


def moment(at: datetime | None, received: datetime) -> tuple[datetime, bool]:
    """When a device's message happened, and whether by its own clock: not when that is a day late, or ahead of ours."""
    if at is not None and received - LATE <= at <= received + AHEAD:
        return at, True
    return received, False


def judged_at(at: datetime | None, received: datetime) -> tuple[datetime, bool]:
    """When a reading was so, and whether by its device's clock, however late; not when that is ahead of ours."""
    if at is not None and at <= received + AHEAD:
        return at, True
    return received, False


def raised_priority(priority: str, severity: str | None) -> str:
    """The priority of a case whose alarm has that severity: it follows upward only."""
    return max(priority, _OF_SEVERITY.get(severity or "", "normal"), key=_PRIORITIES.index)
