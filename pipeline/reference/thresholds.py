"""Settings of alarms that a product or device has for itself, judged as the alarms of the configuration are."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.config import Config
from pipeline.config.alarms import Alarm, Threshold
from pipeline.config.conditions import READING_NAMES
from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_syntax import BadConditionError
from pipeline.domain.conditions import Condition
from pipeline.domain.vocabulary import vocabulary


class Thresholds:
    """What records may say of the alarms of a desk."""

    def __init__(self, alarms: Mapping[str, Alarm] | None = None, names: Names | None = None) -> None:
        self._alarms = alarms or {}
        self._names = names or {}

    @classmethod
    def of(cls, config: Config) -> "Thresholds":
        """Those of a configuration."""
        known = vocabulary(config.fields.model_dump())
        return cls({alarm.name: alarm for alarm in config.alarm}, {name: known[name] for name in READING_NAMES})

    def wrong(self, settings: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with the settings, by the alarm's name."""
        for name, one in settings.items():
            if name not in self._alarms:
                there = ", ".join(self._alarms) or "none"
                yield f'"thresholds" names the alarm "{name}", which is no [[alarm]]; there are: {there}'
            else:
                yield from (f'"thresholds" of {name}: {says}' for says in self._wrong(self._alarms[name], one))

    def _wrong(self, alarm: Alarm, settings: object) -> Iterator[str]:
        try:
            threshold = Threshold.model_validate(settings)
            changed = {name: getattr(threshold, name) for name in threshold.model_fields_set}
            whole = Alarm.model_validate({**dict(alarm), **changed})
        except ValidationError as error:
            for one in error.errors(include_url=False):
                yield ": ".join((*map(str, one["loc"]), one["msg"].removeprefix("Value error, ")))
            return
        for text in (whole.when, whole.clear, *(level.when for level in whole.levels)):
            try:
                Condition.compile(text or "true", self._names)
            except BadConditionError as error:
                yield f'"{text}": {error}'
