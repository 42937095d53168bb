"""Errors over HTTP as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse


def problem(
    status: int,
    detail: str,
    errors: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """The response that says what is wrong; `errors` says it by field, `more` are members that this problem has."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    body |= more or {}
    if errors:
        body["errors"] = dict(errors)
    return JSONResponse(body, status, headers, media_type="application/problem+json")
