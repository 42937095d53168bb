"""Records of readings: what the connector writes is what intake reads, and one bad message spoils no other."""

import json
import random
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.commands import parse
from pipeline.config.channels import DeviceFeed
from pipeline.parse.iot import Message, device_of, parse_message, read_messages, read_readings, write_readings

PLAIN = DeviceFeed(name="plain", topics=("plant/#",), format="json")
EDGE = DeviceFeed(name="edge", topics=("te/#",), format="thin-edge")
SPARK = DeviceFeed(name="spark", topics=("spBv1.0/#",), format="sparkplug")

texts = st.text(st.characters(codec="utf-8"), max_size=40)
messages = st.builds(Message, texts, st.binary(max_size=60), st.booleans(), st.booleans(), st.integers(0, 9))


@given(st.lists(messages, max_size=5))
def test_what_is_written_is_read(sent: list[Message]) -> None:
    assert read_messages(write_readings(sent)) == sent


def test_one_bad_message_spoils_no_other() -> None:
    raw = write_readings([Message("plant/a", b'{"v":1}'), Message("plant/b", b"\xff"), Message("plant/c", b"2")])
    first, bad, last = read_readings(raw, PLAIN)
    assert first.told.readings[0].value == 1
    assert bad.told.unreadable
    assert last.told.readings[0].device == "c"


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b'[{"topic":"a"}]', b'[{"topic":1,"payload":""}]', b'[{"payload":""}]']
)
def test_what_is_no_record_of_readings_says_so(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_readings(raw, PLAIN)


@pytest.mark.parametrize(
    ("pattern", "topic", "device"),
    [
        ("plant/{device}/+", "plant/pump-7/t", "pump-7"),
        ("plant/{device}/#", "plant/pump-7", "pump-7"),
        ("plant/{device}/#", "plant/pump-7/a/b", "pump-7"),
        ("+/x-{device}/t", "any/x-7/t", "7"),
        ("plant/{device}/+", "plant/pump-7", None),
        ("a.b/{device}", "axb/pump-7", None),
        (None, "plant/pump-7/", "pump-7"),
    ],
)
def test_the_topic_says_whose_message_it_is(pattern: str | None, topic: str, device: str | None) -> None:
    feed = PLAIN.model_copy(update={"device": pattern})
    assert device_of(topic, feed) == device
    told = parse_message(Message(topic, b"1"), feed)
    assert told.device == device
    assert bool(told.unreadable) is (device is None)


def test_a_message_that_was_too_large_is_unreadable_with_its_size() -> None:
    assert "5000 bytes" in str(parse_message(Message("plant/a", b"", truncated=5000), PLAIN).unreadable)


TOPICS = [
    "te/device/main///a/x", "te/device/main///m/x", "te/device/c/service/s/status/health", "te/device/main///e/",
    "plant/a", "spBv1.0/g/DDATA/n/d", "spBv1.0/g/NBIRTH/n", "", "/", "//////", "te/te/te/te/te/a/\u202e",
]  # fmt: skip
GRAINS = [
    b'{"time":',
    b'"type":',
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"1e9",
    b"-",
    b"\xff",
    b"\\u0000",
    b"1" * 30,
]


@given(st.sampled_from(TOPICS) | texts, st.binary(max_size=200) | st.lists(st.sampled_from(GRAINS)).map(b"".join))
@settings(max_examples=400, deadline=None)
def test_any_topic_with_any_payload_is_answered(topic: str, payload: bytes) -> None:
    for feed in (PLAIN, EDGE, SPARK):
        told = parse_message(Message(topic, payload), feed)
        assert [bool(told.readings), bool(told.no_reading), bool(told.unreadable)].count(True) == 1
        assert "\0" not in str(told)
        str(told).encode("utf-8", "strict")


def run(topic: str, *files: Path, options: tuple[str, ...] = ()) -> list[dict[str, object]]:
    app = typer.Typer()
    app.callback()(lambda: None)
    parse.register(app)
    result = CliRunner().invoke(app, ["parse", "iot", *map(str, files), "--topic", topic, *options, "--json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_command_prints_an_object_a_reading(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b'{"a":18446744073709551617,"b":0.5,"time":"2026-03-02T12:00:00Z"}')
    first, second = run("plant/pump-7", file)
    assert first == {
        "file": str(file), "device": "pump-7", "type": "measurement", "name": "a", "value": 18446744073709551617,
        "unit": None, "severity": None, "text": None, "at": "2026-03-02T12:00:00Z", "down": False, "defects": [],
    }  # fmt: skip
    assert second["value"] == 0.5


def test_the_command_says_what_means_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\xff")
    (found,) = run("te/device/main///a/x", file)
    assert (found["device"], found["type"]) == ("main", None)
    assert str(found["error"]).startswith("not JSON")


def test_the_command_reads_the_feed_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        '[[device_feed]]\nname = "p"\ntopics = ["plant/#"]\ndevice = "plant/{device}/#"\nformat = "json"\n'
    )
    file = tmp_path / "a"
    file.write_bytes(b"5")
    (found,) = run("plant/pump-7/level", file, options=("--config", str(config)))
    assert (found["device"], found["name"], found["value"]) == ("pump-7", "level", 5)


def test_mutated_sparkplug_payloads_are_answered() -> None:
    chance = random.Random(7)  # noqa: S311 - reproducible, guards nothing
    whole = bytes.fromhex("08e80712120a0474656d70100118e807200965" + "0000a8411802")
    for _ in range(3000):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        parse_message(Message("spBv1.0/g/DBIRTH/n/d", bytes(raw)), SPARK)
