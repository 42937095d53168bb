"""Takes what telephone exchanges post and settles each event once the log holds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from zoneinfo import ZoneInfo

from pipeline.config import Config
from pipeline.config.channels import ONLY_FILES, Phone
from pipeline.config.values import read_secret
from pipeline.connectors.clients import bucket
from pipeline.connectors.contract import Health, Publisher, Receipt, utc_now
from pipeline.connectors.rate import RateLimit, TooOften
from pipeline.connectors.twilio_signature import is_signed
from pipeline.errors import Reject, Stop
from pipeline.parse.call import Call
from pipeline.parse.call_fields import Site
from pipeline.parse.phone import CONTENT_TYPES, parse_phone
from pipeline.wire import Envelope

_MAX_ID = 500
_MAX_FACT = 500
_NOT_FOUND = "there is no such exchange, or its token is another"
_NOBODY = "0" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRequest:
    """One post of an exchange as HTTP brought it; `url` is the address as the exchange called it."""

    exchange: str
    raw: bytes
    client: str
    url: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that is ours now, and what it was."""

    receipt: Receipt
    call: Call


class PhoneConnector:
    """Knows the exchanges that post, what proves each, and how often each client came."""

    def __init__(self, config: Config, publisher: Publisher, now: Callable[[], datetime] = utc_now) -> None:
        self.health = Health()
        self._exchanges = {phone.name: phone for phone in config.phone if phone.format not in ONLY_FILES}
        self._tokens = _tokens(self._exchanges)
        self._sites = {phone.name: site_of(phone, config) for phone in config.phone}
        self._rates = {phone.name: RateLimit(phone.per_minute) for phone in config.phone}
        self._strangers = RateLimit(60)
        self._publisher = publisher
        self._now = now

    def find(self, name: str, token: str, client: str) -> Phone:
        """The exchange whose token this is. Raises Reject(404), which tells no name from a wrong token.

        Who guesses is soon told to wait.
        """
        exchange = self._admitted(name, client)
        right = compare_digest(token.encode("utf-8", "replace"), self._tokens.get(name, _NOBODY).encode())
        if exchange is None or exchange.format == "twilio" or name not in self._tokens or not right:
            raise self._unknown(client)
        return exchange

    def find_signed(self, name: str, client: str) -> Phone:
        """The exchange that signs what it posts, and so needs no token in its address. Raises Reject(404)."""
        exchange = self._admitted(name, client)
        if exchange is None or exchange.format != "twilio" or name not in self._tokens:
            raise self._unknown(client)
        return exchange

    async def receive(self, exchange: Phone, request: PhoneRequest) -> Taken:
        """What was taken, once the log holds it. Raises Reject with its HTTP status, Retry when the log is away."""
        if exchange.format == "twilio" and not is_signed(
            request.raw, request.url, request.signature, self._tokens[exchange.name]
        ):
            raise self.refused("signature", Reject(401, "the signature is missing, or not of this request"))
        calls = list(parse_phone(request.raw, self._sites[exchange.name], exchange.format))
        call = calls[0]
        if len(calls) > 1:
            raise self.refused("malformed", Reject(400, "send one event at a time"))
        if call.call_id is None:
            raise self.refused("malformed", Reject(400, "; ".join(call.defects) or "there is no id of a call"))
        receipt = await self._publisher.publish(self._envelope(exchange, request, call), self.health)
        return Taken(receipt, call)

    def refused(self, reason: str, refusal: Reject) -> Reject:
        """The refusal, counted under its reason."""
        self.health.refused[reason] += 1
        return refusal

    def _admitted(self, name: str, client: str) -> Phone | None:
        """The exchange of that name. Raises TooOften."""
        exchange = self._exchanges.get(name)
        rate = self._rates[name] if exchange else self._strangers
        if wait := rate.wait(bucket(client)):
            raise self.refused("too often", TooOften(wait))
        return exchange

    def _unknown(self, client: str) -> Reject:
        if wait := self._strangers.wait(bucket(client)):
            return self.refused("too often", TooOften(wait))
        return self.refused("unknown exchange", Reject(404, _NOT_FOUND))

    def _envelope(self, exchange: Phone, request: PhoneRequest, call: Call) -> Envelope:
        return envelope_of(
            exchange,
            call,
            request.raw,
            id_=f"{call.call_id}/{call.event}/{call.state or 'other'}",
            time=self._now(),
            facts={"remoteip": request.client},
        )


def envelope_of(
    exchange: Phone, call: Call, raw: bytes, *, id_: str, time: datetime, facts: Mapping[str, str]
) -> Envelope:
    """The envelope of one event or record of an exchange; all legs of one call share a key."""
    known = {"phone": exchange.name, "format": exchange.format, "event": call.event}
    return Envelope(
        id=id_[:_MAX_ID],
        channel="phone",
        source=f"/phone/{exchange.name}",
        key=call.linked_id or call.call_id or id_[:_MAX_ID],
        time=time,
        content_type=CONTENT_TYPES[exchange.format],
        raw=raw,
        facts={name: value[:_MAX_FACT] for name, value in {**known, **facts}.items()},
    )


def site_of(phone: Phone, config: Config) -> Site:
    """Where an exchange stands: where it says, else where the desk does."""
    return Site(phone.country or config.desk.country, ZoneInfo(phone.timezone or config.desk.timezone))


def _tokens(exchanges: Mapping[str, Phone]) -> dict[str, str]:
    """What proves each exchange; one without a token is not listened to. Raises Stop when a secret is not there."""
    try:
        return {name: read_secret(phone.token) for name, phone in exchanges.items() if phone.token}
    except LookupError as error:
        raise Stop(f"[[phone]] token: {error}") from error
