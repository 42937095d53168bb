"""Sparkplug B: births name what data calls by alias, deaths end a life."""

from typing import Any

import pytest

from pipeline.parse.reading import Told
from pipeline.parse.sparkplug import MAX_KNOWN, Birth, Births, BoundedBirths, parse_sparkplug
from pipeline.parse.sparkplug_payload import Payload

NODE = "spBv1.0/plant/{}/gw-1"
DEVICE = "spBv1.0/plant/{}/gw-1/pump-7"


def payload(*metrics: dict[str, Any], at: int = 1772452800000) -> bytes:
    message = Payload(timestamp=at, seq=1)
    for metric in metrics:
        properties = metric.pop("properties", {})
        one = message.metrics.add(**metric)
        for key, value in properties.items():
            one.properties.keys.append(key)
            one.properties.values.add(**({"string_value": value} if isinstance(value, str) else {"int_value": value}))
    return bytes(message.SerializeToString())


def values(told: Told) -> list[tuple[object, object]]:
    return [(reading.name, reading.value) for reading in told.readings if reading.type == "measurement"]


def test_the_bytes_are_those_of_the_specification() -> None:
    raw = bytes.fromhex("08e807 1212 0a0474656d70 1001 18e807 2009 65 0000a841 1802".replace(" ", ""))
    (reading,) = parse_sparkplug(DEVICE.format("DDATA"), raw).readings
    assert (reading.name, reading.value, reading.device) == ("temp", 21.0, "pump-7")
    assert reading.at is not None
    assert reading.at.timestamp() == 1


def test_a_birth_is_a_sign_of_life_with_all_values() -> None:
    told = parse_sparkplug(
        DEVICE.format("DBIRTH"),
        payload(
            {"name": "temp", "datatype": 9, "float_value": 21.3, "properties": {"engUnit": "C", "Quality": 192}},
            {"name": "bdSeq", "datatype": 8, "long_value": 1},
            {"name": "Device Control/Rebirth", "datatype": 11, "boolean_value": False},
        ),
    )
    alive, temperature = told.readings
    assert (alive.type, alive.text, alive.down) == ("heartbeat", "birth", False)
    assert (temperature.value, temperature.unit, temperature.defects) == (21.3, "C", ())


@pytest.mark.parametrize(
    ("datatype", "field", "raw", "value"),
    [
        (1, "int_value", 0xFF, -1),
        (2, "int_value", 0xFFFE, -2),
        (3, "int_value", 0xFFFFFFFF, -1),
        (4, "long_value", 2**64 - 5, -5),
        (1, "int_value", 0xFFFFFFFF, -1),
        (7, "long_value", 2**32 - 1, 2**32 - 1),
        (8, "long_value", 2**64 - 1, 2**64 - 1),
        (10, "double_value", 0.1, 0.1),
        (11, "boolean_value", True, True),
        (12, "string_value", "a\0b", "a\ufffdb"),
        (13, "long_value", 1772452800000, "2026-03-02T12:00:00+00:00"),
    ],
)
def test_each_datatype_has_its_value(datatype: int, field: str, raw: object, value: object) -> None:
    told = parse_sparkplug(DEVICE.format("DDATA"), payload({"name": "x", "datatype": datatype, field: raw}))
    assert values(told) == [("x", value)]


@pytest.mark.parametrize(
    "metric",
    [
        {"datatype": 9, "is_null": True},
        {"datatype": 9, "float_value": float("nan")},
        {"datatype": 17, "bytes_value": b"x"},
        {"datatype": 16, "dataset_value": b""},
        {"datatype": 13, "long_value": 2**63},
    ],
)
def test_what_has_no_single_value_is_a_defect(metric: dict[str, Any]) -> None:
    (reading,) = parse_sparkplug(DEVICE.format("DDATA"), payload({"name": "x", **metric})).readings
    assert reading.value is None
    assert reading.defects


def test_an_alias_is_resolved_by_the_birth_of_the_same_device() -> None:
    births: Births = {}
    birth = {"name": "temp", "alias": 7, "datatype": 3, "int_value": 1, "properties": {"engUnit": "C"}}
    parse_sparkplug(DEVICE.format("DBIRTH"), payload(dict(birth)), births)
    data = payload({"alias": 7, "int_value": 0xFFFFFFFF})
    (reading,) = parse_sparkplug(DEVICE.format("DDATA"), data, births).readings
    assert (reading.name, reading.value, reading.unit, reading.defects) == ("temp", -1, "C", ())
    (other,) = parse_sparkplug("spBv1.0/plant/DDATA/gw-2/pump-7", data, births).readings
    assert other.name == "alias 7"


def test_an_alias_without_its_birth_keeps_the_value() -> None:
    (reading,) = parse_sparkplug(DEVICE.format("DDATA"), payload({"alias": 7, "float_value": 1.5})).readings
    assert (reading.name, reading.value) == ("alias 7", 1.5)
    assert reading.defects == ("the birth that names this alias is not known",)


@pytest.mark.parametrize(("topic", "device"), [(NODE.format("NDEATH"), "gw-1"), (DEVICE.format("DDEATH"), "pump-7")])
def test_a_death_tells_that_the_device_is_gone(topic: str, device: str) -> None:
    (reading,) = parse_sparkplug(topic, payload({"name": "bdSeq", "datatype": 8, "long_value": 0})).readings
    assert (reading.type, reading.device, reading.down) == ("heartbeat", device, True)


def test_a_quality_that_is_not_good_is_a_defect() -> None:
    raw = payload({"name": "x", "datatype": 9, "float_value": 1.0, "properties": {"Quality": 500}})
    assert parse_sparkplug(DEVICE.format("DDATA"), raw).readings[0].defects == ("its quality is 500, not good",)


@pytest.mark.parametrize("topic", [NODE.format("NCMD"), DEVICE.format("DCMD"), "spBv1.0/STATE/scada"])
def test_commands_are_no_readings(topic: str) -> None:
    assert parse_sparkplug(topic, b"").no_reading


@pytest.mark.parametrize(
    "topic",
    ["", "spBv1.0", NODE.format("DDATA"), DEVICE.format("NDATA"), NODE.format("ZZZ"), "spBv1.0//NDATA/x", "a/b"],
)
def test_a_topic_of_something_else_is_unreadable(topic: str) -> None:
    assert parse_sparkplug(topic, b"").unreadable


def test_what_is_no_payload_is_unreadable() -> None:
    assert parse_sparkplug(DEVICE.format("DDATA"), b"\xff\xff\xff").unreadable
    assert parse_sparkplug(DEVICE.format("DDATA"), payload(*({"name": "x"} for _ in range(1001)))).unreadable


def test_births_of_invented_devices_do_not_fill_the_memory() -> None:
    large = Birth(types=dict.fromkeys(map(str, range(1000)), 9))
    births = BoundedBirths()
    for number in range(2 * MAX_KNOWN // 1000):
        births["plant/gw/pump"] = Birth(names={7: "flow"})  # told again and again, so it is no old one
        births[f"plant/gw/invented-{number}"] = large
    assert sum(len(birth.types) for birth in births.values()) <= MAX_KNOWN
    assert births["plant/gw/pump"].names == {7: "flow"}
    births.pop("plant/gw/pump")
    assert "plant/gw/pump" not in births
    assert births.pop("plant/gw/pump", None) is None
