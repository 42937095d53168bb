"""What records may name that the configuration declares."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from pipeline.config import Config
from pipeline.domain.fields import FieldType, wrong_fields
from pipeline.reference.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Names:
    """Queues, calendars, SLAs, alarms and own fields of a desk, its time zone, the country of numbers that name none.

    `skills` are those that rules ask for; an agent may have others.
    """

    country: str | None = None
    language: str = "en"
    timezone: str = "UTC"
    queues: Collection[str] = ()
    calendars: Collection[str] = ()
    slas: Collection[str] = ()
    fields: Mapping[str, Mapping[str, FieldType]] = field(default_factory=dict)
    skills: Collection[str] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)

    @classmethod
    def of(cls, config: Config) -> Self:
        """The names of a configuration."""
        return cls(
            country=config.desk.country,
            language=config.desk.language,
            timezone=config.desk.timezone,
            queues=tuple(queue.name for queue in config.queue),
            calendars=tuple(config.calendar),
            slas=tuple(sla.name for sla in config.sla),
            fields=config.fields.model_dump(),
            skills=tuple(sorted({skill for route in config.route for skill in route.skills})),
            thresholds=Thresholds.of(config),
        )

    def unknown(self, kind: str, names: Collection[str], there: Collection[str]) -> list[str]:
        """What to say of names that the configuration does not have."""
        known = ", ".join(there) or "none"
        return [f'there is no {kind} "{name}"; the configuration has: {known}' for name in names if name not in there]

    def wrong_fields(self, kind: str, values: Mapping[str, object]) -> list[str]:
        """What to say of own fields that are not declared so."""
        return wrong_fields(values, self.fields.get(kind, {}))
