"""The HTTP side of web forms: routes and cross-origin rules."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from pipeline.config.channels import Form
from pipeline.config.sections import Http
from pipeline.connectors.clients import Clients
from pipeline.connectors.form_page import LABELS, form_page, form_script, policy, thanks_page
from pipeline.connectors.http_answers import again, refused
from pipeline.connectors.http_body import BODY_SECONDS, BodyRefused, closing, read_body
from pipeline.connectors.web import FormConnector, FormRequest
from pipeline.errors import Reject, Retry
from pipeline.parse.form_body import media_type
from pipeline.parse.web import parse_form
from pipeline.problems import problem


class FormRoutes:
    """`/form/NAME`: the form's page, its posts, and the question a browser asks before it; `/form/NAME.js`."""

    def __init__(self, connector: FormConnector, settings: Http, body_seconds: float = BODY_SECONDS) -> None:
        self._connector = connector
        self._max_size = settings.max_size
        self._site = _site_of(settings.url) if settings.url else None
        self._clients = Clients(settings.proxies)
        self._body_seconds = body_seconds

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/form/{name}.js", self.script, methods=["GET"], response_model=None)
        router.add_api_route("/form/{name}/thanks", self.thanks, methods=["GET"], response_model=None)
        router.add_api_route("/form/{name}", self.page, methods=["GET"], response_model=None)
        router.add_api_route("/form/{name}", self.post, methods=["POST"], status_code=202, response_model=None)
        router.add_api_route("/form/{name}", self.preflight, methods=["OPTIONS"], response_model=None)
        return router

    async def post(self, name: str, request: Request) -> Response:
        """Take one form; 202 with its receipt once it is safe."""
        if _wants_a_page(request):
            return await self._posted_by_a_page(name, request)
        cors: Mapping[str, str] = {}
        try:
            form = self._connector.find(name)
            cors = self._cors(form, request)
            receipt = await self._connector.receive(await self._received(form, request))
        except (Reject, Retry) as refusal:
            return refused(refusal, cors)
        return Response(f'{{"receipt":"{receipt.id}"}}', 202, headers=dict(cors), media_type="application/json")

    async def _posted_by_a_page(self, name: str, request: Request) -> Response:
        """Take a form that a browser sends by itself; what is wrong is shown in the form, with all that was written."""
        form: Form | None = None
        sent: FormRequest | None = None
        try:
            form = self._connector.find(name)
            self._cors(form, request)
            sent = await self._received(form, request)
            await self._connector.receive(sent)
        except (Reject, Retry) as refusal:
            return self._refused_page(form, sent, refusal)
        return Response(status_code=303, headers={"Location": f"{form.name}/thanks"})

    def _refused_page(self, form: Form | None, sent: FormRequest | None, refusal: Reject | Retry) -> Response:
        status = refusal.status if isinstance(refusal, Reject) else 503
        if form is None or status == 403:  # noqa: PLR2004  # a site that may not send it is shown nothing
            return problem(status, str(refusal), headers=closing(status))
        headers = {**closing(status), **again(refusal)}
        notice, errors = "", {}
        if isinstance(refusal, Reject) and refusal.errors:
            errors = refusal.errors
        else:
            is_later = status in {429, 503}
            notice = {**LABELS, **form.labels}["later"] if is_later else str(refusal)
        return self._html(
            form, form_page(form, self._connector.language, _written(form, sent), errors, notice), status, headers
        )

    async def page(self, name: str) -> Response:
        """The form for a visitor; it needs no script."""
        form = self._connector.find(name)
        return self._html(form, form_page(form, self._connector.language))

    async def thanks(self, name: str) -> Response:
        """What a visitor sees when the form is ours."""
        form = self._connector.find(name)
        return self._html(form, thanks_page(form, self._connector.language))

    async def script(self, name: str) -> Response:
        """The script that puts the form into a page of another site."""
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        return Response(form_script(self._connector.find(name)), headers=headers, media_type="text/javascript")

    def _html(self, form: Form, page: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        safe = {
            "Content-Security-Policy": policy(form),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",  # without any referrer a browser sends "null" as our own page's origin
        }
        return Response(page, status, {**safe, **(headers or {})}, media_type="text/html; charset=utf-8")

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
        own_host = origin.partition("://")[2] == request.headers.get("host") or origin == self._site
        if origin and form.origins and not own_host:
            raise self._connector.refuse_origin()
        return {"Vary": "Origin"}

    async def _received(self, form: Form, request: Request) -> FormRequest:
        headers = request.headers
        client = self._clients.of(request)
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


def _wants_a_page(request: Request) -> bool:
    """Whether a browser sent the form by itself, and shows what comes back."""
    sent = media_type(request.headers.get("content-type", ""))
    return "text/html" in request.headers.get("accept", "") and sent != "application/json"


def _written(form: Form, sent: FormRequest | None) -> dict[str, str]:
    """What the visitor wrote, by field."""
    if sent is None:
        return {}
    seen = parse_form(sent.raw, sent.content_type, form)
    ours = {"name": seen.name, "email": seen.email, "phone": seen.phone, "subject": seen.subject, "text": seen.text}
    return {**seen.fields, **{name: value for name, value in ours.items() if value}}


def _site_of(url: str) -> str:
    """Scheme and host of an address, as a browser names the site it shows."""
    return "/".join(url.split("/")[:3])
