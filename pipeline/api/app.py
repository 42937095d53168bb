"""The FastAPI application: mounts what is served over HTTP and turns every error into problem details."""

from collections.abc import Iterable, Mapping

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from pipeline.api.auth import Gate
from pipeline.errors import Reject, Retry
from pipeline.problems import problem


class _Application(FastAPI):
    """Lets a route cut its connection, for which ASGI has no word: uvicorn's `send` is of what has the transport."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["casestream.transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await super().__call__(scope, receive, send)


def create_app(routers: Iterable[APIRouter], gate: Gate | None = None) -> FastAPI:
    """The application with these routers and `GET /healthz`; routes that want a token ask the gate."""
    app = _Application(title="Casestream", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gate = gate
    for router in routers:
        app.include_router(router)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(Reject, _answer)
    app.add_exception_handler(Retry, _answer)
    app.add_exception_handler(Exception, _unexpected)
    return app


async def healthz() -> Mapping[str, str]:
    """Whether the process answers at all."""
    return {"status": "ok"}


async def _answer(_: Request, error: Exception) -> Response:
    match error:
        case HTTPException():
            return problem(error.status_code, str(error.detail), headers=error.headers)
        case Reject():
            return problem(error.status, error.message, error.errors)
        case Retry():
            return problem(503, "not now, try again later", headers={"Retry-After": "10"})
        case RequestValidationError():
            wrong = {".".join(map(str, one["loc"][1:])): str(one["msg"]) for one in error.errors()}
            return problem(422, "the request is not what this address takes", wrong)
        case _:
            raise error


async def _unexpected(request: Request, error: Exception) -> Response:
    path = getattr(request.scope.get("route"), "path", "")  # as it is declared: what fills it in may be a secret
    structlog.get_logger().error("http.unexpected", path=path, exc_info=error)
    return problem(500, "something went wrong here, try again later")
