"""Readings as records of the log, and a desk that watches devices by rules."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from pipeline.config import Config, parse_config
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.wire import Envelope, Record

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

TEXT = """
[desk]
domain = "desk.example"
secret = "a-secret-of-the-test-desk"
[[device_feed]]
name = "plant"
topics = ["plant/#"]
format = "json"
commands = "plant/{device}/commands"
answers = "plant/{device}/answers"
device = "plant/{device}/+"
"""
RULES = """
[[alarm]]
name = "overheat"
when = "name == 'temperature' && value > 70.0"
clear = "value < 60.0"
reopen_s = 30
opens_case = true
severity = "low"
levels = [{ when = "value > 100.0", severity = "critical", opens_case = true }]
[[alarm]]
name = "lasting"
when = "name == 'temperature' && value > 70.0"
for_s = 20
reopen_s = 0
opens_case = true
[[alarm]]
name = "silent"
silent_s = 40
opens_case = true
"""


def config_of(rules: str = RULES, dsn: str | None = None) -> Config:
    """The configuration of the desk."""
    return parse_config(TEXT + rules, {"postgres": {"dsn": dsn}} if dsn else {})


def message(device: str, **values: Any) -> Message:  # noqa: ANN401  # what JSON can say
    """What a device publishes."""
    return Message(f"plant/{device}/env", orjson.dumps(values))


def record(messages: Sequence[Message], *, seconds: float, partition: int = 0, offset: int = 0) -> Record:
    """Messages as they travel together, received so many seconds after the start."""
    at = START + timedelta(seconds=seconds)
    envelope = Envelope(
        id=f"{partition}-{offset}",
        channel="iot",
        source="/mqtt/plant",
        key=f"devices-{partition}",
        time=at,
        content_type=READINGS,
        raw=write_readings(messages),
        count=len(messages),
    )
    return Record("inbound.iot", partition, offset, b"k", envelope.raw, tuple(envelope.headers()))
