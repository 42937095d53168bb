"""Judges what devices tell by the rules, one message after the other."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

from pipeline.agents.batch import Batch
from pipeline.agents.channels.told import Observed
from pipeline.agents.devices.alarm_rules import AlarmRules, RuleSet
from pipeline.agents.devices.watch_state import Moved, Teller, WatchState
from pipeline.domain import silence
from pipeline.domain.alarm_rules import AlarmRule, Judged, RuleAlarm, Sample, fire, judge
from pipeline.domain.conditions import Facts
from pipeline.domain.duplicates import digest
from pipeline.domain.timers import Timer
from pipeline.store.channel_ports import Value
from pipeline.store.ports import Transaction
from pipeline.store.watch_ports import AlarmName, Watched

ALARM = "alarm"
"""The kind of the timers of alarms that must last before they are raised, of devices that must be heard in time."""

_MOST_BACK = timedelta(days=2)
"""How far back maintenance is looked for: a message may have been so long on its way."""

_LONGEST_KEY = 400
"""A longer one is kept as its digest, so that it fits an index."""


def device_claim(device: str) -> str:
    """What is claimed so that whatever is told of a device is judged one after the other."""
    return digest("device", device)


class Watching:
    """The devices of one batch."""

    def __init__(self, rules: AlarmRules, batch: Batch) -> None:
        self._rules = rules
        self._batch = batch
        self._sets: dict[str, RuleSet] = {}
        self._records: dict[str, Mapping[str, object]] = {}
        self._silent: datetime | None = None
        self.state = batch.watch
        self._standing: dict[str, dict[str, RuleAlarm]] = {}
        for alarm in self.state.alarms.values():
            if alarm is not None and alarm.state != "cleared":
                self._standing.setdefault(alarm.device, {})[alarm.rule] = alarm

    @classmethod
    async def of(
        cls, rules: AlarmRules, devices: Collection[str], since: datetime, batch: Batch, tx: Transaction
    ) -> Self:
        """What is known of these devices, which are claimed; nothing is told of them that is older than `since`."""
        facts = await tx.watched(devices, since - max(_MOST_BACK, 2 * rules.longest_silence))
        customers = await tx.customers(devices=devices)
        for device in customers.devices.values():
            rules.of(device.thresholds)
        owners = {device.account.id for device in customers.devices.values() if device.account}
        accounts = (await tx.customers(accounts=owners)).accounts if owners and rules.read_accounts else {}
        batch.watch = WatchState(
            devices=dict(facts.devices),
            alarms=dict(facts.alarms),
            windows=[*rules.windows, *facts.windows],
            known=customers.devices,
            accounts=accounts,
        )
        return cls(rules, batch)

    # ---- what a device tells

    def hears(self, teller: Teller, device: str, *, alive: bool, gone: bool) -> None:
        """A message of a device came: first what time did meanwhile, then that the device is there, or gone."""
        rules = self._rules_of(device)
        if device not in self._standing and (
            not rules.silences or (alive and self._was_heard_lately(device, teller.at))
        ):
            return
        before = self._flushed(device)
        self._silent = self._silent_since(device, rules, teller.at) if device in self._standing else None
        for rule in rules.on_readings:
            self._fire(rule, device, teller, by_clock=False)
        for rule in rules.silences:
            alarm = self.state.alarms.get((device, rule.name))
            if alive:
                at = self._deadline(rule, device, before.heard_at) if before is not None else None
                self._keep(rule, device, alarm, silence.heard(rule, alarm, device, teller.at, at), teller)
            elif gone and before is not None:
                judged = silence.gone(
                    rule, alarm, device, teller.at, maintained=self.state.maintained(device, teller.at)
                )
                self._keep(rule, device, alarm, judged, teller)
        if alive and rules.silences:
            self._heard(rules, device, teller, before)

    def reads(self, teller: Teller, observed: Observed, *, kept: bool, severity: str = "") -> None:
        """A reading that is no older than the last one of its name."""
        state = observed.state
        if state.value is None and not severity:
            return
        rules = self._rules_of(state.device)
        concerned: Iterable[AlarmRule] = rules.concerned(state.name)
        standing = self._standing.get(state.device)
        if standing:
            held = [
                rule for rule in rules.on_readings if (one := standing.get(rule.name)) and state.name in one.holding
            ]
            concerned = dict.fromkeys((*concerned, *held))
        if not concerned:
            return
        facts = rules.facts(
            {
                "name": state.name,
                "value": state.value,
                "unit": observed.unit,
                "severity": severity,
                "device": self._record(state.device) if rules.view.reads("device") else None,
                "account": self._account(state.device) if rules.view.reads("account") else None,
            }
        )
        sample: Sample | None = None
        for rule in concerned:
            alarm = self.state.alarms.get((state.device, rule.name))
            if (alarm is None or alarm.state == "cleared") and not rule.when.holds(facts):
                continue  # as nearly all readings are
            sample = sample or _sample(observed, facts, severity, kept=kept)
            maintained = self.state.maintained(state.device, state.at)
            judged = judge(rule, alarm, sample, silent_since=self._silent, maintained=maintained)
            self._keep(rule, state.device, alarm, judged, teller)
        for failure in facts.failures:
            name, _, reason = failure.partition(" failed: ")
            self._batch.queues.fail(name, reason)

    def has_heard(self, teller: Teller, device: str, *, alive: bool) -> None:
        """All readings of a message are judged: what waited for its device to be heard is raised now."""
        if alive and self._silent is not None and device in self._standing:
            self._silent = None
            for rule in self._rules_of(device).on_readings:
                self._fire(rule, device, teller, by_clock=True)
        self._silent = None

    # ---- what the clock tells

    def comes(self, device: str, rule_name: str, teller: Teller) -> None:
        """The time of an alarm has come, by a rule that may be no more."""
        rules = self._rules_of(device)
        for rule in rules.on_readings:
            if rule.name == rule_name:
                self._silent = self._silent_since(device, rules, teller.at)
                self._fire(rule, device, teller, by_clock=True)
                return
        self._waited(device, rule_name, teller)

    def _waited(self, device: str, rule_name: str, teller: Teller) -> None:
        """It is time to see whether a device was heard."""
        rules, watched = self._rules_of(device), self.state.devices.get(device)
        rule = next((one for one in rules.silences if one.name == rule_name), None)
        if watched is None:
            return
        if rule is None:  # the rule is no more; should it come back, the device is watched again when it is heard
            self._set(replace(watched, watched=watched.watched - {rule_name}))
            return
        at = self._deadline(rule, device, watched.heard_at)
        alarm = self.state.alarms.get((device, rule_name))
        if teller.at < at:
            self._arm(device, rule, at)
        elif alarm is not None and alarm.is_active:
            self._set(replace(watched, watched=watched.watched - {rule_name}))
        else:
            self._keep(rule, device, alarm, silence.not_heard(rule, alarm, device, at, teller.at), teller)

    # ---- both

    async def look_around(self, tx: Transaction) -> None:
        """Lock the groups of alarms that the moves are about, and name the cases that are to be locked."""
        state = self.state
        state.named |= {moved.move.alarm.case_id for moved in state.moves if moved.move.alarm.case_id}
        raised = [moved for moved in state.moves if moved.move.kind == "raised" and moved.rule.group]
        await self._lock_groups([(moved.rule, moved.move.alarm.device, moved.move.at) for moved in raised], tx)

    async def foresee(self, names: Collection[AlarmName], at: datetime, tx: Transaction) -> None:
        """The same for alarms that may be raised at a time."""
        asked: list[tuple[AlarmRule, str, datetime]] = []
        for device, rule_name in names:
            alarm = self.state.alarms.get((device, rule_name))
            self.state.named |= {alarm.case_id} if alarm is not None and alarm.case_id else set()
            rules = self._rules_of(device)
            asked += [(rule, device, at) for rule in (*rules.on_readings, *rules.silences) if rule.name == rule_name]
        await self._lock_groups(asked, tx)

    async def _lock_groups(self, asked: Collection[tuple[AlarmRule, str, datetime]], tx: Transaction) -> None:
        grouped = {
            (rule.name, key): at - rule.group.within
            for rule, device, at in asked
            if rule.group and (key := self._group_key(rule, device))
        }
        if not grouped:
            return
        state = self.state
        state.groups = dict(await tx.lock_groups(sorted(grouped), min(grouped.values())))
        for group in state.groups.values():
            state.named |= {group.case_id} if group.case_id else set()
            state.named |= {member.case_id for member in group.members if member.case_id}

    def _was_heard_lately(self, device: str, at: datetime) -> bool:
        """Whether all that follows from hearing a device is that it was heard later than before."""
        rules, watched = self._rules_of(device), self.state.devices.get(device)
        if watched is None or self.state.windows or not rules.silence_names <= watched.watched:
            return False
        last = self.state.later.get(device, watched.heard_at)
        if at - last >= rules.soonest_silence:
            return False
        if at > last:
            self.state.later[device] = at
        return True

    def _flushed(self, device: str) -> Watched | None:
        """The device, with when it was heard last."""
        watched = self.state.devices.get(device)
        if watched is not None and (at := self.state.later.pop(device, None)) is not None:
            watched = replace(watched, heard_at=at)
            self._set(watched)
        return watched

    def _fire(self, rule: AlarmRule, device: str, teller: Teller, *, by_clock: bool) -> None:
        """Raise a pending alarm whose time has come, now or (not `by_clock`) when it had come."""
        alarm = self.state.alarms.get((device, rule.name))
        if alarm is None or alarm.state != "pending" or alarm.due is None or alarm.due > teller.at:
            return
        silent = self._silent is not None and self._silent <= alarm.due
        at = teller.at if by_clock else alarm.due
        judged = fire(rule, alarm, at, silent=silent, maintained=self.state.maintained(device, at))
        self._keep(rule, device, alarm, judged, teller)

    def _silent_since(self, device: str, rules: RuleSet, now: datetime) -> datetime | None:
        """Since when the device is silent by any rule, if it is."""
        found: list[datetime] = []
        watched = self.state.devices.get(device)
        for rule in rules.silences:
            alarm = self.state.alarms.get((device, rule.name))
            if alarm is not None and alarm.is_active and alarm.raised_at is not None:
                found.append(alarm.raised_at)
            elif watched is not None and (at := self._deadline(rule, device, watched.heard_at)) <= now:
                found.append(at)
        return min(found, default=None)

    def _heard(self, rules: RuleSet, device: str, teller: Teller, before: Watched | None) -> None:
        """Keep when the device was heard, and watch it from then on."""
        at = max(before.heard_at, teller.at) if before else teller.at
        watched = before.watched if before else frozenset[str]()
        for rule in rules.silences:
            if rule.name not in watched:
                self._arm(device, rule, self._deadline(rule, device, at))
        self._set(Watched(device, teller.source, at, watched | {rule.name for rule in rules.silences}))

    def _deadline(self, rule: AlarmRule, device: str, heard_at: datetime) -> datetime:
        return silence.deadline(rule, heard_at, self.state.place(device), self.state.windows)

    def _keep(self, rule: AlarmRule, device: str, before: RuleAlarm | None, judged: Judged, teller: Teller) -> None:
        """Take over what was judged, with the timers that follow from it."""
        alarm, moves = judged
        if alarm is before and not moves:
            return
        name = (device, rule.name)
        if alarm is not None and moves:
            source, group = teller.source or alarm.source or self._source(device), self._group_key(rule, device)
            moves = tuple([replace(move, alarm=replace(move.alarm, source=source, group_key=group)) for move in moves])
            alarm = replace(alarm, source=source, group_key=group)
        elif alarm is not None and not alarm.source:
            alarm = replace(alarm, source=teller.source)
        self.state.alarms[name] = alarm
        self.state.moved.add(name)
        self._stands(name, alarm)
        self.state.moves += [Moved(rule, move, teller) for move in moves]
        if rule.silent_for is not None:
            self._watch_again(rule, device, alarm)
        elif rule.lasts:
            due = alarm.due if alarm is not None and alarm.state == "pending" else None
            if due is not None and due != (before.due if before else None):
                self._arm(device, rule, due)
            elif due is None and before is not None and before.state == "pending":
                self._batch.disarm(ALARM, _key(device, rule))

    def _source(self, device: str) -> str:
        watched = self.state.devices.get(device)
        return watched.source if watched else ""

    def _stands(self, name: AlarmName, alarm: RuleAlarm | None) -> None:
        device, rule = name
        if alarm is not None and alarm.state != "cleared":
            self._standing.setdefault(device, {})[rule] = alarm
        elif standing := self._standing.get(device):
            standing.pop(rule, None)

    def _watch_again(self, rule: AlarmRule, device: str, alarm: RuleAlarm | None) -> None:
        """A device that is silent needs no timer; one that is heard again needs one, which `_heard` arms."""
        watched = self.state.devices.get(device)
        if watched is not None and alarm is not None and alarm.is_active:
            self._batch.disarm(ALARM, _key(device, rule))
            self._set(replace(watched, watched=watched.watched - {rule.name}))

    def _arm(self, device: str, rule: AlarmRule, at: datetime) -> None:
        data = {"device": device, "rule": rule.name}
        self._batch.arm(Timer(ALARM, _key(device, rule), at, waits_for="devices", data=data))

    def _set(self, watched: Watched) -> None:
        self.state.devices[watched.device] = watched
        self.state.heard.add(watched.device)

    def _rules_of(self, device: str) -> RuleSet:
        known = self._sets.get(device)
        if known is None:
            facts = self.state.known.get(device)
            known = self._sets[device] = self._rules.of(facts.thresholds if facts else {})
        return known

    def _record(self, device: str) -> Mapping[str, object]:
        """The device as conditions see it; one that was never imported has its name."""
        known = self._records.get(device)
        if known is None:
            facts = self.state.known.get(device)
            known = self._records[device] = facts.record() if facts else {"external_id": device, "name": device}
        return known

    def _account(self, device: str) -> Mapping[str, object] | None:
        facts = self.state.known.get(device)
        account = self.state.accounts.get(facts.account.id) if facts and facts.account else None
        return account.record() if account else None

    def _group_key(self, rule: AlarmRule, device: str) -> str | None:
        value = self._record(device).get(rule.group.by.partition(".")[2]) if rule.group else None
        if value in (None, "") or isinstance(value, list):  # of several, none is what devices have in common
            return None
        text = str(value)
        return text if len(text) <= _LONGEST_KEY else digest(text)


def _key(device: str, rule: AlarmRule) -> str:
    return digest(device, rule.name)


def _sample(observed: Observed, facts: Facts, severity: str, *, kept: bool) -> Sample:
    state = observed.state
    return Sample(
        device=state.device,
        name=state.name,
        says=_says(state.name, state.value, observed.unit, severity),
        at=state.at,
        received=state.received_at,
        facts=facts,
        old=kept,
    )


def _says(name: str, value: Value, unit: str, severity: str) -> str:
    if severity:
        return f"{name} is told as {severity}"
    shown = str(value)[:100]
    return f"{name} is {shown} {unit}".rstrip()
