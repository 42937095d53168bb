"""What becomes of the promises on a case as it changes and as time passes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pipeline.domain.calendar import Calendar
from pipeline.domain.kpi import Ending, Instance, Kpi, Sla, State, Stretch

Kind = Literal["started", "warned", "breached", "met", "paused", "resumed", "cancelled"]

RECOMPUTED = "recomputed: "
"""Begins why an instance that was there before is told to start."""

_ALWAYS = Calendar(UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A case as it was after what happened `at` a time, and its state before.

    `times` are those that promises may count from, `why` says what happened, `facts` are what conditions see.
    """

    at: datetime
    state: str
    before: str
    times: Mapping[str, datetime | None]
    why: str
    facts: Any


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to an instance, its `state` then: when it was `due`, where it has a time, and why."""

    kind: Kind
    instance: Instance
    at: datetime
    why: str
    due: datetime | None = None
    state: State = "in progress"


@dataclass(frozen=True, slots=True)
class Terms:
    """All promises that the desk may make, by their keys, and its calendars by their names."""

    kpis: Mapping[str, Kpi] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    def hours(self, instance: Instance) -> Calendar:
        """What an instance is counted in; of promises that are no more, the calendar of that name."""
        if (kpi := self.kpis.get(instance.key)) is not None:
            return kpi.hours
        name = instance.stretches[-1].calendar if instance.stretches else ""
        return self.calendars.get(name, _ALWAYS)


class Promises:
    """The instances of one case, and what happens to them; `happened` is for whoever must tell.

    `stale_since` is when somebody noticed that they were promised by another configuration than today's.
    """

    def __init__(self, case_id: UUID, instances: Iterable[Instance], terms: Terms, new_id: Callable[[], UUID]) -> None:
        self._case_id = case_id
        self._terms = terms
        self._new_id = new_id
        self.instances = list(instances)
        self.stale_since: datetime | None = None
        self.happened: list[Happening] = []

    def attend(self, sla: Sla | None, moment: Moment) -> None:
        """The case changed: begin, pause, resume, recompute, meet or cancel what there is to."""
        running = [instance for instance in self.instances if instance.is_open]
        for instance in running:
            self._overdue(instance, moment.at)
        if moment.state == "cancelled":
            for instance in running:
                self._end(instance, "cancelled", moment.at, moment.why)
            return
        applying = sla.applying(moment.facts) if sla else {}
        for name in dict.fromkeys([*(instance.kpi for instance in running), *applying]):
            kpi = applying.get(name)
            latest = next((one for one in reversed(self.instances) if one.kpi == name), None)
            if latest is None or not latest.is_open:
                latest = self._begin(latest, kpi, moment) if kpi is not None and moment.state == "active" else None
            if latest is not None:
                self._go_on(latest, kpi, moment)

    def is_known(self, instance: Instance) -> bool:
        """Whether its promise is still configured as it was when its deadlines were reckoned."""
        return instance.key in self._terms.kpis

    def fall_due(self, instance: Instance, due: datetime, at: datetime) -> None:
        """The time of a warning or of the deadline itself has come; what stands still, or is over, lets it pass."""
        if not instance.is_open or instance.is_paused:
            return
        if instance.warned_at is None and instance.warn_at is not None and instance.warn_at <= due:
            self._warn(instance, at)
        if instance.breached_at is None and instance.fail_at is not None and instance.fail_at <= due:
            self._breach(instance, at)

    def _overdue(self, instance: Instance, at: datetime) -> None:
        """What was due before something else happened is told first."""
        if instance.is_paused:
            return
        if instance.warned_at is None and instance.warn_at is not None and instance.warn_at < at:
            self._warn(instance, at)
        if instance.breached_at is None and instance.fail_at is not None and instance.fail_at < at:
            self._breach(instance, at)

    def _warn(self, instance: Instance, at: datetime) -> None:
        instance.warned_at, instance.changed = instance.warn_at, True
        self._tell("warned", instance, at, "the time to warn has come", instance.warn_at)

    def _breach(self, instance: Instance, at: datetime) -> None:
        instance.breached_at, instance.changed = instance.fail_at, True
        self._tell("breached", instance, at, "the deadline has passed", instance.fail_at)

    def _begin(self, latest: Instance | None, kpi: Kpi, moment: Moment) -> Instance | None:
        """An instance for a promise that none is open for; None when there is none to begin."""
        value = moment.times.get(kpi.counts_from)
        if value is None:
            return None
        if latest is None or latest.value != value:
            return self._start(kpi, value, [], value, f"counted from {kpi.counts_from}", moment)
        reopened = moment.before != "active"
        if latest.ended_by == "met" and not kpi.met_when.holds(moment.facts):
            return self._start_again(latest, kpi, moment) if reopened else self._take_back(latest, kpi, moment)
        if latest.ended_by == "cancelled":
            return self._start_again(latest, kpi, moment)
        if latest.ended_by == "not applicable":
            since = latest.ended_at or moment.at
            return self._start(kpi, value, self._carried(latest), since, "applies again", moment)
        return None

    def _start(
        self, kpi: Kpi, value: datetime, carried: list[Stretch], since: datetime, cause: str, moment: Moment
    ) -> Instance:
        instance = Instance(
            id=self._new_id(),
            case_id=self._case_id,
            number=len(self.instances) + 1,
            kpi=kpi.name,
            sla=kpi.sla,
            key=kpi.key,
            value=value,
            stretches=[*carried, Stretch(since, None, "counted", cause, kpi.calendar)],
        )
        self.instances.append(instance)
        self._reckon(instance, kpi)
        self._tell("started", instance, moment.at, moment.why)
        return instance

    def _start_again(self, latest: Instance, kpi: Kpi, moment: Moment) -> Instance:
        """After a reopening: with the time used before, or from nothing. A breach that was told stays so."""
        goes_on = kpi.on_reopen == "continue"
        carried = [stretch for stretch in self._carried(latest) if goes_on and stretch.kind == "carried"]
        instance = self._start(kpi, latest.value, carried, moment.at, "reopened", moment)
        if goes_on:
            instance.warned_at, instance.breached_at = latest.warned_at, latest.breached_at
        return instance

    def _carried(self, latest: Instance) -> list[Stretch]:
        if not latest.stretches or latest.ended_at is None:
            return []
        hours, start, name = self._terms.hours(latest), latest.stretches[0].start, latest.stretches[-1].calendar
        used, paused = latest.elapsed(latest.ended_at, hours), latest.paused(latest.ended_at, hours)
        carried = [Stretch(start, latest.ended_at, "carried", "used before", name, used)]
        return (
            [*carried, Stretch(start, latest.ended_at, "paused", "paused before", name, paused)] if paused else carried
        )

    def _take_back(self, latest: Instance, kpi: Kpi, moment: Moment) -> Instance:
        """What met it turned out not to: it goes on as if it had never been met."""
        since = latest.ended_at or moment.at
        latest.succeeded_at = latest.ended_at = latest.ended_by = None
        latest.turn("counted", "what met it was taken back", since, kpi)
        self._reckon(latest, kpi)
        self._tell("resumed", latest, moment.at, f"what met it was taken back: {moment.why}")
        self._overdue(latest, moment.at)
        return latest

    def _go_on(self, instance: Instance, kpi: Kpi | None, moment: Moment) -> None:
        """An open instance, after what happened; one that was broken may still be met when it would apply no longer."""
        if kpi is None and instance.breached_at is not None:
            kpi = self._terms.kpis.get(instance.key)
        if kpi is None:
            return self._end(instance, "not applicable", moment.at, f"it does not apply any more: {moment.why}")
        met = kpi.met_when.holds(moment.facts)
        value = moment.times.get(kpi.counts_from)
        if value is not None and value != instance.value:
            self._end(instance, "not applicable", moment.at, f"it counts from another time: {moment.why}")
            instance = self._start(kpi, value, [], value, f"counted from {kpi.counts_from}", moment)
        elif kpi.key != instance.key:
            self._recompute(instance, kpi, moment)
        if instance.breached_at is None:
            self._overdue(instance, moment.at)
        if met:
            return self._meet(instance, moment)
        if moment.state != "active":
            return self._end(instance, "resolved", moment.at, moment.why)
        if value is None:
            return self._end(instance, "not applicable", moment.at, f"there is nothing to count from: {moment.why}")
        pauses = kpi.pause_when is not None and kpi.pause_when.holds(moment.facts)
        if pauses != instance.is_paused:
            instance.turn("paused" if pauses else "counted", moment.why, moment.at, kpi)
            self._reckon(instance, kpi)
            self._tell("paused" if pauses else "resumed", instance, moment.at, moment.why)
        return None

    def _recompute(self, instance: Instance, kpi: Kpi, moment: Moment) -> None:
        """Another promise of that name applies now: what was used and paused is carried over."""
        kind: Literal["counted", "paused"] = "paused" if instance.is_paused else "counted"
        at = instance.close(moment.at, self._terms.hours(instance))
        instance.stretches.append(Stretch(at, None, kind, f"{RECOMPUTED}{moment.why}", kpi.calendar))
        instance.key, instance.sla = kpi.key, kpi.sla
        self._reckon(instance, kpi)
        self._tell("started", instance, moment.at, f"{RECOMPUTED}{moment.why}")

    def _meet(self, instance: Instance, moment: Moment) -> None:
        at = instance.close(moment.at, self._terms.hours(instance))
        instance.succeeded_at = instance.ended_at = at
        instance.ended_by = "met"
        self._tell("met", instance, moment.at, f"late: {moment.why}" if instance.late else moment.why)

    def _end(self, instance: Instance, by: Ending, at: datetime, why: str) -> None:
        instance.ended_at = instance.close(at, self._terms.hours(instance))
        instance.ended_by = by
        self._tell("cancelled", instance, at, why)

    def _reckon(self, instance: Instance, kpi: Kpi) -> None:
        """When it is due now."""
        instance.changed = True
        instance.warn_at = instance.due(kpi.warn, kpi) if kpi.warn is not None and not instance.is_paused else None
        instance.fail_at = instance.due(kpi.fail, kpi) if not instance.is_paused else None

    def _tell(self, kind: Kind, instance: Instance, at: datetime, why: str, due: datetime | None = None) -> None:
        self.happened.append(Happening(kind, instance, at, why, due, instance.state))
