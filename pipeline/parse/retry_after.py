"""How long a platform asks us to wait, in whichever way it says so.

Source: RFC 9110 (Retry-After); Mastodon's API (X-RateLimit-Reset, a time); X's API (x-rate-limit-reset, seconds since
1970); Meta's Graph API (X-Business-Use-Case-Usage, minutes).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipeline.parse.payload import Payload
from pipeline.parse.strict_json import Malformed, read_json

_MOST_DIGITS = 12


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds from now; None where nothing says so. Names of headers are in small letters."""
    given = headers.get("retry-after", "")
    if given.isdecimal():
        return float(given[:6])
    usage = _minutes_of_usage(headers.get("x-business-use-case-usage", ""))
    if usage is not None:
        return usage * 60
    since_1970 = headers.get("x-rate-limit-reset", "")
    if since_1970.isdecimal() and len(since_1970) <= _MOST_DIGITS:
        return int(since_1970) - now.timestamp()
    try:
        moment = parsedate_to_datetime(given) if given else datetime.fromisoformat(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _minutes_of_usage(header: str) -> float | None:
    try:
        told = Payload(read_json(header.encode()))
    except Malformed:
        return None
    minutes = [
        float(word)
        for name in told.names()
        for usage in told.each(name)
        if (word := usage.word("estimated_time_to_regain_access") or "").isdecimal()
    ]
    return max(minutes, default=None)
