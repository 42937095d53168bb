"""Plain JSON: a measurement for each number, exact where it is whole."""

from decimal import Decimal

import pytest

from pipeline.parse.plain_readings import parse_plain
from pipeline.parse.reading import Told


def measured(told: Told) -> list[tuple[object, object, object]]:
    assert {reading.type for reading in told.readings} == {"measurement"}
    return [(reading.name, reading.value, reading.unit) for reading in told.readings]


def test_each_number_is_a_measurement() -> None:
    told = parse_plain("plant/pump-7", b'{"t":21.5,"n":3,"ok":true,"s":"x","deep":{"p":1}}', "pump-7")
    assert measured(told) == [("t", 21.5, None), ("n", 3, None), ("deep.p", 1, None)]
    assert {reading.device for reading in told.readings} == {"pump-7"}


def test_whole_numbers_stay_exact() -> None:
    raw = b'{"a":9007199254740993,"b":18446744073709551617,"c":0.1234567890123456789,"d":1.5}'
    assert [reading.value for reading in parse_plain("t", raw, "t").readings] == [
        9007199254740993,
        18446744073709551617,
        Decimal("0.1234567890123456789"),
        1.5,
    ]


@pytest.mark.parametrize("number", [b"1e999", b"1" + b"0" * 40, b"9" * 5000, b"-1e400"])
def test_a_number_that_nothing_measures_is_a_defect_or_unreadable(number: bytes) -> None:
    told = parse_plain("t", b'{"a":%s}' % number, "t")
    assert told.unreadable or (told.readings[0].value is None and told.readings[0].defects)


def test_the_time_beside_the_numbers_is_theirs() -> None:
    told = parse_plain("t", b'{"ts":1772452800000,"v":1}', "t")
    assert measured(told) == [("v", 1, None)]
    assert told.readings[0].at is not None
    assert told.readings[0].at.isoformat() == "2026-03-02T12:00:00+00:00"


def test_a_time_without_a_zone_counts_as_utc_with_a_defect() -> None:
    (reading,) = parse_plain("t", b'{"time":"2026-03-02T12:00:00","v":1}', "t").readings
    assert reading.at is not None
    assert reading.defects == ("its time has no zone and counts as UTC",)


def test_a_single_value_takes_the_name_and_unit_beside_it() -> None:
    assert measured(parse_plain("t", b'{"name":"temp","value":21,"unit":"C"}', "t")) == [("temp", 21, "C")]
    assert measured(parse_plain("t", b'{"a":1,"b":2,"units":{"a":"m"}}', "t")) == [("a", 1, "m"), ("b", 2, None)]


def test_a_number_alone_is_named_by_the_topic() -> None:
    assert measured(parse_plain("plant/pump-7/temperature", b"23.5", "pump-7")) == [("temperature", 23.5, None)]
    assert measured(parse_plain("plant/pump-7", b"23.5", "pump-7")) == [("value", 23.5, None)]


def test_a_list_of_objects_is_many() -> None:
    assert measured(parse_plain("t", b'[{"v":1},{"v":2}]', "t")) == [("v", 1, None), ("v", 2, None)]


@pytest.mark.parametrize(
    ("payload", "down"),
    [(b'{"status":"online"}', False), (b'{"status":"down"}', True), (b'"offline"', True), (b"{}", False)],
)
def test_a_message_without_a_number_is_a_sign_of_life_or_of_its_end(payload: bytes, down: bool) -> None:  # noqa: FBT001  # what is expected
    (reading,) = parse_plain("t", payload, "t").readings
    assert (reading.type, reading.down) == ("heartbeat", down)


def test_the_topic_decides_the_device() -> None:
    (reading,) = parse_plain("plant/pump-7", b'{"deviceId":"pump-8","v":1}', "pump-7").readings
    assert reading.device == "pump-7"
    assert reading.defects == ("the payload names device 'pump-8', the topic counts",)
    assert not parse_plain("plant/pump-7", b'{"deviceId":"pump-7","v":1}', "pump-7").readings[0].defects


def test_ten_thousand_keys_are_one_dead_letter() -> None:
    raw = b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(10_000)) + b"}"
    assert "more than 1000 values" in str(parse_plain("t", raw, "t").unreadable)


@pytest.mark.parametrize("payload", [b"{", b"null", b"[null]", b"\xff", b'{"a":NaN}', b"[" * 100_000, b"[[1]]"])
def test_a_broken_payload_is_unreadable(payload: bytes) -> None:
    assert parse_plain("t", payload, "t").unreadable


@pytest.mark.parametrize("payload", [b"", b" \n", b"[]"])
def test_an_empty_payload_is_no_reading(payload: bytes) -> None:
    assert parse_plain("t", payload, "t").no_reading
