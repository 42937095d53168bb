"""Promises: the sections that say what the desk promises its customers, and what happens when it is late."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, model_validator

from pipeline.config.conditions import CaseConditionText
from pipeline.config.values import Section
from pipeline.domain.deadlines import Deadline, parse_day, parse_length

ACTIONS = ("escalate", "reassign", "webhook")
MAIL = "mail:"
TARGETS = ("owner", "manager")

OnReopen = Literal["continue", "restart"]


def _length(value: str) -> str:
    parse_length(value)
    return value


def _day(value: str) -> str:
    parse_day(value)
    return value


def _action(value: str) -> str:
    target = value.removeprefix(MAIL)
    is_mail = value.startswith(MAIL) and (target in TARGETS or re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", target))
    if value not in ACTIONS and not is_mail:
        listed = ", ".join(f'"{action}"' for action in (*(MAIL + name for name in TARGETS), f"{MAIL}ADDRESS", *ACTIONS))
        raise ValueError(f'"{value}" is nothing that can be done; there are: {listed}')
    return value


BusinessLength = Annotated[str, AfterValidator(_length)]
"""A length of business time, as `45m` or `1h30m`."""

WorkingDay = Annotated[str, AfterValidator(_day)]
"""A working day after the one on which a promise begins, as `next working day 16:00` or `2 working days`."""

Action = Annotated[str, AfterValidator(_action)]


class SlaKpi(Section):
    """One promise; what it leaves out is as its SLA says."""

    name: str
    applies_when: CaseConditionText | None = None
    counts_from: Literal["case.opened_at", "case.waiting_since"] = "case.opened_at"
    warn_after: BusinessLength | None = None
    warn_at: WorkingDay | None = None
    fail_after: BusinessLength | None = None
    fail_at: WorkingDay | None = None
    met_when: CaseConditionText
    pause_when: CaseConditionText | None = None
    calendar: str | None = None
    on_warn: tuple[Action, ...] = ()
    on_fail: tuple[Action, ...] = ()
    on_reopen: OnReopen | None = None

    @model_validator(mode="after")
    def _due_once(self) -> Self:
        if (self.fail_after is None) == (self.fail_at is None):
            raise ValueError(f'"{self.name}" needs one of "fail_after" and "fail_at"')
        if self.warn_after is not None and self.warn_at is not None:
            raise ValueError(f'"{self.name}" has "warn_after" and "warn_at"; keep one')
        if self.on_warn and self.warn is None:
            raise ValueError(f'"{self.name}" has "on_warn", which needs "warn_after" or "warn_at" too')
        warn, fail = self.warn.length if self.warn else None, self.fail.length
        if warn is not None and fail is not None and warn >= fail:
            raise ValueError(f'"{self.name}" warns after {self.warn_after}, and fails after {self.fail_after} already')
        return self

    @property
    def fail(self) -> Deadline:
        """When it is broken."""
        return _deadline(self.fail_after, self.fail_at) or Deadline()

    @property
    def warn(self) -> Deadline | None:
        """When someone is warned, if so."""
        return _deadline(self.warn_after, self.warn_at)


class Sla(Section):
    """Promises that are made together."""

    name: str
    default: bool = False
    calendar: str | None = None
    pause_when: CaseConditionText | None = None
    on_reopen: OnReopen = "continue"
    kpi: tuple[SlaKpi, ...] = ()


def _deadline(after: str | None, at: str | None) -> Deadline | None:
    if after is not None:
        return Deadline(length=parse_length(after))
    return parse_day(at) if at is not None else None


def promise_conflicts(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where promises contradict one another or name what is not there, in values that need not be valid otherwise."""
    calendars = values.get("calendar")
    known = list(calendars) if isinstance(calendars, Mapping) else []
    there = f"there are: {', '.join(known)}" if known else "there is none; write a section [calendar.NAME]"
    default: str | None = None
    for index, sla in _tables(values.get("sla")):
        place = ("sla", index)
        if sla.get("default") is True and default is not None:
            yield (*place, "default"), f'[[sla]] "{default}" is the default already; there is one at most'
        default = str(sla.get("name")) if sla.get("default") is True and default is None else default
        for location, record in ((place, sla), *(((*place, "kpi", at), kpi) for at, kpi in _tables(sla.get("kpi")))):
            name = record.get("calendar")
            if isinstance(name, str) and name not in known:
                yield (*location, "calendar"), f'there is no calendar "{name}"; {there}'


def _tables(records: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, record in enumerate(records if isinstance(records, list | tuple) else ()):
        if isinstance(record, Mapping):
            yield index, record
