"""Takes web forms and settles each with a receipt once the log holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from uuid_utils import uuid7

from pipeline.config import Config
from pipeline.config.channels import Form
from pipeline.connectors.clients import bucket
from pipeline.connectors.contract import Health, Publisher, Receipt, utc_now
from pipeline.connectors.mail_domain import MailDomains
from pipeline.connectors.rate import RateLimit, TooOften
from pipeline.errors import Reject
from pipeline.parse.form_body import media_type
from pipeline.parse.web import WebForm, parse_form
from pipeline.wire import Envelope

ACCEPTED = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")

_MAX_FACT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRequest:
    """One post of a form as HTTP brought it."""

    form: str
    raw: bytes
    content_type: str
    client: str
    origin: str = ""
    idempotency_key: str = ""


class FormConnector:
    """Knows the forms, what each allows, and who has sent how many."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        now: Callable[[], datetime] = utc_now,
        domains: MailDomains | None = None,
    ) -> None:
        self.health = Health()
        self.language = config.desk.language
        self._domains = domains or MailDomains()
        self._forms = {form.name: form for form in config.form}
        self._rates = {form.name: RateLimit(form.per_minute) for form in config.form}
        self._per_address = {form.name: RateLimit(form.per_address) for form in config.form}
        self._publisher = publisher
        self._now = now

    def find(self, name: str) -> Form:
        """The form of that name. Raises Reject(404), which names none of those there are."""
        form = self._forms.get(name)
        if form is None:
            raise self.refused("unknown form", Reject(404, "there is no such form"))
        return form

    def admit(self, form: Form, client: str, content_type: str, content_encoding: str) -> None:
        """Look at what is known before the body is read. Raises Reject."""
        if wait := self._rates[form.name].wait(bucket(client)):
            raise self.refused("too often", TooOften(wait))
        if media_type(content_type) not in ACCEPTED or content_encoding not in {"", "identity"}:
            raise self.refused("content type", Reject(415, f"send it uncompressed as one of {', '.join(ACCEPTED)}"))

    async def receive(self, request: FormRequest) -> Receipt:
        """The receipt, once the log holds the form. Raises Reject with its HTTP status, Retry when the log is away.

        A filled honeypot is published too, marked, for intake to put aside: the bot learns nothing.
        """
        form = self.find(request.form)
        seen = parse_form(request.raw, request.content_type, form)
        if seen.malformed:
            raise self.refused("malformed", Reject(400, seen.malformed))
        if errors := {**await self._unreachable(form, seen), **seen.errors}:
            raise self.refused("invalid", Reject(422, "some fields are wrong", errors=errors))
        if seen.email and (wait := self._per_address[form.name].wait(seen.email.lower())):
            raise self.refused("address too often", TooOften(wait))
        return await self._publisher.publish(self._envelope(request, seen), self.health)

    async def _unreachable(self, form: Form, seen: WebForm) -> dict[str, str]:
        """What is wrong with the address, where the form has DNS asked for its domain."""
        if not form.check_domain or not seen.email or "email" in seen.errors:
            return {}
        return {"email": "unreachable"} if await self._domains.is_unreachable(seen.email) else {}

    def _envelope(self, request: FormRequest, seen: WebForm) -> Envelope:
        own = str(uuid7())
        facts = {"form": request.form, "origin": request.origin, "remoteip": request.client}
        if key := request.idempotency_key or seen.token:
            facts["idempotencykey"] = key
        if seen.trap:
            facts["honeypot"] = "true"
        return Envelope(
            id=own,
            channel="web",
            source=f"/web/{request.form}",
            key=(seen.email or "").lower() or own,
            time=self._now(),
            content_type=request.content_type,
            raw=request.raw,
            facts={name: value[:_MAX_FACT] for name, value in facts.items()},
        )

    def refuse_origin(self) -> Reject:
        """The refusal of a site that may not send this form."""
        return self.refused("origin", Reject(403, "this site may not send this form"))

    def refused(self, reason: str, refusal: Reject) -> Reject:
        """The refusal, counted under its reason."""
        self.health.refused[reason] += 1
        return refusal
