"""Reads Sparkplug B: births, data, deaths of edge nodes with their devices.

Source: Eclipse Sparkplug 3.0. A metric may be known by an alias alone once a birth has named it, so a data message
by itself does not always tell what it measures. Whoever reads messages in the order of their device passes the same
`Births` each time: births fill it, data is resolved by it. Without the birth a reading keeps its value under the
name `alias N`, with a defect.
"""

from collections import UserDict
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from pipeline.parse.device_json import MAX_NAME, MAX_READINGS, MAX_TEXT, ahead, clean, clean_name, out_of_range
from pipeline.parse.reading import Reading, Told, Value
from pipeline.parse.sparkplug_payload import Payload, Protobuf

NAMESPACE = "spBv1.0"

MAX_KNOWN = 300_000
"""Metrics of all births of a feed that are known at a time."""

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED_BITS = {5: 8, 6: 16, 7: 32, 8: 64}
_DATE_TIME = 13
_COMPOUND = {16: "DataSet", 17: "Bytes", 18: "File", 19: "Template"}
_COMPOUND_FIELDS = {"dataset_value": "DataSet", "bytes_value": "Bytes", "template_value": "Template"}
_UNITS = frozenset({"engunit", "unit", "units", "engineeringunits"})
_GOOD = 192
_CONTROL = ("Node Control/", "Device Control/", "Node Info/", "Device Info/", "Properties/")
_NODE_KINDS = frozenset({"NBIRTH", "NDEATH", "NDATA", "NCMD"})
_DEVICE_KINDS = frozenset({"DBIRTH", "DDEATH", "DDATA", "DCMD"})


@dataclass(frozen=True, slots=True)
class Birth:
    """What a birth said of the metrics of a node or device: names by alias, types and units by name."""

    names: Mapping[int, str] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


Births = MutableMapping[str, Birth]
"""The last birth of each, by GROUP/NODE or GROUP/NODE/DEVICE."""


class BoundedBirths(UserDict[str, Birth]):
    """Births that forget the oldest once they name more than MAX_KNOWN metrics, so that they fill no memory."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def __setitem__(self, descriptor: str, birth: Birth) -> None:
        """Know the birth as the newest."""
        if descriptor in self.data:
            del self[descriptor]
        self.data[descriptor] = birth
        self._size += _size(birth)
        while self._size > MAX_KNOWN and len(self.data) > 1:
            del self[next(iter(self.data))]

    def __delitem__(self, descriptor: str) -> None:
        """Forget the birth."""
        self._size -= _size(self.data.pop(descriptor))


def _size(birth: Birth) -> int:
    return 1 + len(birth.names) + len(birth.types)


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic says: the kind of message, and whose it is."""

    kind: str
    group: str
    node: str
    device: str | None

    @property
    def name(self) -> str:
        """What the desk calls it: the device, else the edge node itself."""
        return clean_name(self.device or self.node)

    @property
    def descriptor(self) -> str:
        """What nobody else in the namespace is called."""
        return "/".join(filter(None, (self.group, self.node, self.device)))


def place_of(topic: str) -> Place | None:
    """What a topic of Sparkplug B says; None when it is none."""
    levels = topic.split("/")
    if NAMESPACE not in levels:
        return None
    levels = levels[levels.index(NAMESPACE) + 1 :]
    match levels if all(levels) else []:
        case [group, kind, node] if kind in _NODE_KINDS:
            return Place(kind, group, node, None)
        case [group, kind, node, device] if kind in _DEVICE_KINDS:
            return Place(kind, group, node, device)
    return None


def parse_sparkplug(topic: str, payload: bytes, births: Births | None = None, received: datetime | None = None) -> Told:
    """What one message told. A birth is a sign of life with all values, a death is a sign that the device is gone."""
    levels = topic.split("/")
    if NAMESPACE in levels and levels[levels.index(NAMESPACE) + 1 :][:1] == ["STATE"]:
        return Told(no_reading="the state of a host application is no reading")
    place = place_of(topic)
    if place is None:
        return Told(unreadable="not a topic of Sparkplug B")
    if place.kind.endswith("CMD"):
        return Told(no_reading="a command is no reading", device=place.name)
    try:
        message = Payload.FromString(payload)
    except DecodeError:
        return Told(unreadable="not a payload of Sparkplug B", device=place.name)
    if len(message.metrics) > MAX_READINGS:
        return Told(unreadable=f"more than {MAX_READINGS} metrics in one message", device=place.name)
    return Told(tuple(_readings(place, message, {} if births is None else births, received)), device=place.name)


def _readings(place: Place, message: Protobuf, births: Births, received: datetime | None) -> Iterator[Reading]:
    sent, defects = _instant(message)
    if place.kind.endswith("DEATH"):
        births.pop(place.descriptor, None)
        yield Reading(device=place.name, type="heartbeat", text="death", at=sent, down=True, defects=defects)
        return
    if place.kind.endswith("BIRTH"):
        births[place.descriptor] = _birth(message)
        yield Reading(device=place.name, type="heartbeat", text="birth", at=sent, defects=defects)
    birth = births.get(place.descriptor, Birth())
    measured = [_reading(place, metric, birth, sent, received) for metric in message.metrics]
    if place.kind.endswith("DATA") and not any(measured):
        yield Reading(device=place.name, type="heartbeat", at=sent, defects=defects)
    yield from filter(None, measured)


def _birth(message: Protobuf) -> Birth:
    named = [metric for metric in message.metrics if metric.name]
    return Birth(
        names={metric.alias: _text(metric.name) for metric in named if metric.HasField("alias")},
        types={_text(metric.name): metric.datatype for metric in named if metric.datatype},
        units={_text(metric.name): unit for metric in named if (unit := _properties(metric)[0])},
    )


def _reading(
    place: Place, metric: Protobuf, birth: Birth, sent: datetime | None, received: datetime | None
) -> Reading | None:
    defects: tuple[str, ...] = ()
    name = _text(metric.name) or birth.names.get(metric.alias)
    if name is None:
        name = f"alias {metric.alias}" if metric.HasField("alias") else None
        defects = ("the birth that names this alias is not known",) if name else ("the metric has no name",)
    elif name == "bdSeq" or name.startswith(_CONTROL):
        return None
    value, wrong = _value(metric, metric.datatype or birth.types.get(name or "", 0))
    unit, quality = _properties(metric)
    at, late = _instant(metric) if metric.HasField("timestamp") else (sent, ())
    return Reading(
        device=place.name,
        type="measurement",
        name=name,
        value=value,
        unit=unit or birth.units.get(name or ""),
        at=at,
        defects=(*defects, *wrong, *quality, *late, *ahead(at, received)),
    )


def _instant(message: Protobuf) -> tuple[datetime | None, tuple[str, ...]]:
    return _milliseconds(message.timestamp) if message.HasField("timestamp") else (None, ())


def _milliseconds(count: int) -> tuple[datetime | None, tuple[str, ...]]:
    """Milliseconds since 1970, however few."""
    try:
        return datetime.fromtimestamp(count / 1000, UTC), ()
    except (ValueError, OverflowError, OSError):
        return None, (f"its time is none: {count}",)


def _text(found: str | bytes, limit: int = MAX_NAME) -> str:
    """A text of protobuf, which hands out bytes where it is no UTF-8."""
    return clean(found if isinstance(found, str) else found.decode("utf-8", "replace"), limit)


def _value(metric: Protobuf, kind: int) -> tuple[Value, tuple[str, ...]]:
    which = metric.WhichOneof("value")
    if metric.is_null or which is None:
        return None, ("its value is null",)
    if kind in _COMPOUND or which in _COMPOUND_FIELDS:
        return None, (f"a {_COMPOUND.get(kind) or _COMPOUND_FIELDS[which]} has no single value",)
    found: int | float | bool | str | bytes = getattr(metric, which)
    if isinstance(found, float) and out_of_range(found):
        return None, ("its value is no number",)
    if kind == _DATE_TIME and which == "long_value":
        moment, defects = _milliseconds(metric.long_value)
        return (moment.isoformat() if moment else None), defects
    return _scalar(found, which, kind), ()


def _scalar(found: float | bool | str | bytes, which: str, kind: int) -> Value:  # noqa: FBT001  # a value, no flag
    match found:
        case str() | bytes():
            return _text(found, MAX_TEXT)
        case bool():
            return found
        case float():
            return _short(found, which)
    return _integer(found, kind)


def _integer(found: int, kind: int) -> int:
    """Signed integers travel as the unsigned ones of the same bits."""
    if bits := _SIGNED_BITS.get(kind):
        found &= (1 << bits) - 1
        return found - (1 << bits) if found >> (bits - 1) else found
    return found & ((1 << _UNSIGNED_BITS[kind]) - 1) if kind in _UNSIGNED_BITS else found


def _short(found: float, which: str) -> float:
    """A float of 32 bits as the shortest number that means it: 21.3, not 21.299999237060547."""
    return float(f"{found:.7g}") if which == "float_value" else found


def _properties(metric: Protobuf) -> tuple[str | None, tuple[str, ...]]:
    """The engineering unit, and the defect of a quality that is not good."""
    unit: str | None = None
    defects: tuple[str, ...] = ()
    if not metric.HasField("properties"):
        return unit, defects
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        which = value.WhichOneof("value")
        if which is None:
            continue
        if (word := _text(key).lower()) in _UNITS and which == "string_value":
            unit = _text(value.string_value) or None
        elif word == "quality" and which in {"int_value", "long_value"} and getattr(value, which) != _GOOD:
            defects = (f"its quality is {getattr(value, which)}, not good",)
    return unit, defects
