"""Alarms that the desk's own rules raise on readings: one for each device and rule, moved by one reading at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from pipeline.domain.alarms import Alarm

State = Literal["pending", "active", "cleared"]
"""`pending` is not an alarm yet: the rule holds, not for long enough."""


NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Holds(Protocol):
    """A compiled condition."""

    def holds(self, facts: Any) -> bool:  # noqa: ANN401  # what it is asked about is its own affair
        """Whether it holds of these facts; one that fails on them does not."""


class _Always:
    def holds(self, facts: object) -> bool:  # noqa: ARG002  # whatever they are
        return True


ALWAYS: Holds = _Always()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How bad an alarm is while `when` holds, and what follows when it comes to this."""

    severity: str
    when: Holds = ALWAYS
    opens_case: bool = False
    on_raise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Alarms of one rule on more than so many devices of one kind, raised within a time, have one parent case."""

    by: str
    more_than: int
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """A rule: when it raises an alarm, when it clears it, what follows.

    With `silent_for` it is about devices that are not heard for so long; `when` then means nothing. `levels` are tried
    from the top, the last one fits always. A `clear` that does not ask for names (`clear_names`) is asked of the names
    that raised the alarm alone.
    """

    name: str
    levels: tuple[Level, ...]
    when: Holds = ALWAYS
    clear: Holds | None = None
    clear_names: bool = False
    silent_for: timedelta | None = None
    lasts: timedelta = timedelta(0)
    reopen_within: timedelta = timedelta(0)
    late_after: timedelta = timedelta(seconds=900)
    on_raise: tuple[str, ...] = ()
    on_clear: tuple[str, ...] = ()
    resolve_on_clear: bool = False
    group: Group | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A reading as it is judged: `at` when it was so by the device's clock, `received` when it came.

    One that may be `old` for all we know (a retained replay) moves alarms, and sends no command.
    """

    device: str
    name: str
    says: str
    at: datetime
    received: datetime
    facts: Any
    old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAlarm:
    """What a rule knows of a device, of which the feed `source` tells.

    `holding` are the names whose last reading keeps it up, each at its level. While pending, it began at `since` and is
    raised at `due` by our clock when nothing is heard until then; `late` when what raises it came late. `flaps` counts
    how often it was raised again soon after it was cleared. So many moves of it were `noted` on its case one by one;
    the activity `folded` stands for all that came then.
    """

    device: str
    rule: str
    state: State
    source: str = ""
    holding: Mapping[str, int] = field(default_factory=dict)
    level: int | None = None
    severity: str | None = None
    text: str = ""
    since: datetime | None = None
    due: datetime | None = None
    late: bool = False
    raised_at: datetime | None = None
    changed_at: datetime = NEVER
    cleared_at: datetime | None = None
    flaps: int = 0
    group_key: str | None = None
    case_id: UUID | None = None
    noted: int = 0
    folded: UUID | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is raised."""
        return self.state == "active"

    def told(self) -> Alarm:
        """As events show it."""
        return Alarm(
            device=self.device,
            name=self.rule,
            active=self.is_active,
            severity=self.severity,
            text=self.text,
            raised_at=self.raised_at,
            changed_at=self.changed_at,
            cleared_at=self.cleared_at,
            case_id=self.case_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Something that happened to an alarm, and the alarm as it stands then.

    It `entered` a level that is worse than where it was; `again` when it is the same alarm as before, raised once more.
    """

    kind: Literal["raised", "updated", "cleared"]
    alarm: RuleAlarm
    at: datetime
    late: bool = False
    again: bool = False
    entered: Level | None = None


Judged = tuple[RuleAlarm | None, tuple[Move, ...]]
"""What a rule knows of a device afterwards, and what happened."""


def judge(
    rule: AlarmRule,
    alarm: RuleAlarm | None,
    sample: Sample,
    *,
    silent_since: datetime | None = None,
    maintained: bool = False,
) -> Judged:
    """What a reading does to the alarm of its device; it is no older than the last one judged of its name.

    The device was silent since a time (by our clock) until this came. What time alone would have done between the
    last reading and this one is done first, so that it makes no difference whether a clock was there to do it. Under
    maintenance nothing is raised, and nothing gets worse.
    """
    alarm, moves = _caught_up(rule, alarm, sample, silent_since)
    if rule.when.holds(sample.facts):
        after, more = (alarm, ()) if maintained else _true(rule, alarm, sample)
    else:
        after, more = _false(rule, alarm, sample)
    return after, (*moves, *more)


def fire(rule: AlarmRule, alarm: RuleAlarm | None, now: datetime, *, silent: bool, maintained: bool = False) -> Judged:
    """What it does to a pending alarm that its time has come: it is raised, unless its device is silent."""
    if alarm is None or alarm.state != "pending" or alarm.due is None or alarm.due > now or silent or maintained:
        return alarm, ()
    late = alarm.late or now - alarm.due > rule.late_after
    return _raised(rule, alarm, (alarm.since or alarm.due) + rule.lasts, late=late)


def _caught_up(rule: AlarmRule, alarm: RuleAlarm | None, sample: Sample, silent_since: datetime | None) -> Judged:
    """The alarm as its timer would have left it, had it fired between the readings."""
    if alarm is None or alarm.state != "pending" or alarm.since is None or sample.at - alarm.since < rule.lasts:
        return alarm, ()
    if silent_since is not None and alarm.due is not None and silent_since <= alarm.due:
        return alarm, ()
    late = alarm.late or sample.received - sample.at > rule.late_after
    return _raised(rule, alarm, alarm.since + rule.lasts, late=late)


def _true(rule: AlarmRule, alarm: RuleAlarm | None, sample: Sample) -> Judged:
    level = _level(rule, sample)
    late = sample.old or sample.received - sample.at > rule.late_after
    if alarm is not None and alarm.state == "active":
        holding = {**alarm.holding, sample.name: level}
        return _moved(rule, replace(alarm, holding=holding), sample, late=late)
    if alarm is not None and alarm.state == "pending" and alarm.since is not None:
        holding = {**alarm.holding, sample.name: level}
        changed = replace(alarm, holding=holding, text=sample.says, late=late)
        if sample.at - alarm.since < rule.lasts:
            return changed, ()
        return _raised(rule, changed, sample.at, late=late)
    began = replace(
        alarm or RuleAlarm(device=sample.device, rule=rule.name, state="pending"),
        state="pending",
        holding={sample.name: level},
        text=sample.says,
        since=sample.at,
        due=sample.received + rule.lasts,
        late=late,
    )
    if rule.lasts:
        return began, ()
    return _raised(rule, began, sample.at, late=late)


def _false(rule: AlarmRule, alarm: RuleAlarm | None, sample: Sample) -> Judged:
    if alarm is None or alarm.state == "cleared":
        return alarm, ()
    if alarm.state == "pending":
        holding = {name: level for name, level in alarm.holding.items() if name != sample.name}
        return (replace(alarm, holding=holding), ()) if holding else (_forgotten(alarm), ())
    if rule.clear is None:
        over = sample.name in alarm.holding
    else:
        over = (rule.clear_names or sample.name in alarm.holding) and rule.clear.holds(sample.facts)
    late = sample.old or sample.received - sample.at > rule.late_after
    if not over:
        if sample.name not in alarm.holding:
            return alarm, ()
        holding = {**alarm.holding, sample.name: _level(rule, sample)}
        return _moved(rule, replace(alarm, holding=holding), sample, late=late)
    holding = {name: level for name, level in alarm.holding.items() if name != sample.name}
    if holding and not (rule.clear is not None and rule.clear_names):
        return _moved(rule, replace(alarm, holding=holding), sample, late=late)
    return clear(replace(alarm, text=sample.says), sample.at, late=late)


def clear(alarm: RuleAlarm, at: datetime, *, late: bool) -> Judged:
    """The alarm is over."""
    after = replace(alarm, state="cleared", holding={}, level=None, since=None, due=None, changed_at=at, cleared_at=at)
    return after, (Move(kind="cleared", alarm=after, at=at, late=late),)


def _forgotten(alarm: RuleAlarm) -> RuleAlarm | None:
    """What is left of a pending alarm that came to nothing: what is known of the one before, if there was one."""
    if alarm.cleared_at is None:
        return None
    return replace(alarm, state="cleared", holding={}, since=None, due=None, late=False)


def _raised(rule: AlarmRule, alarm: RuleAlarm, at: datetime, *, late: bool) -> Judged:
    return raise_alarm(rule, alarm, min(alarm.holding.values(), default=len(rule.levels) - 1), at, late=late)


def raise_alarm(rule: AlarmRule, alarm: RuleAlarm, level: int, at: datetime, *, late: bool) -> Judged:
    """The alarm is raised at a level; soon after it was cleared it is the same alarm, with the same case."""
    level = min(level, len(rule.levels) - 1)
    again = alarm.cleared_at is not None and timedelta(0) <= at - alarm.cleared_at <= rule.reopen_within
    after = replace(
        alarm,
        state="active",
        level=level,
        severity=rule.levels[level].severity,
        since=None,
        due=None,
        late=False,
        raised_at=at,
        changed_at=at,
        cleared_at=None,
        flaps=alarm.flaps + 1 if again else 0,
    )
    entered = rule.levels[level]
    return after, (Move(kind="raised", alarm=after, at=at, late=late, again=again, entered=entered),)


def _moved(rule: AlarmRule, alarm: RuleAlarm, sample: Sample, *, late: bool) -> Judged:
    """The alarm at the worst level of what holds it up; told only when that is another one than before."""
    level = min(*alarm.holding.values(), len(rule.levels) - 1)
    before = len(rule.levels) if alarm.level is None else alarm.level
    if level == before:
        return alarm, ()
    entered = rule.levels[level]
    after = replace(alarm, level=level, severity=entered.severity, text=sample.says, changed_at=sample.at)
    worse = entered if level < before else None
    return after, (Move(kind="updated", alarm=after, at=sample.at, late=late, entered=worse),)


def _level(rule: AlarmRule, sample: Sample) -> int:
    """The first level from the top that fits."""
    last = len(rule.levels) - 1
    return next((place for place, level in enumerate(rule.levels[:-1]) if level.when.holds(sample.facts)), last)
