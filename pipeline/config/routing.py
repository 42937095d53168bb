"""The sections that say where cases go: rules of routing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.conditions import (
    CUT_NAMES,
    MESSAGE_NAMES,
    Asks,
    ConditionText,
    CutConditionText,
    MailConditionText,
    Place,
    names_at,
)
from pipeline.config.values import FieldName, Section
from pipeline.domain.conditions import Condition, View
from pipeline.domain.correlating import Correlation, wrong_pattern
from pipeline.domain.routing import Assignment, RouteRule, Routes

Priority = Literal["low", "normal", "high", "urgent"]


_WHO = {("message", "from", "address"), ("message", "proven")}
"""What a condition reads that asks who wrote a mail."""


def _pattern(value: str) -> str:
    if says := wrong_pattern(value):
        raise ValueError(says)
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression of RE2."""


class Route(Section):
    """A rule: the first one that holds says where a case goes, and each before it that lets others `continue`."""

    name: str
    when: ConditionText
    queue: str | None = None
    priority: Priority | None = None
    severity: str | None = None
    type: str | None = None
    owner: str | None = None
    assign: Assignment | None = None
    skills: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    units: Annotated[int, Field(ge=0)] | None = None
    continue_: Annotated[bool, Field(alias="continue")] = False

    def build(self, condition: Condition) -> RouteRule:
        """The rule, with its condition compiled."""
        fields = {name: getattr(self, name) for name in ("queue", "priority", "severity", "type", "owner")}
        return RouteRule(
            name=self.name,
            condition=condition,
            sets={name: value for name, value in fields.items() if value is not None},
            assign=self.assign,
            skills=self.skills,
            units=self.units,
            continues=self.continue_,
        )


class Correlate(Section):
    """A rule: mails of another system that tell of the same thing, by what is cut from them, belong to one case."""

    name: str
    when: MailConditionText
    fields: Mapping[FieldName, Pattern]
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    resolve_when: CutConditionText | None = None
    queue: str | None = None

    @model_validator(mode="after")
    def _cuts_its_key(self) -> Self:
        for name in self.key:
            if name not in self.fields:
                raise ValueError(f'its key names "{name}", which is not among its fields: {", ".join(self.fields)}')
        return self


def build_correlations(values: Mapping[str, Any], records: Iterable[Correlate]) -> tuple[Correlation, ...]:
    """The rules of correlation that a configuration of these values says."""
    return tuple(_correlation(values, index, record) for index, record in enumerate(records))


def _correlation(values: Mapping[str, Any], index: int, record: Correlate) -> Correlation:
    names = names_at(values, ("correlate", index), Asks(CUT_NAMES))
    when = Condition.compile(record.when, names, record.name)
    over = Condition.compile(record.resolve_when, names, record.name) if record.resolve_when is not None else None
    return Correlation(
        name=record.name,
        when=when,
        view=View.of(names, [when, *([over] if over is not None else [])]),
        fields=record.fields,
        key=record.key,
        resolve_when=over,
        queue=record.queue,
    )


def believes_anybody(values: Mapping[str, Any], records: Iterable[Correlate]) -> Iterator[tuple[int, str]]:
    """The rules of correlation, by place and name, that ask neither who wrote a mail nor whether that is proven."""
    for index, record in enumerate(records):
        rule = _correlation(values, index, record)
        if not {path[:3] for path in rule.when.reads} & _WHO:
            yield index, record.name


def build_routes(values: Mapping[str, Any], routes: Iterable[Route]) -> tuple[Routes, View]:
    """The rules of a configuration that says these values, and what they read."""
    names = names_at(values, ("route",), Asks(MESSAGE_NAMES))
    rules = tuple(route.build(Condition.compile(route.when, names, route.name)) for route in routes)
    return Routes(rules), View.of(names, [rule.condition for rule in rules])


def unreachable(routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    """The rules that are never asked, by their place, with the one above that holds always and does not continue."""
    always: str | None = None
    for index, rule in enumerate(routes):
        if always is not None:
            yield index, always
        elif rule.when.strip() == "true" and not rule.continue_:
            always = rule.name


def routing_conflicts(values: Mapping[str, Any], queues: Sequence[str]) -> Iterator[tuple[Place, str]]:
    """Where queues overflow into none, or into one another without end, in values that need not be valid otherwise."""
    targets: dict[str, str] = {}
    for index, record in _records(values.get("queue")):
        overflow = record.get("overflow")
        to, name = overflow.get("to") if isinstance(overflow, Mapping) else None, record.get("name")
        if not isinstance(to, str) or not isinstance(name, str):
            continue
        if to not in queues:
            there = ", ".join(f'"{queue}"' for queue in queues)
            yield ("queue", index, "overflow", "to"), f'there is no queue "{to}" to overflow into; there are: {there}'
        targets[name] = to
        yield from _unknown_calendar(index, overflow, values.get("calendar"))
    for index, record in _records(values.get("queue")):
        name = record.get("name")
        if isinstance(name, str) and (ring := _ring(name, targets)):
            says = f"queues overflow into one another without end: {' → '.join(ring)}; take one overflow away"
            yield ("queue", index, "overflow"), says
            return


def _unknown_calendar(index: int, overflow: object, calendars: object) -> Iterator[tuple[Place, str]]:
    name = overflow.get("calendar") if isinstance(overflow, Mapping) else None
    known = list(calendars) if isinstance(calendars, Mapping) else []
    if isinstance(name, str) and name not in known:
        there = f"there are: {', '.join(known)}" if known else "there is none; write a section [calendar.NAME]"
        yield ("queue", index, "overflow", "calendar"), f'there is no calendar "{name}"; {there}'


def _ring(name: str, targets: Mapping[str, str]) -> list[str]:
    """The way from a queue back to itself, empty when there is none."""
    way = [name]
    while (following := targets.get(way[-1])) is not None:
        way.append(following)
        if following == name:
            return way
        if following in way[:-1]:
            return []
    return []


def _records(records: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if isinstance(records, list | tuple):
        for index, record in enumerate(records):
            if isinstance(record, Mapping):
                yield index, record
