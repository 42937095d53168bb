"""How the parts of a process fare, over HTTP: for Prometheus at `/metrics`, for people at `/health`."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pipeline.config.sections import Http, Metrics
from pipeline.connectors.clients import Clients, is_within
from pipeline.connectors.contract import Health
from pipeline.departures import AllDepartures, Departures
from pipeline.errors import Retry
from pipeline.metrics import CONTENT_TYPE, Healths, exposition
from pipeline.problems import problem

RuleFailures = Callable[[], Awaitable[Mapping[str, int]]]
"""How often each rule failed, as of now."""


class MonitorRoutes:
    """`GET /metrics` and `GET /health`, for the networks that may read them."""

    def __init__(
        self,
        healths: Healths,
        metrics: Metrics,
        settings: Http,
        rule_failures: RuleFailures | None = None,
        departures: AllDepartures | None = None,
        listeners: Callable[[], int] | None = None,
    ) -> None:
        self._healths = healths
        self._rule_failures = rule_failures
        self._departures = departures or dict
        self._listeners = listeners
        self._readers = metrics.readers
        self._clients = Clients(settings.proxies)

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/metrics", self.metrics, methods=["GET"], response_model=None)
        router.add_api_route("/health", self.health, methods=["GET"], response_model=None)
        return router

    async def metrics(self, request: Request) -> Response:
        """The figures in Prometheus' text format."""
        if not self._may_read(request):
            return problem(404, "Not Found")
        failures: Mapping[str, int] | None = None
        if self._rule_failures is not None:
            with suppress(Retry):  # the other figures are told while PostgreSQL is away
                failures = await self._rule_failures()
        listeners = self._listeners() if self._listeners is not None else None
        figures = exposition(self._healths, failures, self._departures, listeners)
        return Response(figures, headers={"Content-Type": CONTENT_TYPE})

    async def health(self, request: Request) -> Response:
        """What each connector did and does now, with each of its sources; what each way out delivered."""
        if not self._may_read(request):
            return problem(404, "Not Found")
        told = {name: _told(health) for name, health in self._healths().items()}
        left = {name: _left(departures) for name, departures in self._departures().items()}
        return JSONResponse({**told, **left})

    def _may_read(self, request: Request) -> bool:
        return is_within(self._clients.of(request), self._readers)


def _told(health: Health) -> Mapping[str, object]:
    told: dict[str, object] = {
        "state": health.state,
        "received": health.received,
        "published": health.published,
        "refused": dict(health.refused),
        "lag": health.lag,
        "last_success": health.last_success.isoformat() if health.last_success else None,
    }
    if health.parts:
        told["sources"] = {name: _told(part) for name, part in health.parts.items()}
    return told


def _left(departures: Departures) -> Mapping[str, object]:
    return {
        "state": departures.state,
        "sent": departures.sent,
        "failed": dict(departures.failed),
        "waiting": departures.waiting,
        "lag_s": departures.lag_s,
        "last_success": departures.last_success.isoformat() if departures.last_success else None,
    }
