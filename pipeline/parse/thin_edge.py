"""Reads what thin-edge.io publishes: measurements, alarms, events, twins, health.

Source: thin-edge.io's MQTT API, `te/IDENTIFIER/CATEGORY/TYPE` with an identifier of four levels (device, its id,
service, its id), of which those that do not apply are empty; and the older `tedge/…` topics.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.parse.device_json import (
    MAX_NAME,
    MAX_READINGS,
    clean,
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

SEVERITIES = ("critical", "major", "minor", "warning")
DEFAULT_SEVERITY = "minor"
DEFAULT_ALARM = "ThinEdgeAlarm"
DEFAULT_EVENT = "ThinEdgeEvent"

_RESERVED = frozenset({"time", "type"})
_IDENTIFIER = 4
_READINGS = frozenset({"m", "a", "e", "twin"})


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic says: whose message it is, of which category, and which name and severity the topic gives."""

    device: str | None
    service: str | None
    category: str
    name: str = ""
    severity: str | None = None
    known_as: str | None = None


def place_of(topic: str, main: str | None = None) -> Place | None:
    """What a topic of thin-edge.io says, None when it is none.

    `main` is what the main device is called, when levels before the root name it; its children then bear it too.
    """
    levels = topic.split("/")
    if "te" in levels:
        return _current(levels[levels.index("te") + 1 :], main)
    if "tedge" in levels:
        return _legacy(levels[levels.index("tedge") + 1 :], main)
    return None


def _current(levels: list[str], main: str | None) -> Place | None:
    if len(levels) < 2 or not any(levels[:_IDENTIFIER]):  # noqa: PLR2004 - root and one level of an identifier
        return None
    identifier, channel = levels[:_IDENTIFIER], levels[_IDENTIFIER:]
    service = None
    if identifier[0] == "device":
        own = identifier[1] or None
        service = (identifier[3] or None) if len(identifier) == _IDENTIFIER and identifier[2] == "service" else None
    else:
        own = ":".join(filter(None, identifier))  # an identifier scheme of their own, as thin-edge.io writes it itself
    if not channel:
        return Place(_named(own, main), service, "registration", known_as=own)
    return Place(_named(own, main), service, channel[0], "/".join(channel[1:]), known_as=own)


def _legacy(levels: list[str], main: str | None) -> Place | None:
    match levels:
        case ["measurements", *child] if len(child) <= 1:
            return _old("m", "", None, child, main)
        case ["events", name, *child] if len(child) <= 1:
            return _old("e", name, None, child, main)
        case ["alarms", severity, name, *child] if len(child) <= 1:
            return _old("a", name, severity, child, main)
    return None


def _old(category: str, name: str, severity: str | None, child: list[str], main: str | None) -> Place:
    own = child[0] if child and child[0] else "main"
    return Place(_named(own, main), None, category, name, severity, known_as=own)


def _named(own: str | None, main: str | None) -> str | None:
    if own is None:
        return None
    if main is None:
        return clean_name(own)
    return clean_name(main if own == "main" else f"{main}:{own}")


def parse_thin_edge(topic: str, payload: bytes, main: str | None = None, received: datetime | None = None) -> Told:
    """What one message told; `main` is what `place_of` says of it."""
    place = place_of(topic, main)
    if place is None:
        return Told(unreadable="not a topic of thin-edge.io", device=main)
    if why := _no_reading(place, payload):
        return Told(no_reading=why, device=place.device)
    if place.category == "twin":
        return _told(place, Reading(device=place.device, type="heartbeat", name=clean_name(place.name) or None))
    if place.category == "status":
        return _told(place, _health(place, payload, received))
    if place.category == "a" and not payload.strip():
        name = clean_name(place.name) or DEFAULT_ALARM
        severity = place.severity if place.severity in SEVERITIES else None
        return _told(place, Reading(device=place.device, type="alarm_clear", name=name, severity=severity))
    return _data(place, payload, received)


def _no_reading(place: Place, payload: bytes) -> str | None:
    """Why a message is none, as far as its topic and its emptiness tell."""
    match place.category:
        case "m" | "a" | "e" if place.name.endswith("/meta"):
            return "it describes readings and is none"
        case "m" if not payload.strip():
            return "the payload is empty"
        case "cmd":
            return "a command is no reading"
        case "registration":
            return "a registration is no reading"
    if place.category in _READINGS or (place.category, place.name) == ("status", "health"):
        return None
    return f"thin-edge.io has no readings under {clean(place.category, 50)!r}"


def _told(place: Place, *readings: Reading) -> Told:
    return Told(readings, device=place.device)


def _data(place: Place, payload: bytes, received: datetime | None) -> Told:
    try:
        found = read_json(payload) if payload.strip() else {}
    except Malformed as error:
        return Told(unreadable=str(error), device=place.device)
    if not isinstance(found, dict):
        return Told(unreadable="JSON, but no object", device=place.device)
    at, defects = dated(found.get("time"), received)
    defects += strangers(found, place.device, place.known_as)
    if place.category == "a":
        return _told(place, _alarm(place, found, at, defects))
    if place.category == "e":
        return _told(place, _event(place, found, at, defects))
    return _measurements(place, found, at, defects)


def _alarm(place: Place, found: dict[str, Any], at: datetime | None, defects: tuple[str, ...]) -> Reading:
    name = _type(place, found) or DEFAULT_ALARM
    given = found.get("severity", place.severity)
    severity = given.strip().lower() if isinstance(given, str) else DEFAULT_SEVERITY
    if severity not in SEVERITIES:
        defects = (*defects, f"there is no severity {clean(severity, 50)!r}; it counts as {DEFAULT_SEVERITY}")
        severity = DEFAULT_SEVERITY
    text = text_of(found.get("text")) or name
    return Reading(device=place.device, type="alarm", name=name, severity=severity, text=text, at=at, defects=defects)


def _event(place: Place, found: dict[str, Any], at: datetime | None, defects: tuple[str, ...]) -> Reading:
    name = _type(place, found) or DEFAULT_EVENT
    text = text_of(found.get("text")) or name
    return Reading(device=place.device, type="event", name=name, text=text, at=at, defects=defects)


def _type(place: Place, found: dict[str, Any]) -> str:
    return clean(text_of(found.get("type")) or place.name, MAX_NAME)


def _measurements(place: Place, found: dict[str, Any], at: datetime | None, defects: tuple[str, ...]) -> Told:
    readings: list[Reading] = []
    for name, value in _values(found):
        if is_number(value) and not out_of_range(value):
            one = Reading(device=place.device, type="measurement", name=name, value=value, at=at, defects=defects)
        else:
            wrong = (*defects, "its value is no number")
            one = Reading(device=place.device, type="measurement", name=name, at=at, defects=wrong)
        readings.append(one)
        if len(readings) > MAX_READINGS:
            return Told(unreadable=f"more than {MAX_READINGS} values in one message", device=place.device)
    if not readings:
        return Told(no_reading="an object without values", device=place.device)
    return Told(tuple(readings), device=place.device)


def _values(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Single values by their name, those of a group as GROUP.NAME."""
    for key, value in found.items():
        if key in _RESERVED or key.startswith("@"):
            continue
        if isinstance(value, dict):
            for inner, one in value.items():
                yield clean_name(f"{key}.{inner}"), one
        else:
            yield clean_name(key), value


def _health(place: Place, payload: bytes, received: datetime | None) -> Reading:
    """Up or down; a bridge of mosquitto writes 1 or 0, and an emptied topic means down too."""
    status, at = "down", None
    defects: tuple[str, ...] = ()
    plain = payload.strip()
    if plain in {b"1", b"0"}:
        status = "up" if plain == b"1" else "down"
    elif plain:
        try:
            found = read_json(plain)
        except Malformed as error:
            found, defects = {}, (str(error),)
        found = found if isinstance(found, dict) else {}
        status = text_of(found.get("status")) or "unknown"
        at, wrong = dated(found.get("time"), received)
        defects += wrong
    down = status.lower() == "down"
    return Reading(
        device=place.device, type="heartbeat", name=place.service, text=status, at=at, down=down, defects=defects
    )
