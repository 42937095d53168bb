"""What promises ask of the store, beside what every change of a case does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pipeline.domain.kpi import Instance


@dataclass(frozen=True, slots=True)
class PromiseFacts:
    """What was promised on cases, in the order in which it was; the SLA that an entitlement brings, by external id."""

    instances: Mapping[UUID, Sequence[Instance]] = field(default_factory=dict)
    slas: Mapping[str, str] = field(default_factory=dict)
