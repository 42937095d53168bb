"""Makes the envelopes of calls, social items and readings, as their connectors would have published them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, get_args

import orjson
from paho.mqtt.client import topic_matches_sub

from pipeline.config import Config
from pipeline.config.channels import DeviceFeed, Phone, PhoneFormat, Social
from pipeline.parse.iot import READINGS, Message, write_readings
from pipeline.parse.phone import CONTENT_TYPES, guess_format
from pipeline.parse.social import split_delivery
from pipeline.parse.strict_json import Malformed
from pipeline.wire import Envelope

_PLATFORMS: Sequence[str] = get_args(Social.model_fields["platform"].annotation)


def complete(config: Config) -> Config:
    """The configuration, with an exchange, pages and feeds at their defaults where it names none of a kind."""
    feeds = (
        DeviceFeed(name="thin-edge", topics=("te/#", "tedge/#"), format="thin-edge"),
        DeviceFeed(name="sparkplug", topics=("spBv1.0/#",), format="sparkplug"),
        DeviceFeed(name="devices", topics=("#",), format="json"),
    )
    pages = tuple(Social.model_validate({"platform": platform}) for platform in _PLATFORMS)
    return config.model_copy(
        update={
            "phone": config.phone or (Phone(name="pbx"),),
            "social": config.social or pages,
            "device_feed": config.device_feed or feeds,
        }
    )


@dataclass(frozen=True, slots=True)
class Sources:
    """The exchanges, pages and feeds that lines of a journal may come from."""

    phones: Sequence[Phone]
    pages: Sequence[Social]
    feeds: Sequence[DeviceFeed]

    @classmethod
    def of(cls, config: Config) -> Self:
        """Those of a configuration, or their defaults."""
        whole = complete(config)
        return cls(whole.phone, whole.social, whole.device_feed)

    def call(self, payload: object, *, name: str, at: datetime, phone: str | None, format_: str | None) -> Envelope:
        """An event or record of a call. Raises ValueError with what is wrong."""
        exchange = next((one for one in self.phones if phone in {None, one.name}), None)
        if exchange is None:
            there = ", ".join(one.name for one in self.phones)
            raise ValueError(f'"phone" is "{phone}", which is no [[phone]]; there are: {there}')
        raw = _bytes(payload)
        known: dict[str, PhoneFormat] = {one: one for one in CONTENT_TYPES}
        if format_ is not None and format_ not in known:
            raise ValueError(f'"format" is "{format_}"; there are: {", ".join(known)}')
        kind = known[format_] if format_ else guess_format(raw) if isinstance(payload, str) else exchange.format
        return Envelope(
            id=name,
            channel="phone",
            source=f"/phone/{exchange.name}",
            key=name,
            time=at,
            content_type=CONTENT_TYPES[kind],
            raw=raw,
        )

    def item(self, payload: object, *, at: datetime) -> Envelope:
        """An item of a social platform, in a delivery of its own. Raises ValueError with what is wrong."""
        try:
            items = split_delivery(_bytes(payload))
        except Malformed as problem:
            raise ValueError(f'"payload" is no delivery of a social platform: {problem}') from problem
        if len(items) != 1:
            raise ValueError(f'"payload" holds {len(items)} items; write a line for each')
        item = items[0]
        platform = item.post.platform if item.post else None
        fitting = [page for page in self.pages if page.page_id in {None, item.account}] or self.pages
        page = next((page for page in fitting if page.platform == platform), fitting[0])
        own = item.account or page.page_id
        return Envelope(
            id=item.id,
            channel="social",
            source=f"/social/{page.name}",
            key=(item.post and item.post.conversation) or item.id,
            time=at,
            content_type="application/json",
            raw=item.raw,
            facts={"platform": platform or page.platform, "social": page.name, **({"account": own} if own else {})},
        )

    def reading(self, payload: object, *, name: str, at: datetime, topic: str, retained: bool = False) -> Envelope:
        """A message of a device, maybe one that the broker had kept. Raises ValueError with what is wrong."""
        feed = next((feed for feed in self.feeds if any(topic_matches_sub(one, topic) for one in feed.topics)), None)
        if feed is None:
            there = ", ".join(one for feed in self.feeds for one in feed.topics)
            raise ValueError(f'no [[device_feed]] takes the topic "{topic}"; there are: {there}')
        return Envelope(
            id=name,
            channel="iot",
            source=f"/mqtt/{feed.name}",
            key=topic,
            time=at,
            content_type=READINGS,
            raw=write_readings([Message(topic, _bytes(payload), retained)]),
        )


def _bytes(payload: object) -> bytes:
    """The payload as it came: a text as it stands, bytes in base64 where they are no text, else as JSON."""
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, dict) and payload.keys() == {"base64"} and isinstance(payload["base64"], str):
        return base64.b64decode(payload["base64"], validate=True)
    return orjson.dumps(payload)
