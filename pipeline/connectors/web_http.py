"""The HTTP side of web forms: routes and cross-origin rules."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from pipeline.config.channels import Form
from pipeline.config.sections import Http
from pipeline.connectors.clients import Clients
from pipeline.connectors.http_body import BODY_SECONDS, BodyRefused, closing, read_body
from pipeline.connectors.rate import TooOften
from pipeline.connectors.web import FormConnector, FormRequest
from pipeline.errors import Reject, Retry
from pipeline.problems import problem

RETRY_SECONDS = "10"


class FormRoutes:
    """`POST /form/NAME`, and the question a browser asks before it."""

    def __init__(self, connector: FormConnector, settings: Http, body_seconds: float = BODY_SECONDS) -> None:
        self._connector = connector
        self._max_size = settings.max_size
        self._clients = Clients(settings.proxies)
        self._body_seconds = body_seconds

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/form/{name}", self.post, methods=["POST"], status_code=202, response_model=None)
        router.add_api_route("/form/{name}", self.preflight, methods=["OPTIONS"], response_model=None)
        return router

    async def post(self, name: str, request: Request) -> Response:
        """Take one form; 202 with its receipt once it is safe."""
        cors: Mapping[str, str] = {}
        try:
            form = self._connector.find(name)
            cors = self._cors(form, request)
            receipt = await self._connector.receive(await self._received(form, request))
        except TooOften as refusal:
            return problem(429, refusal.message, headers={**cors, "Retry-After": str(refusal.seconds)})
        except Reject as refusal:
            return problem(refusal.status, refusal.message, refusal.errors, {**cors, **closing(refusal.status)})
        except Retry:
            return problem(503, "we cannot keep it now, send it again", headers={**cors, "Retry-After": RETRY_SECONDS})
        return Response(f'{{"receipt":"{receipt.id}"}}', 202, headers=dict(cors), media_type="application/json")

    async def preflight(self, name: str, request: Request) -> Response:
        """Tell a browser whether its site may send the form."""
        try:
            cors = self._cors(self._connector.find(name), request)
        except Reject as refusal:
            return problem(refusal.status, refusal.message)
        if "Access-Control-Allow-Origin" not in cors:
            return problem(403, "this site may not send this form", headers=cors)
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
            "Access-Control-Max-Age": "3600",
        }
        return Response(status_code=204, headers={**cors, **allowed})

    def _cors(self, form: Form, request: Request) -> dict[str, str]:
        """The headers for the asking site. Raises Reject(403) when the form is for other sites only."""
        origin = request.headers.get("origin", "")
        if "*" in form.origins:
            return {"Access-Control-Allow-Origin": "*"}
        if origin in form.origins:
            return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        own_host = origin.partition("://")[2] == request.headers.get("host")
        if origin and form.origins and not own_host:
            raise self._connector.refuse_origin()
        return {"Vary": "Origin"}

    async def _received(self, form: Form, request: Request) -> FormRequest:
        headers = request.headers
        peer = request.client.host if request.client else "local"
        client = self._clients.address(peer, ",".join(headers.getlist("x-forwarded-for")))
        content_type = headers.get("content-type", "")
        self._connector.admit(form, client, content_type, headers.get("content-encoding", "").strip().lower())
        return FormRequest(
            form=form.name,
            raw=await self._body(request),
            content_type=content_type,
            client=client,
            origin=headers.get("origin", ""),
            idempotency_key=headers.get("idempotency-key", ""),
        )

    async def _body(self, request: Request) -> bytes:
        try:
            return await read_body(request, self._max_size, self._body_seconds)
        except BodyRefused as refusal:
            self._connector.refused(refusal.reason, refusal)
            raise
