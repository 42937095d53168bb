"""The sections of the desk itself: who we are, where its parts are, its queues, its rules."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.values import (
    Address,
    Broker,
    Country,
    Dsn,
    Duration,
    FieldKind,
    FieldName,
    Listen,
    MailDomain,
    Network,
    Section,
    Servers,
    Smarthost,
    Timezone,
    Url,
    length,
    read_secret,
)
from pipeline.domain.billing import Rounding
from pipeline.domain.queues import UNITS
from pipeline.domain.resolution import ChildrenPolicy

SHORTEST_SECRET = 16


class Desk(Section):
    """Who we are."""

    name: str = "Casestream"
    domain: str = "cases.localhost"
    secret: tuple[str, ...] = ()
    language: str = "en"
    country: Country | None = None
    timezone: Timezone = "UTC"

    @field_validator("secret", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for secret in value:
            if not secret.startswith(("env:", "file:")) and len(secret) < SHORTEST_SECRET:
                raise ValueError(f"a secret needs at least {SHORTEST_SECRET} characters; write env:NAME or file:PATH")
        return value

    def keys(self) -> tuple[bytes, ...]:
        """The signing keys, newest first. Raises LookupError when a named secret is not there."""
        return tuple(read_secret(secret).encode() for secret in self.secret)


class Kafka(Section):
    """Where messages travel."""

    servers: Servers = "embedded"
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    topic_prefix: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: str | None = None
    ca: str | None = None


class Events(Section):
    """How events lie on their topics, in CloudEvents' words: the attributes as headers, or all in one JSON object."""

    mode: Literal["binary", "structured"] = "binary"


class Postgres(Section):
    """Where the truth is. `direct_dsn` bypasses a pooler, for locks, LISTEN and migrations."""

    dsn: Dsn = "embedded"
    direct_dsn: Dsn | None = None

    @property
    def direct(self) -> str:
        """The connection string that is never pooled."""
        return self.direct_dsn or self.dsn


class Mqtt(Section):
    """Where devices publish.

    `client_id` names our session at the broker: every connector needs one of its own, and the same one each time.
    At most `receive_maximum` readings are ours without being settled; packets over `max_packet` bytes are not wanted.
    """

    url: Broker = "embedded"
    version: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=128)] = "casestream"
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 2000
    max_packet: Annotated[int, Field(ge=1024, le=16_777_216)] = 1_048_576


class Dkim(Section):
    """A key that signs what leaves: the domain that it speaks for, and the selector under which DNS has its twin."""

    domain: MailDomain
    selector: MailDomain
    key: str


class Mail(Section):
    """How mail leaves: into a Maildir, or by a smarthost, over so many `connections` at once.

    `maildir` is a folder beside the other data, else a path. With `plus_addresses` the mail server delivers what is
    sent to `support+anything@…` to `support@…`: then bounces and answers carry their case in the address.
    """

    smarthost: Smarthost = "maildir"
    maildir: str = "data"
    username: str | None = None
    password: str | None = None
    starttls: Literal["required", "offered", "never"] = "required"
    ca: str | None = None
    hello: MailDomain | None = None
    connections: Annotated[int, Field(ge=1, le=32)] = 2
    per_domain_a_minute: Annotated[int, Field(ge=1)] | None = None
    plus_addresses: bool = False
    timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    dkim: tuple[Dkim, ...] = ()

    @field_validator("dkim", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, Mapping) else value


class Templates(Section):
    """Where the desk's own wordings of its mails lie."""

    path: str | None = None


class Blobs(Section):
    """Where raw messages over 256 KiB lie: `data` is a folder beside the other data, else a path.

    With less than `min_free` of its disk free, connectors tell every source to come back later.
    """

    url: str = "data"
    min_free: Annotated[float, Field(ge=0, lt=1)] = 0.15


class Http(Section):
    """The port of web forms, of exchanges and platforms that call us, the API and the console; `url` leads there."""

    listen: Listen = "127.0.0.1:8025"
    url: Url | None = None
    max_size: Annotated[int, Field(ge=65536)] = 26_214_400
    proxies: tuple[Network, ...] = ()


class Metrics(Section):
    """Who may read the figures, and where connectors that serve no HTTP tell theirs, by their name."""

    readers: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")
    ports: Mapping[str, Listen] = {}


class Webhooks(Section):
    """Where webhooks may go besides public addresses: networks of our own, in which other systems of ours are."""

    allow: tuple[Network, ...] = ()


class Worker(Section):
    processes: Annotated[int, Field(ge=1, le=64)] = 1


class Waiting(Section):
    """What becomes of a case that waits for details that do not come: a reminder, then it is resolved."""

    remind: Duration | None = None
    resolve: Duration | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.remind is not None and self.resolve is not None and length(self.remind) >= length(self.resolve):
            raise ValueError("it is resolved before anybody is reminded; let resolve be longer than remind")
        return self


class Overflow(Section):
    """Where what waits goes when nobody takes it for so long: by the clock, or in the business time of a calendar."""

    after: Duration
    to: str
    calendar: str | None = None


class Queue(Section):
    """Where cases wait, and what the desk does with late answers there, with waiting cases and with children.

    Each one takes so many `units` of its owner's capacity.
    """

    name: str
    closed_reply: Literal["reopen", "new"] = "reopen"
    reopen_days: Annotated[int, Field(ge=0)] = 14
    new_sender: Literal["create", "quarantine", "reject"] = "create"
    waiting: Waiting | None = None
    children: ChildrenPolicy = "ask"
    notify: Address | None = None
    escalate_to: str | None = None
    without_entitlement: Literal["open", "quarantine"] = "open"
    units: Annotated[int, Field(ge=0)] = UNITS
    overflow: Overflow | None = None


ThreadSource = Literal[
    "token", "message_id", "subject_reference", "body_reference", "attachment_reference", "same_subject"
]
"""By what a mail may show the case it belongs to."""


class Threading(Section):
    """Which signals join a mail to a case, in this order, and who may; what a mail to several mailboxes is."""

    sources: tuple[ThreadSource, ...] = ("token", "message_id", "subject_reference")
    participants: Literal["case", "account", "anyone"] = "account"
    two_mailboxes: Literal["one", "each"] = "one"


AutomaticPolicy = Literal["append", "suppress", "open", "person"]


class Automatic(Section):
    """What becomes of each kind of automatic mail; `append` means: to its case, else suppress."""

    loop: AutomaticPolicy = "suppress"
    bounce: AutomaticPolicy = "append"
    auto_reply: Annotated[AutomaticPolicy, Field(alias="auto-reply")] = "append"
    auto_generated: Annotated[AutomaticPolicy, Field(alias="auto-generated")] = "open"
    list: AutomaticPolicy = "person"

    def policy(self, kind: str) -> AutomaticPolicy:
        """The policy for what the parser calls `kind`."""
        policy: AutomaticPolicy = getattr(self, kind.replace("-", "_"))
        return policy


class Billing(Section):
    """How the time of each activity counts: at least `minimum`, up to the next whole `round`."""

    round: Duration = "1s"
    minimum: Duration = "0s"

    @field_validator("round")
    @classmethod
    def _something(cls, value: str) -> str:
        if not length(value):
            raise ValueError('to round to nothing is not possible; write "1s" to count to the second')
        return value

    def rounding(self) -> Rounding:
        """The rule that it says."""
        return Rounding.of(length(self.round), length(self.minimum))


class Fields(Section):
    """The desk's own fields of each kind of record: a list of words to choose from, or a kind of value."""

    account: Mapping[FieldName, FieldKind] = {}
    contact: Mapping[FieldName, FieldKind] = {}
    device: Mapping[FieldName, FieldKind] = {}
    case: Mapping[FieldName, FieldKind] = {}
