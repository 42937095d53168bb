"""What a file may say of an agent."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.domain.reference import Absence, Agent
from pipeline.reference.kinds.told import (
    REACHED_BY,
    Id,
    Name,
    Told,
    Words,
    addresses,
    numbers,
    wrong_addresses,
    wrong_numbers,
)
from pipeline.reference.names import Names

Level = Annotated[int, Field(ge=0, le=100)]


class Away(BaseModel):
    """When an agent is away: days, the last one included, or instants with their offset."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        """Also as `2026-08-01`, `2026-08-01/2026-08-14`, or a list of the two."""
        parts = value.split("/") if isinstance(value, str) else value
        if isinstance(parts, list | tuple) and parts and all(isinstance(part, str) for part in parts):
            return {"from": parts[0], "to": parts[-1]}
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "Away":
        first, last = _moment(self.start), _moment(self.end)
        if type(first) is type(last) and last < first:
            raise ValueError(f"it ends ({self.end}) before it begins ({self.start})")
        return self


def _moment(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-08-01") else _aware(datetime.fromisoformat(text))
    except ValueError:
        says = f'"{text}" is neither a day like "2026-08-01" nor an instant like "2026-08-01T12:00:00+02:00"'
        raise ValueError(says) from None


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("it says no offset")
    return moment


def _none(value: object) -> object:
    return () if value is None else value


class ToldAgent(Told):
    """An agent: how they are known, where they work, what they are good at, when they are away."""

    kind: Literal["agent"]
    name: Name | None = None
    emails: Words = ()
    phones: Words = ()
    queues: Words = ()
    skills: Mapping[Name, Level] | None = None
    capacity: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    calendar: Id | None = None
    manager: Id | None = None
    away: Annotated[tuple[Away, ...], BeforeValidator(_none)] = ()

    lists: ClassVar[frozenset[str]] = frozenset({"emails", "phones", "queues", "away"})

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from wrong_addresses(self.emails)
        yield from wrong_numbers(self.phones, names)
        yield from names.unknown("queue", self.queues, names.queues)
        yield from names.unknown("calendar", [self.calendar] if self.calendar else [], names.calendars)

    def record(self, names: Names) -> Agent:
        """The record that is told."""
        values = self.values("emails", "phones")
        if "skills" in values:
            values["skills"] = dict(self.skills or {})
        if "away" in values:
            values["away"] = tuple(Absence(one.start, one.end) for one in self.away)
        return Agent(
            **values,
            known_by=self.known_by(REACHED_BY),
            identities=tuple(dict.fromkeys([*addresses(self.emails), *numbers(self.phones, names)])),
            notes=tuple(
                f'no rule asks for the skill "{skill}"; rules ask for: {", ".join(names.skills)}'
                for skill in (self.skills or {})
                if names.skills and skill not in names.skills
            ),
        )
