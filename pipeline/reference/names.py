"""What records may name that the configuration declares."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from pipeline.config import Config
from pipeline.domain.fields import FieldType, wrong_fields


@dataclass(frozen=True, slots=True)
class Names:
    """Queues, calendars, SLAs and own fields of a desk, its time zone, and the country of numbers that name none."""

    country: str | None = None
    language: str = "en"
    timezone: str = "UTC"
    queues: Collection[str] = ()
    calendars: Collection[str] = ()
    slas: Collection[str] = ()
    fields: Mapping[str, Mapping[str, FieldType]] = field(default_factory=dict)

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
        )

    def unknown(self, kind: str, names: Collection[str], there: Collection[str]) -> list[str]:
        """What to say of names that the configuration does not have."""
        known = ", ".join(there) or "none"
        return [f'there is no {kind} "{name}"; the configuration has: {known}' for name in names if name not in there]

    def wrong_fields(self, kind: str, values: Mapping[str, object]) -> list[str]:
        """What to say of own fields that are not declared so."""
        return wrong_fields(values, self.fields.get(kind, {}))
