"""What someone who asks for events wants: which, from where on, and how."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import Request

from pipeline.errors import Reject
from pipeline.events.schemas import EVENT_TYPES
from pipeline.store.feed import Wanted

LONGEST_WAIT_S = 60.0
MOST = 1000

_KNOWN = {"type", "case", "after", "wait", "limit"}
_WAIT = re.compile(r"(\d{1,4})s?")
_POSITION = re.compile(r"\d{1,18}")
_FULL = {known: kind.full for name, kind in EVENT_TYPES.items() for known in (name, kind.full)}


@dataclass(frozen=True, slots=True)
class Asked:
    """`after` is the last number they have, `start` to get all that is kept, None to get only what comes.

    With `wait` they want one answer, at the latest after so many seconds; without, all as it comes.
    """

    wanted: Wanted
    after: int | Literal["start"] | None
    wait: float | None
    limit: int


def read_request(request: Request) -> Asked:
    """What the request asks for. Raises Reject with 422 that says what is wrong by field, or with 406."""
    errors: dict[str, str] = {}
    for name in request.query_params.keys() - _KNOWN:
        errors[name] = f"there is no such parameter; there are: {', '.join(sorted(_KNOWN))}"
    types = _types(request, errors)
    key, subject = _case(request, errors)
    after = _after(request, errors)
    wait = _wait(request, errors)
    limit = _limit(request, errors)
    if errors:
        raise Reject(422, "some parameters are wrong", errors)
    return Asked(Wanted(types, key, subject), after, wait, limit)


def _types(request: Request, errors: dict[str, str]) -> frozenset[str] | None:
    names = [name for text in request.query_params.getlist("type") for name in text.split(",") if name]
    unknown = [name for name in names if name not in _FULL]
    if unknown:
        errors["type"] = f"there is no type {unknown[0]}; there are: {', '.join(EVENT_TYPES)}"
    return frozenset(_FULL[name] for name in names if name in _FULL) if names else None


def _case(request: Request, errors: dict[str, str]) -> tuple[str | None, str | None]:
    text = request.query_params.get("case")
    if text is None:
        return None, None
    if text.isascii() and text.isdecimal():
        return None, str(int(text[:19]))
    try:
        return str(UUID(text)), None
    except ValueError:
        errors["case"] = "write a case's number or its id"
        return None, None


def _after(request: Request, errors: dict[str, str]) -> int | Literal["start"] | None:
    last = request.headers.get("last-event-id")
    text = last or request.query_params.get("after")
    if text is None or text == "end":
        return None
    if text == "start":
        return "start"
    if not _POSITION.fullmatch(text):
        errors["Last-Event-ID" if last else "after"] = (
            "write the position of the last event that you have, start or end"
        )
        return None
    return int(text)


def _wait(request: Request, errors: dict[str, str]) -> float | None:
    text = request.query_params.get("wait")
    if text is not None:
        match = _WAIT.fullmatch(text)
        if match is None or int(match[1]) > LONGEST_WAIT_S:
            errors["wait"] = f"write seconds up to {LONGEST_WAIT_S:.0f}, such as 30s"
            return None
        return float(match[1])
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    if "text/event-stream" in accepted:
        return None
    if "application/json" in accepted:
        return 0.0
    if "*/*" in accepted or "text/*" in accepted:
        return None
    raise Reject(406, "events come as text/event-stream or as application/json")


def _limit(request: Request, errors: dict[str, str]) -> int:
    text = request.query_params.get("limit", str(MOST // 2))
    if not _POSITION.fullmatch(text) or not 1 <= int(text) <= MOST:
        errors["limit"] = f"write how many events the answer may hold, 1 to {MOST}"
        return MOST
    return int(text)
