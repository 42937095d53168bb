"""What can become of a message, each outcome a value with its reason."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Opened:
    """It opened a case."""

    name: ClassVar[str] = "opened"
    reason: str


@dataclass(frozen=True, slots=True)
class Appended:
    """It joined a case, by a signal: token, message_id, subject_reference, mention."""

    name: ClassVar[str] = "appended"
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is kept and rightly has no case."""

    name: ClassVar[str] = "recorded"
    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It was settled before, as message `of`."""

    name: ClassVar[str] = "duplicate"
    reason: str
    of: UUID


@dataclass(frozen=True, slots=True)
class Suppressed:
    """It is automatic and belongs to no case; kept, and shown on request."""

    name: ClassVar[str] = "suppressed"
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """It waits for a person's decision."""

    name: ClassVar[str] = "quarantined"
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It could not be settled; `kind` says whether it is unreadable or met an unexpected error at `place`."""

    name: ClassVar[str] = "dead"
    reason: str
    kind: str
    place: str


Outcome = Opened | Appended | Recorded | Duplicate | Suppressed | Quarantined | Dead
OUTCOMES = ("opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead")
