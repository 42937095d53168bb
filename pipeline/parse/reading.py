"""What a parsed reading of a device is: the typed message that `parse iot` prints and intake decides on."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

ReadingType = Literal["measurement", "alarm", "alarm_clear", "event", "heartbeat"]

Value = int | float | Decimal | str | bool | None


class Reading(NamedTuple):
    """One thing that a device told: a measured value, an alarm, the end of an alarm, an event, a sign of life.

    `device` comes from the topic, never from the payload. Whole numbers stay exact. `at` is the device's own time,
    aware, None when it gave none. `down` tells of a sign that the device is gone (a will, a death certificate).

    A named tuple, as all is that is made for each reading: there are tens of thousands a second.
    """

    device: str | None
    type: ReadingType
    name: str | None = None
    value: Value = None
    unit: str | None = None
    severity: str | None = None
    text: str | None = None
    at: datetime | None = None
    down: bool = False
    defects: tuple[str, ...] = ()


class Told(NamedTuple):
    """What one message of a device told: readings, else why it is none or why it cannot be read."""

    readings: tuple[Reading, ...] = ()
    no_reading: str | None = None
    unreadable: str | None = None
    device: str | None = None
