"""Activities of a case, as far as orders are judged by them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pipeline.domain.matching import Ref

MESSAGES = frozenset({"email", "phone", "web", "social", "iot"})
"""The kinds that came, or went, as messages; a case whose last one is attached away is cancelled."""

PLANNED = ("task", "appointment")
"""The kinds that an agent may plan."""


REGARDING = ("contact", "account", "device", "article", "entitlement")
"""The kinds of records, beside cases, that an activity may be about."""


class RecordName(NamedTuple):
    """A record by its kind (`contact`, `device` …) and external id."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that is there; of a contact or a device, the account that it belongs to."""

    ref: Ref
    account: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """An activity as it stands.

    `billable_s` is its own time, unrounded; `adjusts` when it is a correction of the billable time, not an activity.
    """

    id: UUID
    case_id: UUID | None
    kind: str
    direction: str
    state: str
    at: datetime
    subject: str = ""
    sender: str | None = None
    owner: str | None = None
    duration_s: int | None = None
    billable_s: int | None = None
    adjusts: bool = False
    consumed: bool = False
    billed: bool = False
    regarding_kind: str | None = None
    regarding: str | None = None

    @property
    def record(self) -> RecordName | None:
        """The record that it is about, when that is no case."""
        if self.regarding_kind is None or self.regarding is None:
            return None
        return RecordName(self.regarding_kind, self.regarding)

    @property
    def is_call(self) -> bool:
        """Whether somebody is talking."""
        return self.kind == "phone" and self.state == "open"

    @property
    def is_message(self) -> bool:
        """Whether it came or went as a message."""
        return self.kind in MESSAGES
