"""What every route of a connector answers to what it cannot take."""

from collections.abc import Mapping

from fastapi import Response

from pipeline.connectors.http_body import closing
from pipeline.connectors.rate import TooOften
from pipeline.errors import Reject, Retry
from pipeline.problems import problem

RETRY_SECONDS = "10"
"""When a source shall come again after we could not keep what it sent."""

NOT_KEPT = "we cannot keep it now, send it again"


def refused(refusal: Reject | Retry, headers: Mapping[str, str] | None = None, not_now: str = NOT_KEPT) -> Response:
    """The refusal as problem details, beside the headers that every answer of the route has."""
    own = dict(headers or {}) | again(refusal)
    if isinstance(refusal, Retry):
        return problem(503, not_now, headers=own)
    return problem(refusal.status, refusal.message, refusal.errors, own | closing(refusal.status))


def again(refusal: Reject | Retry) -> dict[str, str]:
    """The header that says when to come again, where that helps."""
    match refusal:
        case TooOften():
            return {"Retry-After": str(refusal.seconds)}
        case Retry():
            return {"Retry-After": RETRY_SECONDS}
    return {}
