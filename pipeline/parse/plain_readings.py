"""Reads the plain JSON of devices: a measurement for each number."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.parse.device_json import (
    MAX_READINGS,
    clean_name,
    dated,
    is_number,
    out_of_range,
    read_json,
    strangers,
    text_of,
)
from pipeline.parse.reading import Reading, Told
from pipeline.parse.strict_json import Malformed

_TIMES = ("time", "timestamp", "ts", "at", "datetime", "date_time")
_GONE = frozenset({"down", "offline", "disconnected", "lost"})
_MAX_DEPTH = 5


def parse_plain(topic: str, payload: bytes, device: str | None, received: datetime | None = None) -> Told:
    """What an object, a list of objects, or a number alone tells; `device` is whom the topic names.

    An object within an object gives its names a prefix and a dot. A single number called `value` takes the name that
    stands beside it; `unit` is a text for all, `units` may name each. An object without a number is a sign of life.
    """
    if not payload.strip():
        return Told(no_reading="the payload is empty", device=device)
    try:
        found = read_json(payload)
    except Malformed as error:
        return Told(unreadable=str(error), device=device)
    last = clean_name(topic.rpartition("/")[2])
    alone = last if last and last != device else "value"
    objects = found if isinstance(found, list) else [found]
    readings: list[Reading] = []
    for one in objects:
        try:
            readings.extend(_of_one(one, device, alone, received))
        except Malformed as error:
            return Told(unreadable=str(error), device=device)
        if len(readings) > MAX_READINGS:
            return Told(unreadable=f"more than {MAX_READINGS} values in one message", device=device)
    if not readings:
        return Told(no_reading="an empty list", device=device)
    return Told(tuple(readings), device=device)


def _of_one(found: object, device: str | None, alone: str, received: datetime | None) -> Iterator[Reading]:
    if is_number(found):
        yield _measured(device, alone, found, None, None, ())
    elif isinstance(found, dict):
        yield from _of_object(found, device, received)
    elif isinstance(found, str | bool):
        text = text_of(found) or ("true" if found else "false")
        yield Reading(device=device, type="heartbeat", text=text, down=text.lower() in _GONE)
    else:
        raise Malformed(f"JSON, but neither an object nor a number: {type(found).__name__}")


def _of_object(found: dict[str, Any], device: str | None, received: datetime | None) -> Iterator[Reading]:
    time_key = next((key for key in _TIMES if key in found), None)
    at, defects = dated(found[time_key] if time_key else None, received)
    defects += strangers(found, device)
    numbers = list(_numbers({key: value for key, value in found.items() if key != time_key}, "", _MAX_DEPTH))
    if not numbers:
        status = text_of(found.get("status")) or text_of(found.get("state"))
        text = status or text_of(found.get("text"))
        down = (status or "").lower() in _GONE
        yield Reading(device=device, type="heartbeat", text=text, at=at, down=down, defects=defects)
        return
    own = text_of(found.get("name"))
    if own and len(numbers) == 1 and numbers[0][0] == "value":
        numbers = [(clean_name(own), numbers[0][1])]
    units = found.get("units") or found.get("unit")
    for name, value in numbers:
        unit = units.get(name) if isinstance(units, Mapping) else units
        yield _measured(device, name, value, text_of(unit), at, defects)


def _numbers(found: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, int | float | Decimal]]:
    for key, value in found.items():
        if is_number(value):
            yield clean_name(prefix + key), value
        elif isinstance(value, dict) and depth:
            yield from _numbers(value, f"{prefix}{key}.", depth - 1)


def _measured(
    device: str | None,
    name: str,
    value: float | Decimal | None,
    unit: str | None,
    at: datetime | None,
    defects: tuple[str, ...],
) -> Reading:
    if value is None or out_of_range(value):
        value, defects = None, (*defects, "its value is no number that can be measured")
    return Reading(device=device, type="measurement", name=name, value=value, unit=unit, at=at, defects=defects)
