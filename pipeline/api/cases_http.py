"""`GET /cases/state`: every case as it is now, page by page, for who begins to listen."""

from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response

from pipeline.api.answer import MOST_BYTES, JsonAnswer
from pipeline.api.auth import Granted, require
from pipeline.api.events_http import too_many
from pipeline.api.hub import Crowded, Hub
from pipeline.store.case_states import CaseStates
from pipeline.store.connection import retryable

MOST = 1000


class CaseRoutes:
    """The cases of a desk for who has a token with `cases:read`."""

    def __init__(self, dsn: str, hub: Hub) -> None:
        self._dsn = dsn
        self._hub = hub

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/cases/state", self.states, methods=["GET"], response_model=None)
        return router

    async def states(
        self,
        granted: Annotated[Granted, Depends(require("cases:read"))],
        after: UUID | None = None,
        state: Literal["active", "all"] = "all",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 500,
    ) -> Response:
        """The next cases past an id, as the topic `case.state` holds them; `next` is null with the last of them.

        All events up to `position` are in them, and some after it may be: those whose sequence is not above the case's.
        """
        try:
            self._hub.admit(granted.name)
        except Crowded as crowded:
            return too_many(crowded)
        position = await self._hub.place(None)  # before the cases are read, so that nothing lies between
        async with retryable(), CaseStates.open(self._dsn) as states:
            found = await states.page(after, limit, active=state == "active")
        told: list[bytes] = []
        size = 0
        for one in found:
            told.append(orjson.dumps(one.data))
            size += len(told[-1])
            if size >= MOST_BYTES:
                break
        more = len(told) < len(found) or len(found) == limit
        page = {
            "cases": [orjson.Fragment(one) for one in told],
            "next": found[len(told) - 1].id if more else None,
            "position": position,
        }
        return JsonAnswer(self._hub, orjson.dumps(page), granted.name)
