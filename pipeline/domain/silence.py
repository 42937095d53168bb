"""Silence: an alarm on devices that are not heard any more, or that say so themselves."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pipeline.domain.alarm_rules import AlarmRule, Judged, Move, RuleAlarm, clear, raise_alarm
from pipeline.domain.maintenance import Place, Window


def deadline(rule: AlarmRule, heard_at: datetime, place: Place, windows: Collection[Window] = ()) -> datetime:
    """When a device that is not heard again is silent; after a maintenance it is waited for anew."""
    if rule.silent_for is None:
        raise ValueError(f"{rule.name} is not about silence")
    since = heard_at
    for window in sorted(windows, key=lambda window: window.begins):
        if window.begins <= since + rule.silent_for and window.ends > since and window.is_about(place):
            since = window.ends
    return since + rule.silent_for


def not_heard(rule: AlarmRule, alarm: RuleAlarm | None, device: str, at: datetime, now: datetime) -> Judged:
    """The device is silent from its deadline on, `at`, unless it is heard before."""
    if now < at or (alarm is not None and alarm.is_active):
        return alarm, ()
    says = f"nothing is heard of {device}"
    return raise_alarm(rule, _of(rule, alarm, device, says), 0, at, late=now - at > rule.late_after)


def gone(
    rule: AlarmRule, alarm: RuleAlarm | None, device: str, at: datetime, *, late: bool = False, maintained: bool = False
) -> Judged:
    """The device, or the broker for it, said that it is gone: it is silent at once."""
    if maintained or (alarm is not None and alarm.is_active):
        return alarm, ()
    return raise_alarm(rule, _of(rule, alarm, device, f"{device} is gone"), 0, at, late=late)


def heard(
    rule: AlarmRule, alarm: RuleAlarm | None, device: str, at: datetime, silent_at: datetime | None = None
) -> Judged:
    """The device is heard; that it was silent before, from `silent_at` on, is told first."""
    moves: tuple[Move, ...] = ()
    if silent_at is not None and silent_at < at:
        alarm, moves = not_heard(rule, alarm, device, silent_at, at)
    if alarm is None or not alarm.is_active:
        return alarm, moves
    after, more = clear(replace(alarm, text=f"{device} is heard again"), at, late=False)
    return after, (*moves, *more)


def _of(rule: AlarmRule, alarm: RuleAlarm | None, device: str, says: str) -> RuleAlarm:
    return replace(alarm or RuleAlarm(device=device, rule=rule.name, state="cleared"), text=says)
