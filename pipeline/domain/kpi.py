"""KPI instances: what was promised on one case, the time that counted on it and the time that did not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from pipeline.domain.calendar import Calendar, NoBusinessTimeError
from pipeline.domain.deadlines import Deadline

State = Literal["in progress", "nearing non-compliance", "non-compliant", "succeeded", "paused", "cancelled"]
Ending = Literal["met", "resolved", "cancelled", "not applicable"]

NOTHING = timedelta()


class Asked(Protocol):
    """A condition, asked about a case."""

    def holds(self, facts: Any) -> bool:  # noqa: ANN401  # whatever the conditions are compiled for
        """Whether it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """A promise of an SLA. `counts_from` is a time of the case; `hours` is the calendar called `calendar`.

    `key` tells it from every other one, and from itself once anything in it changed.
    """

    key: str
    sla: str
    name: str
    counts_from: str
    fail: Deadline
    warn: Deadline | None
    met_when: Asked
    applies_when: Asked | None
    pause_when: Asked | None
    calendar: str
    hours: Calendar
    on_warn: tuple[str, ...] = ()
    on_fail: tuple[str, ...] = ()
    on_reopen: Literal["continue", "restart"] = "continue"


@dataclass(frozen=True, slots=True)
class Sla:
    """Promises that are made together; of those that bear one name the first that applies is made."""

    name: str
    kpis: tuple[Kpi, ...]

    def applying(self, facts: Any) -> Mapping[str, Kpi]:  # noqa: ANN401  # the same
        """The promise of each name that applies."""
        found: dict[str, Kpi] = {}
        for kpi in self.kpis:
            if kpi.name not in found and (kpi.applies_when is None or kpi.applies_when.holds(facts)):
                found[kpi.name] = kpi
        return found


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that counted, was paused, or was carried over from another instance, and the business time in it.

    While it goes on, it has no `end`, and its `length` is not known yet. `calendar` is the name of the one it is
    counted in.
    """

    start: datetime
    end: datetime | None
    kind: Literal["counted", "paused", "carried"]
    cause: str
    calendar: str
    length: timedelta = NOTHING


@dataclass(slots=True, kw_only=True)
class Instance:
    """One promise on one case; `number` orders those of a case, `value` is what it counts from.

    `ended_by` says why it is over, `late` that it was met after its breach. `changed` and `is_new` tell whoever keeps
    it what is to be written.
    """

    id: UUID
    case_id: UUID
    number: int
    kpi: str
    sla: str
    key: str
    value: datetime
    stretches: list[Stretch] = field(default_factory=list)
    warn_at: datetime | None = None
    fail_at: datetime | None = None
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    succeeded_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: Ending | None = None
    changed: bool = True
    is_new: bool = True

    @property
    def is_open(self) -> bool:
        """Whether its time still goes on, or stands still only for a while."""
        return self.ended_at is None

    @property
    def is_paused(self) -> bool:
        """Whether its time stands still."""
        return self.is_open and bool(self.stretches) and self.stretches[-1].kind == "paused"

    @property
    def state(self) -> State:
        """Its state; a breach stays, unless it was met late after all."""
        if self.succeeded_at is not None:
            return "succeeded"
        if self.breached_at is not None:
            return "non-compliant"
        if not self.is_open:
            return "cancelled"
        if self.is_paused:
            return "paused"
        return "nearing non-compliance" if self.warned_at is not None else "in progress"

    @property
    def late(self) -> bool:
        """Whether it was met after its breach."""
        return self.succeeded_at is not None and self.breached_at is not None

    def elapsed(self, now: datetime, hours: Calendar) -> timedelta:
        """The business time that counted until `now`."""
        return self._sum({"counted", "carried"}, now, hours)

    def paused(self, now: datetime, hours: Calendar) -> timedelta:
        """The business time that did not count because it was paused."""
        return self._sum({"paused"}, now, hours)

    def turn(self, kind: Literal["counted", "paused"], cause: str, at: datetime, kpi: Kpi) -> None:
        """From `at` its time counts, or stands still."""
        at = self.close(at, kpi.hours)
        self.stretches.append(Stretch(at, None, kind, cause, kpi.calendar))

    def close(self, at: datetime, hours: Calendar) -> datetime:
        """End the stretch that goes on; the answer is when, which is never before it began."""
        self.changed = True
        if not self.stretches or self.stretches[-1].end is not None:
            return at
        last = self.stretches.pop()
        at = max(at, last.start)
        if at > last.start:
            self.stretches.append(replace(last, end=at, length=hours.elapsed(last.start, at)))
        return at

    def due(self, deadline: Deadline, kpi: Kpi) -> datetime | None:
        """When a deadline of it is due, or was; None while its time stands still, or if no business time is left."""
        try:
            return self._due(deadline, kpi)
        except NoBusinessTimeError:
            return None

    def _due(self, deadline: Deadline, kpi: Kpi) -> datetime | None:
        if deadline.length is None and len(self.stretches) == 1 and self.stretches[0].kind == "counted":
            return deadline.after(self.stretches[0].start, kpi.hours)
        length = deadline.length
        if length is None:
            begun = self.stretches[0].start if self.stretches else self.value
            length = kpi.hours.elapsed(begun, deadline.after(begun, kpi.hours))
        for stretch in self.stretches:
            if stretch.kind == "paused":
                continue
            if stretch.end is None:
                return kpi.hours.add(stretch.start, length)
            if stretch.length >= length:
                return stretch.end if stretch.kind == "carried" else kpi.hours.add(stretch.start, length)
            length -= stretch.length
        return None

    def _sum(self, kinds: set[str], now: datetime, hours: Calendar) -> timedelta:
        total = NOTHING
        for stretch in self.stretches:
            if stretch.kind not in kinds:
                continue
            going_on = stretch.end is None and now > stretch.start
            total += hours.elapsed(stretch.start, now) if going_on else stretch.length
        return total
