"""`/subscriptions`: who is told of events by webhook, for who has a token with `subscriptions:write`."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipeline.agents.subscription_lines import told, told_try
from pipeline.agents.subscriptions import Asked, Subscriptions
from pipeline.api.auth import require
from pipeline.domain.subscriptions import OLD_SECRET_KEPT
from pipeline.errors import Reject

SCOPE = "subscriptions:write"
MAX_BODY = 65_536
MOST_TRIES = 1000

_NO_STORE = {"Cache-Control": "no-store"}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _New(_Body):
    """What a subscription is made of; `start` is `now`, `start` for all that is kept, or a position."""

    url: str
    description: str | None = None
    types: list[str] | None = None
    filter: str | None = None
    ordered: bool | None = None
    start: Literal["now", "start"] | Annotated[int, Field(ge=0)] = "now"


class _Change(_Body):
    """What may change; `start` says from where on an enabled one goes on."""

    url: str | None = None
    description: str | None = None
    types: list[str] | None = None
    filter: str | None = None
    ordered: bool | None = None
    state: Literal["active", "disabled"] | None = None
    start: Literal["stopped", "now"] = "stopped"


class _Rotate(_Body):
    keep_s: Annotated[int, Field(ge=0)] = int(OLD_SECRET_KEPT.total_seconds())


class _Replay(_Body):
    """One event by its id, or all of a time."""

    model_config = ConfigDict(extra="forbid", strict=False, populate_by_name=True)

    event: UUID | None = None
    since: Annotated[AwareDatetime | None, Field(alias="from")] = None
    until: Annotated[AwareDatetime | None, Field(alias="to")] = None


_Model = TypeVar("_Model", bound=_Body)


class SubscriptionRoutes:
    """Made, shown, changed, rotated, replayed, removed; secrets are shown once, when they are made."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter(dependencies=[Depends(require(SCOPE))])
        one = "/subscriptions/{id}"
        for path, method, route in (
            ("/subscriptions", "GET", self.list),
            ("/subscriptions", "POST", self.add),
            (one, "GET", self.show),
            (one, "PATCH", self.change),
            (one, "DELETE", self.remove),
            (f"{one}/rotate", "POST", self.rotate),
            (f"{one}/deliveries", "GET", self.deliveries),
            (f"{one}/replay", "POST", self.replay),
        ):
            router.add_api_route(path, route, methods=[method], response_model=None)
        return router

    async def list(self) -> Response:
        """All of them, without their secrets."""
        return _json({"subscriptions": [told(one) for one in await self._subscriptions.list()]})

    async def add(self, request: Request) -> Response:
        """A new one, and its secret."""
        new = await _read(request, _New)
        after = {"now": None, "start": 0}[new.start] if isinstance(new.start, str) else new.start
        asked = Asked(url=new.url, description=new.description, types=new.types, filter=new.filter, ordered=new.ordered)
        found = await self._subscriptions.add(asked, datetime.now(UTC), after)
        headers = {"Location": f"/subscriptions/{found.id}"}
        return _json({**told(found), "secret": found.secrets[0].secret}, 201, headers)

    async def show(self, id: str) -> Response:  # noqa: A002  # its name on the wire
        """One of them, without its secrets."""
        return _json(told(await self._subscriptions.find(_id(id))))

    async def change(self, id: str, request: Request) -> Response:  # noqa: A002  # the same
        """The one with what was asked for."""
        name, wanted = _id(id), await _read(request, _Change)
        asked = Asked(
            url=wanted.url, description=wanted.description, types=wanted.types, filter=wanted.filter,
            ordered=wanted.ordered,
        )  # fmt: skip
        found = await self._subscriptions.change(name, asked)
        if wanted.state == "disabled":
            found = await self._subscriptions.disable(name, "disabled through the API")
        elif wanted.state == "active":
            found = await self._subscriptions.enable(name, wanted.start)
        return _json(told(found))

    async def remove(self, id: str) -> Response:  # noqa: A002  # the same
        """No more of it."""
        await self._subscriptions.remove(_id(id))
        return Response(status_code=204)

    async def rotate(self, id: str, request: Request) -> Response:  # noqa: A002  # the same
        """A new secret; the one before signs beside it for `keep_s`."""
        name, wanted = _id(id), await _read(request, _Rotate)
        found = await self._subscriptions.rotate(name, datetime.now(UTC), timedelta(seconds=wanted.keep_s))
        return _json({**told(found), "secret": found.secrets[0].secret})

    async def deliveries(self, id: str, request: Request) -> Response:  # noqa: A002  # the same
        """The latest tries, the newest first; `before` pages on, `event` asks for those of one event."""
        errors: dict[str, str] = {}
        query = request.query_params
        limit = _parameter({"limit": "100", **query}, "limit", int, errors)
        before = _parameter(query, "before", datetime.fromisoformat, errors)
        event = _parameter(query, "event", UUID, errors)
        if limit is not None and not 1 <= limit <= MOST_TRIES:
            errors["limit"] = f"it must be from 1 to {MOST_TRIES}"
        if before is not None and before.tzinfo is None:
            errors["before"] = "it needs a zone, such as 2026-03-02T09:00:00Z"
        if errors:
            raise Reject(422, "some parameters are wrong", errors)
        found = await self._subscriptions.deliveries(_id(id), limit, event=event, before=before)
        return _json({"deliveries": [told_try(one) for one in found]})

    async def replay(self, id: str, request: Request) -> Response:  # noqa: A002  # the same
        """Have an event, or all of a time, delivered again."""
        name, wanted = _id(id), await _read(request, _Replay)
        if wanted.event is not None and wanted.since is None and wanted.until is None:
            run = await self._subscriptions.replay_event(name, wanted.event)
        elif wanted.event is None and wanted.since is not None:
            run = await self._subscriptions.replay_range(name, wanted.since, wanted.until or datetime.now(UTC))
        else:
            raise Reject(422, "name one event, or a time from which on", {"event": "give this, or from (and to)"})
        return _json({"replay": run}, 202)


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, {**_NO_STORE, **(headers or {})}, media_type="application/json")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Reject(404, f"there is no subscription {text[:50]}") from error


async def _read(request: Request, model: type[_Model]) -> _Model:
    """The body as that model. Raises Reject with what is wrong by field."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise Reject(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        return model.model_validate_json(bytes(raw) or b"{}")
    except ValidationError as error:
        errors = {_field(found["loc"]): str(found["msg"]) for found in error.errors()}
        raise Reject(422, "; ".join(f"{field}: {reason}" for field, reason in errors.items()), errors) from error


def _field(location: tuple[Any, ...]) -> str:
    return str(location[0]) if location else "body"


def _parameter(query: Mapping[str, str], name: str, read: Any, errors: dict[str, str]) -> Any:  # noqa: ANN401  # of its kind
    if name not in query:
        return None
    try:
        return read(query[name])
    except ValueError as error:
        errors[name] = str(error)
        return None
