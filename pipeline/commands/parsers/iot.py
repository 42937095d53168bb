"""Payloads of devices for `casestream parse iot`."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from pipeline.commands.parsers.channel import Asked, Channel, Reader

FORMATS = ("thin-edge", "json", "sparkplug")
_FIELDS = ("device", "type", "name", "value", "unit", "severity", "text", "at", "down", "defects")


def reader(asked: Asked) -> Reader:
    """One object a reading; a payload that tells none yields one that says why."""
    from pipeline.parse.iot import Message, parse_message

    topic = asked.topic or ""
    feed = _feed(asked, topic)

    def objects(raw: bytes) -> Iterable[dict[str, Any]]:
        told = parse_message(Message(topic, raw), feed)
        for reading in told.readings:
            yield {field: _exact(getattr(reading, field)) for field in _FIELDS}
        if not told.readings:
            says = told.unreadable or told.no_reading
            nothing: dict[str, Any] = dict.fromkeys(_FIELDS)
            yield {**nothing, "device": told.device, "down": False, "defects": [says], "error": told.unreadable}

    return objects


def _feed(asked: Asked, topic: str) -> Any:  # noqa: ANN401  # DeviceFeed, which --help must not load
    """The feed whose topics this one fits, else one made of what the topic looks like."""
    from paho.mqtt.client import topic_matches_sub

    from pipeline.config.channels import DeviceFeed

    for feed in asked.config.device_feed if asked.config else ():
        if any(topic_matches_sub(wanted, topic) for wanted in feed.topics):
            return feed.model_copy(update={"format": asked.format}) if asked.format else feed
    levels = topic.split("/")
    guessed = "thin-edge" if {"te", "tedge"} & set(levels[:1]) else "sparkplug" if "spBv1.0" in levels[:1] else "json"
    return DeviceFeed.model_validate({"name": "feed", "topics": ["#"], "format": asked.format or guessed})


def _exact(value: object) -> object:
    """Numbers that JSON libraries would round, written out."""
    import orjson

    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return orjson.Fragment(str(value))


CHANNEL = Channel(reader, formats=FORMATS, topics=True)
