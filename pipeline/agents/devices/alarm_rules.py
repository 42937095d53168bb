"""The rules on what devices tell, made once from the configuration, and over again for devices set differently."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.config.alarms import Alarm, Threshold
from pipeline.config.conditions import READING_NAMES
from pipeline.domain.alarm_rules import ALWAYS, AlarmRule, Group, Holds, Level
from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.conditions import Condition, Facts, View
from pipeline.domain.maintenance import Window
from pipeline.domain.vocabulary import vocabulary

MOST_NAMES = 10_000
"""Names of readings of which it is remembered which rules they concern."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules as they are for some devices."""

    on_readings: tuple[AlarmRule, ...]
    silences: tuple[AlarmRule, ...]
    view: View
    _facts: Facts
    _of_name: dict[str, tuple[AlarmRule, ...]] = field(default_factory=dict)

    @property
    def soonest_silence(self) -> timedelta:
        """After which time without a message a device is silent by some rule."""
        return min((rule.silent_for for rule in self.silences if rule.silent_for), default=timedelta.max)

    @property
    def silence_names(self) -> frozenset[str]:
        """The rules on silence."""
        return frozenset(rule.name for rule in self.silences)

    def concerned(self, name: str) -> tuple[AlarmRule, ...]:
        """The rules that a reading of this name may move, whatever its value."""
        known = self._of_name.get(name)
        if known is None:
            if len(self._of_name) >= MOST_NAMES:
                self._of_name.clear()
            known = self._of_name[name] = tuple(rule for rule in self.on_readings if _concerns(rule, name))
        return known

    def facts(self, given: Mapping[str, object]) -> Facts:
        """A reading as the conditions see it, until the next one is asked about."""
        return self.view.again(self._facts, given)


class AlarmRules:
    """All rules of a desk; false where there is none."""

    def __init__(self, alarms: Sequence[Alarm], windows: Sequence[Window], names: Names) -> None:
        self.windows = tuple(windows)
        self._alarms = tuple(alarms)
        self._names = names
        self._rules = {alarm.name: _rule(alarm, names) for alarm in alarms}
        self._plain = _rule_set(self._rules.values(), names)
        self._sets: dict[bytes, RuleSet] = {}

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return bool(self._alarms)

    @property
    def read_accounts(self) -> bool:
        """Whether any rule, of any device so far, asks about accounts."""
        return any(rules.view.reads("account") for rules in (self._plain, *self._sets.values()))

    @property
    def longest_silence(self) -> timedelta:
        """How long ago a device may have been heard that is silent now, as far as the rules themselves say."""
        return max((rule.silent_for for rule in self._plain.silences if rule.silent_for), default=timedelta(0))

    def of(self, thresholds: Mapping[str, Any]) -> RuleSet:
        """The rules for devices with these settings, by the alarm's name."""
        if not thresholds:
            return self._plain
        key = orjson.dumps(thresholds, option=orjson.OPT_SORT_KEYS)
        known = self._sets.get(key)
        if known is None:
            rules = [self._changed(alarm, thresholds.get(alarm.name)) for alarm in self._alarms]
            known = self._sets[key] = _rule_set(rules, self._names)
        return known

    def _changed(self, alarm: Alarm, settings: object) -> AlarmRule:
        """The rule with other settings; as it is where these are wrong."""
        rule = self._rules[alarm.name]
        if settings is None:
            return rule
        try:
            threshold = Threshold.model_validate(settings)
            changes = {name: getattr(threshold, name) for name in threshold.model_fields_set}
            return _rule(Alarm.model_validate({**dict(alarm), **changes}), self._names)
        except (ValidationError, BadConditionError) as error:
            _log.error("thresholds that cannot be used", alarm=alarm.name, settings=settings, reason=str(error)[:500])
            return rule


def compile_alarms(config: Config) -> AlarmRules:
    """The rules of a configuration."""
    zone = ZoneInfo(config.desk.timezone)
    windows = [
        Window(
            name=one.name,
            begins=one.begins if one.begins.tzinfo else one.begins.replace(tzinfo=zone),
            ends=one.ends if one.ends.tzinfo else one.ends.replace(tzinfo=zone),
            devices=frozenset(one.devices),
            products=frozenset(one.products),
            gateways=frozenset(one.gateways),
            accounts=frozenset(one.accounts),
        )
        for one in config.maintenance
    ]
    return AlarmRules(config.alarm, windows, alarm_names(config))


def alarm_names(config: Config) -> Names:
    """What conditions of alarms may name on this desk."""
    known = vocabulary(config.fields.model_dump())
    return {name: known[name] for name in READING_NAMES}


def _rule_set(rules: Iterable[AlarmRule], names: Names) -> RuleSet:
    every = tuple(rules)
    conditions = [one for rule in every for one in _conditions(rule)]
    view = View.of(names, conditions)
    return RuleSet(
        on_readings=tuple(rule for rule in every if rule.silent_for is None),
        silences=tuple(rule for rule in every if rule.silent_for is not None),
        view=view,
        _facts=view.facts({}),
    )


def _rule(alarm: Alarm, names: Names) -> AlarmRule:
    def compiled(text: str | None) -> Holds:
        return ALWAYS if text in {None, "true"} else Condition.compile(text or "", names, f"[[alarm]] {alarm.name}")

    clear = compiled(alarm.clear) if alarm.clear is not None else None
    levels = (
        *(
            Level(severity=one.severity, when=compiled(one.when), opens_case=one.opens_case, on_raise=one.on_raise)
            for one in alarm.levels
        ),
        Level(severity=alarm.severity, opens_case=alarm.opens_case),
    )
    group = alarm.group
    return AlarmRule(
        name=alarm.name,
        levels=levels,
        when=compiled(alarm.when),
        clear=clear,
        clear_names=isinstance(clear, Condition) and ("name",) in clear.reads,
        silent_for=timedelta(seconds=alarm.silent_s) if alarm.silent_s is not None else None,
        lasts=timedelta(seconds=alarm.for_s),
        reopen_within=timedelta(seconds=alarm.reopen_s),
        late_after=timedelta(seconds=alarm.late_s),
        on_raise=alarm.on_raise,
        on_clear=alarm.on_clear,
        resolve_on_clear=alarm.resolve_on_clear,
        group=Group(group.by, group.more_than, timedelta(seconds=group.within_s)) if group else None,
    )


def _conditions(rule: AlarmRule) -> Iterable[Condition]:
    for one in (rule.when, rule.clear, *(level.when for level in rule.levels)):
        if isinstance(one, Condition):
            yield one


def _concerns(rule: AlarmRule, name: str) -> bool:
    return _may_hold(rule.when, name) or (rule.clear_names and rule.clear is not None and _may_hold(rule.clear, name))


def _may_hold(condition: Holds, name: str) -> bool:
    """Whether a condition may hold of a reading of this name: it is asked with nothing but the name."""
    if not isinstance(condition, Condition):
        return True
    try:
        found = condition.program.execute({"name": name})
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError):
        return True  # that depends on the value
    return found is not False
