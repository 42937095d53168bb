"""Reads messages of devices by the format of their feed, one at a time or as they travel together in a record.

A record of `inbound.iot` has the content type READINGS and holds a JSON array, in the order of arrival, with an object
for each message: `topic`; its payload as `payload` where that is UTF-8, else as `payload64` in base64; `retained: true`
where the broker had kept it; `dup: true` where the broker sent it again; `truncated: N` where it had N bytes, too many
to take. `ce_count` is the number of objects: the message of a device is what is accounted, however many readings it
tells.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from pipeline.config.channels import DeviceFeed
from pipeline.parse import thin_edge
from pipeline.parse.device_json import clean_name
from pipeline.parse.plain_readings import parse_plain
from pipeline.parse.reading import Told
from pipeline.parse.sparkplug import Births, parse_sparkplug
from pipeline.parse.sparkplug import place_of as sparkplug_place

_FORBIDDEN = re.compile("[+#\0\ufffd]")

READINGS = "application/vnd.casestream.readings+json"


class Message(NamedTuple):
    """One message of a device as MQTT brought it."""

    topic: str
    payload: bytes
    retained: bool = False
    dup: bool = False
    truncated: int = 0


class Delivery(NamedTuple):
    """A message with what it told: one accounted outcome, whatever the number of its readings."""

    message: Message
    told: Told


def write_readings(messages: Sequence[Message]) -> bytes:
    """The record of these messages."""
    return orjson.dumps([_written(message) for message in messages])


def _written(message: Message) -> dict[str, object]:
    found: dict[str, object] = {"topic": message.topic}
    try:
        found["payload"] = message.payload.decode("utf-8")
    except UnicodeDecodeError:
        found["payload64"] = base64.b64encode(message.payload).decode("ascii")
    if message.retained:
        found["retained"] = True
    if message.dup:
        found["dup"] = True
    if message.truncated:
        found["truncated"] = message.truncated
    return found


def cut_out(raw: bytes, place: int) -> bytes:
    """A record of one message alone, by its place in a record of many."""
    return orjson.dumps([orjson.loads(raw)[place]])


def read_messages(raw: bytes) -> list[Message]:
    """The messages of a record. Raises ValueError when it is no such record."""
    found = orjson.loads(raw)
    if not isinstance(found, list):
        raise ValueError("a record of readings is an array")  # noqa: TRY004  # what the caller expects of bad data
    return [_message(one) for one in found]


def _message(found: Any) -> Message:  # noqa: ANN401  # an element of JSON
    try:
        text = found.get("payload")
        payload = text.encode() if text is not None else base64.b64decode(found["payload64"], validate=True)
        topic, truncated = found["topic"], found.get("truncated", 0)
    except (AttributeError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"not a message of a device: {error!r}") from error
    if not isinstance(topic, str) or not isinstance(truncated, int):
        raise ValueError("not a message of a device")  # noqa: TRY004  # the same
    return Message(topic, payload, found.get("retained") is True, found.get("dup") is True, truncated)


def read_readings(
    raw: bytes, feed: DeviceFeed, received: datetime | None = None, births: Births | None = None
) -> list[Delivery]:
    """What each message of a record told, in its order. Raises ValueError when the whole is no record of readings.

    A message that cannot be read is an outcome of its own (`told.unreadable`) and spoils no other. `births` is what
    Sparkplug's aliases are resolved by, see `parse/sparkplug.py`; births within the record count in any case.
    """
    known: Births = {} if births is None else births
    return [Delivery(message, parse_message(message, feed, received, known)) for message in read_messages(raw)]


def parse_message(  # noqa: PLR0911  # one for each way to read it
    message: Message, feed: DeviceFeed, received: datetime | None = None, births: Births | None = None
) -> Told:
    """What one message told, by the format of its feed."""
    if message.truncated:
        says = f"the message has {message.truncated} bytes, more than [mqtt] max_packet takes"
        return Told(unreadable=says, device=device_of(message.topic, feed))
    if _FORBIDDEN.search(message.topic):
        return Told(unreadable="a topic that nobody may publish to: it has wildcards, or is no UTF-8")
    if feed.commands and named_device(message.topic, feed.commands):
        return Told(no_reading="a command is no reading")
    named = named_device(message.topic, feed.device)
    if feed.device is not None and named is None:
        return Told(unreadable=f"the topic does not fit device = {feed.device!r}")
    if feed.format == "thin-edge":
        return thin_edge.parse_thin_edge(message.topic, message.payload, named, received)
    if feed.format == "sparkplug":
        return _renamed(parse_sparkplug(message.topic, message.payload, births, received), named)
    device = named or last_level(message.topic)
    return parse_plain(message.topic, message.payload, device, received)


def _renamed(told: Told, device: str | None) -> Told:
    if device is None:
        return told
    return told._replace(device=device, readings=tuple(one._replace(device=device) for one in told.readings))


def device_of(topic: str, feed: DeviceFeed) -> str | None:
    """Whose message it is, told by the topic alone; None when the topic does not say."""
    named = named_device(topic, feed.device)
    if feed.device is not None and named is None:
        return None
    if feed.format == "thin-edge":
        place = thin_edge.place_of(topic, named)
        return place.device if place else named
    if feed.format == "sparkplug":
        node = sparkplug_place(topic)
        return named or (node.name if node else None)
    return named or last_level(topic)


def last_level(topic: str) -> str | None:
    """The last level of a topic that is not empty."""
    return clean_name(topic.rstrip("/").rpartition("/")[2]) or None


def named_device(topic: str, pattern: str | None) -> str | None:
    """The device where the pattern says it is; None without a pattern, or where the topic does not fit."""
    if pattern is None:
        return None
    found = _pattern(pattern)(topic)
    return clean_name(found[1]) if found else None


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Callable[[str], "re.Match[str] | None"]:
    """`+` is any one level, `#` at the end all below, `{device}` a level or a part of one."""
    levels = [_level(level) for level in pattern.removesuffix("/#").split("/")]
    below = "(?:/.*)?" if pattern.endswith("/#") else ""
    return re.compile("/".join(levels) + below, re.DOTALL).fullmatch


def _level(level: str) -> str:
    if level == "+":
        return "[^/]*"
    return "([^/]+)".join(map(re.escape, level.split("{device}")))
