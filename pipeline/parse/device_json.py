"""The JSON that devices send, with exact numbers, bounded in every direction."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, TypeGuard

import orjson

from pipeline.parse.strict_json import Malformed

MAX_READINGS = 1_000
"""Readings that one message may hold; of a message with more, none is read."""

MAX_TEXT = 10_000
"""Characters of a text that are kept."""

MAX_NAME = 250
"""Characters of a name that are kept."""

AHEAD = timedelta(seconds=300)
"""How far a device's clock may be ahead before that is a defect."""

_TOO_LARGE = 10**38
_MAX_EXPONENT = 308
_MAX_PLACES = 100
_NUMBERS = frozenset({int, float, Decimal})
_LONG_NUMBER = re.compile(rb"\d{19}|\d[eE]\+?\d{3}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799
_SCALES = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Larger counts since 1970 are nano-, micro- and milliseconds: as seconds they would lie after the year 5000."""

_SELF = frozenset(
    {"device", "deviceid", "devicename", "deviceeui", "deveui", "devid", "externalid", "thing", "thingid"}
)
_LONGEST_KEY = 40
_OWNER = frozenset({"customer", "customerid", "account", "accountid", "tenant", "tenantid"})


def read_json(payload: bytes) -> Any:  # noqa: ANN401  # that is what JSON is
    """The JSON of a payload, numbers of more than 64 bits exact. Raises Malformed."""
    if payload[:3] == b"\xef\xbb\xbf":
        payload = payload[3:]
    try:
        if _LONG_NUMBER.search(payload):
            orjson.loads(payload)  # judges the depth and the rest; the other reader has the exact numbers
            return json.loads(payload, parse_float=_exact, parse_constant=_no_number)
        return orjson.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {str(error)[:200]}") from error


def _exact(text: str) -> float | Decimal:
    return Decimal(text) if sum(map(str.isdigit, text)) > 17 else float(text)  # noqa: PLR2004 - what a float can hold


def _no_number(text: str) -> None:
    raise Malformed(f"{text} is no number of JSON")


def is_number(value: object) -> TypeGuard[int | float | Decimal]:
    """Whether JSON calls it a number."""
    return type(value) in _NUMBERS


def out_of_range(value: float | Decimal) -> bool:
    """Whether a number is larger or longer than anything measured."""
    if isinstance(value, int):
        return abs(value) >= _TOO_LARGE
    if isinstance(value, Decimal):
        return abs(value.adjusted()) > _MAX_EXPONENT or len(value.as_tuple().digits) > _MAX_PLACES
    return not math.isfinite(value)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Text that PostgreSQL and JSON can hold, of bounded length."""
    return _CONTROL.sub("\ufffd", text[:limit])


def clean_name(text: str) -> str:
    """A name likewise; each is remembered, as devices tell the same ones over and over."""
    return _clean_name(text[: MAX_NAME + 1])


@lru_cache(maxsize=4096)
def _clean_name(text: str) -> str:
    return clean(text, MAX_NAME)


def text_of(value: object) -> str | None:
    """A text as it is, a number as one writes it; None for what is neither, or empty."""
    if isinstance(value, str):
        return clean(value) or None
    return str(value) if is_number(value) else None


def instant(value: object) -> tuple[datetime | None, tuple[str, ...]]:
    """The device's own time from RFC 3339 or a count since 1970, with the defects of it; None for none."""
    if value is None:
        return None, ()
    try:
        if isinstance(value, str):
            return _of_text(value.strip())
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _of_count(value), ()
    except (ValueError, OverflowError):
        pass
    return None, (f"its time is none: {_shown(value)}",)


def dated(value: object, received: datetime | None) -> tuple[datetime | None, tuple[str, ...]]:
    """The device's own time, with the defects of it and of a clock that is ahead of ours."""
    at, defects = instant(value)
    return at, (*defects, *ahead(at, received))


def _of_text(text: str) -> tuple[datetime | None, tuple[str, ...]]:
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return _of_count(float(text)), ()
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    micro = int((fraction or "0").ljust(6, "0")[:6])
    zone: timezone = UTC
    if sign:
        ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
        zone = timezone(ahead if sign == "+" else -ahead)
    leap = second == "60"  # RFC 3339 allows it; the instant after its 59th second is near enough
    clock = (int(hour), int(minute), 59 if leap else int(second or 0), micro)
    moment = datetime(int(year), int(month), int(day), *clock, tzinfo=zone)
    if moment < _FIRST:
        raise ValueError("no time a device can have")
    naive = sign is None and text[-1] not in "Zz"
    return moment.astimezone(UTC), ("its time has no zone and counts as UTC",) if naive else ()


def _of_count(count: float | Decimal) -> datetime:
    seconds = float(count)
    if not math.isfinite(seconds):
        raise ValueError("no finite count")
    scale = next((scale for least, scale in _SCALES if abs(seconds) >= least), 1.0)
    seconds /= scale
    if not 0 <= seconds <= _LATEST:
        raise ValueError("no time a device can have")
    return datetime.fromtimestamp(seconds, UTC)


def strangers(payload: Mapping[str, object], device: str | None, received_from: str | None = None) -> tuple[str, ...]:
    """Defects of a payload that names another device than the topic does, or a customer: only the topic counts."""
    found = []
    for key, value in payload.items():
        about = _about(key) if len(key) <= _LONGEST_KEY else None
        if about is None or (named := text_of(value)) is None:
            continue
        if about == "owner":
            found.append(f"the payload names a customer, {_shown(named)}, which does not count")
        elif named not in {device, received_from}:
            found.append(f"the payload names device {_shown(named)}, the topic counts")
    return tuple(found)


@lru_cache(maxsize=1024)
def _about(key: str) -> Literal["self", "owner"] | None:
    plain = key.replace("_", "").replace("-", "").lower()
    return "self" if plain in _SELF else "owner" if plain in _OWNER else None


def ahead(at: datetime | None, received: datetime | None) -> tuple[str, ...]:
    """The defect of a device whose clock is ahead of ours."""
    if at is None or received is None or at - received <= AHEAD:
        return ()
    return (f"its clock is {int((at - received).total_seconds())} s ahead",)


def _shown(value: object) -> str:
    return clean(repr(value), 100)
