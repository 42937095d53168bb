"""What is kept of how far an activity has come on its way to whom it is for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.domain.deliveries import State


@dataclass(frozen=True, slots=True)
class Leaving:
    """An activity that leaves, with its case, and how far it has come."""

    activity: UUID
    case_id: UUID | None
    state: State | None
    reason: str | None = None
    platform_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """How far an activity has come now; with `at`, when it arrived. An id that is known already stays."""

    activity: UUID
    state: State
    reason: str | None = None
    at: datetime | None = None
    platform_id: str | None = None
