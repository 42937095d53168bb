"""The sections of what the desk watches on devices: alarms on their readings, and maintenance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.conditions import ReadingConditionText
from pipeline.config.values import AlarmAction, DevicePath, FeedName, Section
from pipeline.domain.maintenance import FIRST_YEAR, LAST_YEAR

Severity = Literal["critical", "major", "high", "medium", "minor", "normal", "low", "warning"]
"""How bad an alarm is; critical makes its case urgent, major and high make it high."""

Seconds = Annotated[float, Field(ge=0, le=31_536_000)]


class Level(Section):
    """How bad an alarm is while `when` holds, whether it opens a case then, what it sends to its device."""

    when: ReadingConditionText = "true"
    severity: Severity
    opens_case: bool = False
    on_raise: tuple[AlarmAction, ...] = ()


class AlarmGroup(Section):
    """Alarms on more than so many devices that have something in common, within so many seconds, share a parent."""

    by: DevicePath
    more_than: Annotated[int, Field(ge=1)]
    within_s: Annotated[float, Field(gt=0, le=86400)]


class Threshold(Section):
    """What a product or a device may have otherwise than the alarm says; what is not there is as it says."""

    when: ReadingConditionText | None = None
    clear: ReadingConditionText | None = None
    for_s: Seconds | None = None
    silent_s: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    severity: Severity | None = None
    opens_case: bool | None = None
    levels: tuple[Level, ...] | None = None


class Alarm(Section):
    """A rule on readings, or (`silent_s`) on devices that are not heard: when it raises an alarm, and what follows.

    `levels` are tried from the top; where none fits, `severity` and `opens_case` of the alarm itself count.
    """

    name: FeedName
    when: ReadingConditionText | None = None
    clear: ReadingConditionText | None = None
    silent_s: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    for_s: Seconds = 0
    reopen_s: Seconds = 600
    late_s: Seconds = 900
    severity: Severity = "minor"
    opens_case: bool = False
    levels: tuple[Level, ...] = ()
    on_raise: tuple[AlarmAction, ...] = ()
    on_clear: tuple[AlarmAction, ...] = ()
    group: AlarmGroup | None = None
    resolve_on_clear: bool = False

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.when is None) == (self.silent_s is None):
            raise ValueError('an alarm has either "when", on readings, or "silent_s", on devices that are not heard')
        if self.silent_s is not None and (self.clear is not None or self.for_s or self.levels):
            raise ValueError('an alarm with "silent_s" has no "clear", "for_s" or "levels": hearing the device clears')
        return self

    @property
    def actions(self) -> Sequence[str]:
        """Everything that it may do."""
        return (*self.on_raise, *self.on_clear, *(action for level in self.levels for action in level.on_raise))


class Maintenance(Section):
    """A time in which devices raise nothing: those named, those of a product, gateway or account; else all."""

    name: str
    begins: Annotated[datetime, Field(alias="from")]
    ends: Annotated[datetime, Field(alias="to")]
    devices: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        zones = {self.begins.tzinfo is None, self.ends.tzinfo is None}
        if len(zones) > 1:
            raise ValueError('write "from" and "to" both with a zone, or both without')
        for key, moment in (("from", self.begins), ("to", self.ends)):
            if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                raise ValueError(f'"{key}" is in the year {moment.year}; write one from {FIRST_YEAR} to {LAST_YEAR}')
        if self.ends <= self.begins:
            raise ValueError('"to" must be later than "from"')
        return self
