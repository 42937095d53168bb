"""Serves what events are to anyone who asks: nothing of it is of this desk.

The schemas by their type, and all of them at once as AsyncAPI; `GET /schemas` says what there is.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from pipeline.errors import Reject
from pipeline.events.asyncapi import asyncapi
from pipeline.events.schemas import EVENT_TYPES, event_schemas
from pipeline.events.state import STATE_SAYS, STATE_TYPE, state_schema

_FOR_A_WHILE = {"Cache-Control": "public, max-age=3600"}


class SchemaRoutes:
    """What is served of them; made of the models when it is first asked for."""

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        router.add_api_route("/schemas", self.all, methods=["GET"])
        router.add_api_route("/schemas/asyncapi.json", self.document, methods=["GET"])
        router.add_api_route("/schemas/{type}.json", self.one, methods=["GET"])
        return router

    async def all(self) -> Sequence[Mapping[str, str]]:
        """Every type, when it is told, and where its schema is."""
        kinds = [(kind.full, kind.when) for kind in EVENT_TYPES.values()]
        return [
            {"type": name, "when": says, "schema": f"/schemas/{name}.json"}
            for name, says in (*kinds, (STATE_TYPE, STATE_SAYS))
        ]

    async def document(self) -> JSONResponse:
        """The AsyncAPI document."""
        return JSONResponse(self._document, headers=_FOR_A_WHILE, media_type="application/json")

    async def one(self, type: str) -> JSONResponse:  # noqa: A002  # the name that the path has
        """The schema of the data of one type. Raises Reject when there is none."""
        schema = self._schemas.get(type)
        if schema is None:
            raise Reject(404, f"there is no type {type[:200]}; GET /schemas says which there are")
        return JSONResponse(schema, headers=_FOR_A_WHILE, media_type="application/schema+json")

    @cached_property
    def _schemas(self) -> Mapping[str, Mapping[str, object]]:
        return {**event_schemas(), STATE_TYPE: state_schema()}

    @cached_property
    def _document(self) -> Mapping[str, object]:
        return asyncapi()
