"""Reference data: the records that other systems tell a desk of, each known by its external id."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cache
from typing import Any, ClassVar, Self

from pipeline.domain.matching import Identity

Key = tuple[str, str]
"""A record's kind, and what it is known by among its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every kind of record has.

    `given` are the names of what an import says; what it leaves out stays as it was. `identities` are those of the
    kinds in `known_by`, all that the record shall have. `refers` names other records, by the kind that they are of.
    """

    kind: ClassVar[str]
    refers: ClassVar[Mapping[str, str]] = {}
    parent_field: ClassVar[str | None] = None

    external_id: str
    given: frozenset[str] = field(default=frozenset(), compare=False)
    known_by: frozenset[str] = field(default=frozenset(), compare=False)
    identities: tuple[Identity, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Key:
        """What tells it from every other record."""
        return self.kind, self.external_id

    @property
    def above(self) -> str | None:
        """The external id of the record of its own kind that is above it."""
        found: str | None = getattr(self, self.parent_field) if self.parent_field else None
        return found

    @property
    def model(self) -> Key | None:
        """The record that it is made of, when it is new."""
        return None

    def like(self, model: "Record | None", given: frozenset[str]) -> Self:  # noqa: ARG002  # most kinds have no model
        """The record with what its model says of it, but for what is `given`."""
        return self

    def unsound(self) -> str | None:
        """Why it contradicts itself, with what to change."""
        return None

    @property
    def rivals(self) -> object | None:
        """What records have in common that may contradict each other; None when it contradicts none."""
        return None

    def contradicts(self, other: "Record") -> str | None:  # noqa: ARG002  # most kinds never do
        """Why it cannot be beside another one, with what to change."""
        return None

    def references(self) -> list[tuple[str, Key]]:
        """The records that it names, with the name of the field that does."""
        found = []
        for name, kind in self.refers.items():
            value = getattr(self, name)
            found += [(name, (kind, one)) for one in ([value] if isinstance(value, str) else value or ())]
        return found

    def onto(self, old: Self | None) -> Self:
        """The record after this was imported onto what was known; own fields one by one, null takes one away."""
        known = old if old is not None else self.blank(self)
        names = _names(type(self))  # type: ignore[arg-type]  # a class is hashable
        changes: dict[str, Any] = {name: getattr(self, name) for name in self.given & names}
        if old is None and "name" in names:
            changes.setdefault("name", self.external_id)
        if "fields" in changes:
            both: Mapping[str, Any] = {**getattr(known, "fields"), **changes["fields"]}  # noqa: B009  # not all have some
            changes["fields"] = {name: value for name, value in both.items() if value is not None}
        return replace(known, **changes)

    @classmethod
    def blank(cls, like: Self) -> Self:
        """A new record of which nothing else is known."""
        return cls(external_id=like.external_id)


@cache
def _names(kind: type[Record]) -> frozenset[str]:
    return frozenset(one.name for one in fields(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Record):
    """An organisation, the mail domains that are its own, and the one it is a part of."""

    kind = "account"
    refers: ClassVar[Mapping[str, str]] = {"parent": "account"}
    parent_field = "parent"

    name: str = ""
    parent: str | None = None
    domains: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Record):
    """A person, and the account they belong to."""

    kind = "contact"
    refers: ClassVar[Mapping[str, str]] = {"account": "account"}

    name: str = ""
    account: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Record):
    """A product, and the one it is a part or a version of; `thresholds` are settings of alarms by name."""

    kind = "product"
    refers: ClassVar[Mapping[str, str]] = {"parent": "product"}
    parent_field = "parent"

    name: str = ""
    parent: str | None = None
    thresholds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Record):
    """A device under the name that its messages bear: whose it is, what it is, where it hangs."""

    kind = "device"
    refers: ClassVar[Mapping[str, str]] = {"account": "account", "product": "product"}

    name: str = ""
    account: str | None = None
    product: str | None = None
    gateway: str | None = None
    warranty_until: date | None = None
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absence:
    """When an agent is away: days or instants as ISO 8601 says them, a last day included."""

    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Record):
    """An agent: where they work, what they are good at, how much they bear at once, when they are away."""

    kind = "agent"
    refers: ClassVar[Mapping[str, str]] = {"manager": "agent"}
    parent_field = "manager"

    name: str = ""
    queues: tuple[str, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    capacity: int = 100
    calendar: str | None = None
    manager: str | None = None
    away: tuple[Absence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Article(Record):
    """An article of the knowledge base in one language; its translations share its external id."""

    kind = "article"

    language: str = "en"
    state: str = "draft"
    title: str = ""
    body: str = ""
    keywords: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Each language is a record of its own."""
        return self.kind, f"{self.external_id} {self.language}"

    @classmethod
    def blank(cls, like: Self) -> Self:
        """A new article of which nothing else is known."""
        return cls(external_id=like.external_id, language=like.language, title=like.external_id)
