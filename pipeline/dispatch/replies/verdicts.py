"""What a platform's answer means for what we sent: it is there, it is to be tried again, or it will never be.

Source: Meta, Graph API (handling errors: 1, 2 passing; 4, 17, 32, 341, 613, 80001 and their like rates; 102, 190 token;
10, 200-299 permission; 100 parameter; 368 blocked; 506 duplicate) and Messenger Platform (error codes: 10 with subcode
2018278 window; 100 with 2018001, 551 nobody there; 1200 passing); X, API v2 (problems, 403 for duplicate content,
x-rate-limit-reset); Mastodon, API (401, 403, 404, 422, 429 with X-RateLimit-Reset).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.platforms import PLATFORMS
from pipeline.parse.payload import Payload
from pipeline.parse.retry_after import seconds_to_wait
from pipeline.parse.strict_json import Malformed, read_json

SAID = 200
"""Characters of what a platform said that a reason quotes."""

LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: status, headers in small letters, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """It is there; by this id, where the platform said it."""

    platform_id: str | None


@dataclass(frozen=True, slots=True)
class Again:
    """It is to be tried again: not before `at`, if the platform said when.

    `rests` when the whole account is to rest; `unsure` when it may be there all the same.
    """

    reason: str
    at: datetime | None = None
    rests: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """It cannot be sent; the reason is for who leads the support. An earlier try may be there if that is `unsure`."""

    reason: str
    unsure: bool = False


Verdict = Sent | Again | Never

_ID_OF = {"messenger": ("message_id",), "x": ("data", "id")}
_OK = range(200, 300)
_BROKEN = range(500, 600)
_TOO_MANY, _UNKNOWN_TOKEN, _FORBIDDEN, _GONE, _INVALID = 429, 401, 403, 404, 422
_META_RATES = frozenset({4, 17, 32, 341, 613, 80001, 80002, 80006})
_META_TOKEN = frozenset({102, 190})
_META_PASSING = frozenset({1, 2, 1200})
_META_PERMISSION = frozenset({3, 10, *range(200, 300)})
_META_NOBODY = frozenset({551})
_META_NO_ITEM = frozenset({33, 2018001})
_META_WINDOW = 2018278


def verdict(platform: str, answered: Answered, now: datetime, *, unsure: bool = False) -> Verdict:
    """What the answer to a post means; `unsure` when an earlier try may have gone through."""
    told = _read(answered.body)
    if answered.status in _OK:
        return _taken(platform, told)
    name = PLATFORMS[platform]
    if answered.status == _TOO_MANY:
        return Again(f"{name} asks to wait: too much was sent", _at(answered, now), rests=True)
    if platform in {"facebook", "messenger"} and told.at("error").names():
        return _of_meta(name, told.at("error"), answered, now)
    if answered.status in _BROKEN:
        reason = f"{name} has trouble of its own ({answered.status})"
        return Again(reason, _at(answered, now), unsure=answered.status != 503)  # noqa: PLR2004  # was not taken
    if platform == "x":
        return _of_x(told, answered.status, unsure=unsure)
    return _by_status(name, answered.status, _said(told))


def lost(platform: str, error: str, *, taken: bool) -> Again:
    """No answer came: the request may have been `taken`, or cannot have been."""
    name = PLATFORMS[platform]
    return Again(f"{name} {'did not answer' if taken else 'cannot be reached'}: {error}", unsure=taken)


def _taken(platform: str, told: Payload) -> Verdict:
    known = told.word(*_ID_OF.get(platform, ("id",))) or told.word("data", "dm_event_id")
    if known is None:
        return Again(f"{PLATFORMS[platform]} took it and does not say as what", unsure=True)
    return Sent(known)


def _of_meta(name: str, error: Payload, answered: Answered, now: datetime) -> Verdict:  # noqa: PLR0911  # one for each
    code, subcode = _number(error, "code"), _number(error, "error_subcode")
    says = _quoted(error.word("error_user_msg") or error.word("message"))
    if code in _META_RATES:
        return Again(f"{name} asks to wait: the page sent too much", _at(answered, now), rests=True)
    if code in _META_TOKEN:
        return Never(f"{name} does not take our access_token any more; give the page another one{says}")
    if code in _META_PASSING or error.flag("is_transient"):
        return Again(f"{name} has trouble of its own ({code})", _at(answered, now), unsure=code != 1200)  # noqa: PLR2004  # not sent
    if subcode == _META_WINDOW:
        return Never(f"{name} lets a page answer within 24 hours, with the permission Human Agent within 7 days{says}")
    if code in _META_PERMISSION:
        return Never(f"{name} does not let our page do that; look at the permissions of its access_token{says}")
    if code in _META_NOBODY or subcode in _META_NO_ITEM:
        return Never(f"{name} knows no such item or person any more; it may have been removed{says}")
    if code == 368:  # noqa: PLR2004  # its own number
        return Never(f"{name} blocks what our page does for a while{says}")
    return Never(f"{name} refuses it ({code if code is not None else answered.status}){says}")


def _of_x(told: Payload, status: int, *, unsure: bool) -> Verdict:
    said = told.word("detail") or told.word("errors", "message") or next(
        (found for one in told.each("errors") if (found := one.word("message") or one.word("detail"))), None
    )  # fmt: skip
    if status == _FORBIDDEN and "duplicate" in (said or "").lower():
        return Sent(None) if unsure else Never("X refuses the same words twice; write the answer otherwise")
    return _by_status("X", status, _quoted(said))


def _by_status(name: str, status: int, says: str) -> Verdict:
    match status:
        case 401:
            return Never(f"{name} does not take our access_token any more; give the account another one{says}")
        case 403:
            return Never(f"{name} does not let our account answer this{says}")
        case 404 | 410:
            return Never(f"{name} has no such item any more; it may have been removed{says}")
        case 422 | 400:
            return Never(f"{name} refuses the answer as it is{says}")
        case 408 | 425:
            return Again(f"{name} did not read it in time ({status})", unsure=True)
    return Never(f"{name} refuses it ({status}){says}")


def _at(answered: Answered, now: datetime) -> datetime | None:
    seconds = seconds_to_wait(answered.headers, now)
    return None if seconds is None else now + min(max(timedelta(seconds=seconds), timedelta(seconds=1)), LONGEST_WAIT)


def _read(body: bytes) -> Payload:
    try:
        return Payload(read_json(body))
    except Malformed:
        return Payload(None)


def _said(told: Payload) -> str:
    return _quoted(told.word("error_description") or told.word("error"))


def _quoted(said: str | None) -> str:
    return f": {said[:SAID]}" if said else ""


def _number(error: Payload, name: str) -> int | None:
    word = error.word(name) or ""
    return int(word) if word.isdecimal() and len(word) < 12 else None  # noqa: PLR2004  # more than any code
