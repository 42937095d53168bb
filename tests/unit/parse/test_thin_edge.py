"""thin-edge.io: the topic says whose message it is, the payload says what happened."""

from datetime import UTC, datetime

import pytest

from pipeline.parse.reading import Reading, Told
from pipeline.parse.thin_edge import parse_thin_edge

MAIN = "te/device/main//"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def only(told: Told) -> Reading:
    (reading,) = told.readings
    return reading


def test_an_alarm_has_its_severity_text_and_time() -> None:
    raw = b'{"severity":"critical","text":"It burns","time":"2026-03-02T13:00:00+01:00"}'
    assert only(parse_thin_edge(f"{MAIN}/a/fire", raw)) == Reading(
        device="main", type="alarm", name="fire", severity="critical", text="It burns", at=NOON
    )


@pytest.mark.parametrize("time", [b"1772452800", b"1772452800.0", b"1772452800000", b'"2026-03-02T12:00:00Z"'])
def test_a_time_is_rfc_3339_or_a_count_since_1970(time: bytes) -> None:
    assert only(parse_thin_edge(f"{MAIN}/a/fire", b'{"time":%s}' % time)).at == NOON


@pytest.mark.parametrize("time", [b'"soon"', b"[]", b"true", b"1e300", b"-5", b'"2026-13-01T00:00:00Z"', b'"nan"'])
def test_a_time_that_is_none_is_a_defect(time: bytes) -> None:
    alarm = only(parse_thin_edge(f"{MAIN}/a/fire", b'{"time":%s}' % time))
    assert alarm.at is None
    assert "its time is none" in alarm.defects[0]


def test_what_an_alarm_lacks_is_filled_in() -> None:
    alarm = only(parse_thin_edge(f"{MAIN}/a/fire", b"{}"))
    assert (alarm.name, alarm.severity, alarm.text, alarm.defects) == ("fire", "minor", "fire", ())
    assert only(parse_thin_edge(f"{MAIN}/a/", b"{}")).name == "ThinEdgeAlarm"
    assert only(parse_thin_edge(f"{MAIN}/a/fire", b'{"type":"smoke"}')).name == "smoke"


def test_a_severity_nobody_knows_is_minor_with_a_defect() -> None:
    alarm = only(parse_thin_edge(f"{MAIN}/a/fire", b'{"severity":"bad"}'))
    assert alarm.severity == "minor"
    assert alarm.defects == ("there is no severity 'bad'; it counts as minor",)


def test_an_empty_payload_clears_the_alarm() -> None:
    cleared = only(parse_thin_edge("te/device/child7///a/fire", b""))
    assert (cleared.type, cleared.device, cleared.name) == ("alarm_clear", "child7", "fire")


def test_a_service_belongs_to_its_device() -> None:
    assert only(parse_thin_edge("te/device/main/service/app/a/x", b"{}")).device == "main"
    assert only(parse_thin_edge("te/device/child7/service/app/m/x", b'{"v":1}')).device == "child7"


def test_single_values_and_groups_are_measurements() -> None:
    raw = b'{"time":"2026-03-02T12:00:00Z","temperature":25,"current":{"L1":9.5,"L2":1.3}}'
    told = parse_thin_edge(f"{MAIN}/m/environment", raw)
    assert [(r.name, r.value) for r in told.readings] == [("temperature", 25), ("current.L1", 9.5), ("current.L2", 1.3)]
    assert {r.at for r in told.readings} == {NOON}


def test_a_measurement_that_is_no_number_is_kept_with_a_defect() -> None:
    measured = only(parse_thin_edge(f"{MAIN}/m/x", b'{"temperature":"warm"}'))
    assert (measured.value, measured.defects) == (None, ("its value is no number",))


def test_an_event_may_have_no_payload() -> None:
    event = only(parse_thin_edge(f"{MAIN}/e/login", b""))
    assert (event.type, event.name, event.text) == ("event", "login", "login")
    assert only(parse_thin_edge(f"{MAIN}/e/", b'{"text":"hi"}')).name == "ThinEdgeEvent"


@pytest.mark.parametrize(
    ("payload", "down"),
    [(b'{"status":"up","pid":1}', False), (b'{"status":"down"}', True), (b"1", False), (b"0", True), (b"", True)],
)
def test_health_is_a_sign_of_life_or_of_its_end(payload: bytes, down: bool) -> None:  # noqa: FBT001  # what is expected
    health = only(parse_thin_edge("te/device/main/service/mapper/status/health", payload))
    assert (health.type, health.name, health.down) == ("heartbeat", "mapper", down)


def test_a_twin_is_a_sign_of_life() -> None:
    assert only(parse_thin_edge(f"{MAIN}/twin/device_OS", b'{"family":"Debian"}')).type == "heartbeat"


@pytest.mark.parametrize(
    "topic", [f"{MAIN}/cmd/restart/1", f"{MAIN}/m/x/meta", "te/device/child7", "te/device/child7//", f"{MAIN}/zzz/1"]
)
def test_what_is_no_reading_says_so(topic: str) -> None:
    told = parse_thin_edge(topic, b"{}")
    assert told.no_reading
    assert not told.readings
    assert not told.unreadable


@pytest.mark.parametrize("topic", ["", "te", "te/", "te////", "home/pump", "tedge/alarms/minor", "tedge/zzz"])
def test_a_topic_of_something_else_is_unreadable(topic: str) -> None:
    assert parse_thin_edge(topic, b"{}").unreadable


@pytest.mark.parametrize("payload", [b"[]", b"5", b"{", b'{"a":NaN}', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"'])
def test_a_broken_payload_is_unreadable(payload: bytes) -> None:
    assert parse_thin_edge(f"{MAIN}/a/fire", payload).unreadable


def test_the_topic_decides_the_device() -> None:
    alarm = only(parse_thin_edge("te/device/child7///a/x", b'{"device_id":"child8","customer":"acme"}'))
    assert alarm.device == "child7"
    assert alarm.defects == (
        "the payload names device 'child8', the topic counts",
        "the payload names a customer, 'acme', which does not count",
    )


def test_the_older_topics_are_understood() -> None:
    alarm = only(parse_thin_edge("tedge/alarms/critical/fire/child7", b'{"text":"hot"}'))
    assert (alarm.device, alarm.severity, alarm.name) == ("child7", "critical", "fire")
    assert only(parse_thin_edge("tedge/measurements", b'{"t":1}')).device == "main"
    assert only(parse_thin_edge("tedge/events/login", b"")).name == "login"


def test_levels_before_the_root_may_name_the_main_device() -> None:
    assert only(parse_thin_edge("plant/gw-7/te/device/main///a/x", b"{}", main="gw-7")).device == "gw-7"
    assert only(parse_thin_edge("plant/gw-7/te/device/kid///a/x", b"{}", main="gw-7")).device == "gw-7:kid"


def test_a_clock_that_is_ahead_is_a_defect() -> None:
    alarm = only(parse_thin_edge(f"{MAIN}/a/x", b'{"time":"2100-01-01T00:00:00Z"}', received=NOON))
    assert alarm.at is not None
    assert "ahead" in alarm.defects[0]
