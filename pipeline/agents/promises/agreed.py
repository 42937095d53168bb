"""The desk's promises, made once from its configuration."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from pipeline.config import Config
from pipeline.config.conditions import CASE_NAMES, Asks, names_at
from pipeline.config.promises import Sla, SlaKpi
from pipeline.domain import sla as promises
from pipeline.domain.calendar import Calendar
from pipeline.domain.cel_judge import Names
from pipeline.domain.conditions import Condition, View
from pipeline.domain.kpi import Kpi
from pipeline.domain.kpi import Sla as Promised


@dataclass(frozen=True, slots=True)
class Pledges:
    """All that the desk promises: SLAs by name, the one of cases that have no other, and what their conditions read."""

    slas: Mapping[str, Promised] = field(default_factory=dict)
    default: str | None = None
    terms: promises.Terms = field(default_factory=promises.Terms)
    view: View = field(default_factory=lambda: View({}))


def compile_pledges(config: Config) -> Pledges:
    """The promises that a configuration says."""
    calendars = {name: calendar.build(config.desk.timezone) for name, calendar in config.calendar.items()}
    slas = {sla.name: _Maker(config, calendars, sla).made() for sla in config.sla}
    kpis = {kpi.key: kpi for sla in slas.values() for kpi in sla.kpis}
    asked = [
        condition
        for kpi in kpis.values()
        for condition in (kpi.met_when, kpi.applies_when, kpi.pause_when)
        if isinstance(condition, Condition)
    ]
    return Pledges(
        slas=slas,
        default=next((sla.name for sla in config.sla if sla.default), None),
        terms=promises.Terms(kpis, calendars),
        view=View.of(_names(config), asked),
    )


def _names(config: Config) -> Names:
    return names_at(config.model_dump(by_alias=True), ("sla",), Asks(CASE_NAMES))


class _Maker:
    """Makes the promises of one SLA."""

    def __init__(self, config: Config, calendars: Mapping[str, Calendar], sla: Sla) -> None:
        self._config = config
        self._calendars = calendars
        self._sla = sla
        self._names = _names(config)

    def made(self) -> Promised:
        return Promised(self._sla.name, tuple(self._kpi(index, kpi) for index, kpi in enumerate(self._sla.kpi)))

    def _kpi(self, index: int, kpi: SlaKpi) -> Kpi:
        calendar = kpi.calendar or self._sla.calendar or ""
        pause = kpi.pause_when if kpi.pause_when is not None else self._sla.pause_when
        return Kpi(
            key=self._key(index, kpi, calendar),
            sla=self._sla.name,
            name=kpi.name,
            counts_from=kpi.counts_from.removeprefix("case."),
            fail=kpi.fail,
            warn=kpi.warn,
            met_when=self._condition(kpi.met_when, f"{kpi.name} met_when"),
            applies_when=self._condition(kpi.applies_when, f"{kpi.name} applies_when") if kpi.applies_when else None,
            pause_when=self._condition(pause, f"{kpi.name} pause_when") if pause else None,
            calendar=calendar,
            hours=self._calendars.get(calendar) or Calendar(self._zone()),
            on_warn=kpi.on_warn,
            on_fail=kpi.on_fail,
            on_reopen=kpi.on_reopen or self._sla.on_reopen,
        )

    def _condition(self, text: str, name: str) -> Condition:
        return Condition.compile(text, self._names, f"[[sla]] {self._sla.name}, {name}")

    def _key(self, index: int, kpi: SlaKpi, calendar: str) -> str:
        """What changes when the promise does, or its calendar."""
        hours = self._config.calendar.get(calendar)
        shell = self._sla.model_dump_json(exclude={"kpi", "default"})
        parts = (index, kpi.model_dump_json(), shell, hours and hours.model_dump_json(), self._config.desk.timezone)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._config.desk.timezone)
