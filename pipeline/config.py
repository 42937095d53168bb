"""Typed settings: one TOML file and the environment, checked as a whole."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

SECOND_UNITS = {"s": 1, "m": 60, "h": 3600}


def _listen(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError('write it as "HOST:PORT", for example "127.0.0.1:2525"; port 0 means any free one')
    return value


Listen = Annotated[str, AfterValidator(_listen)]


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError('write an address alone, for example "support@contoso.example"')
    return value.lower()


Address = Annotated[str, AfterValidator(_address)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Desk(_Section):
    """Who we are."""

    name: str = "Casestream"
    domain: str = "cases.localhost"
    secret: tuple[str, ...] = ()
    language: str = "en"
    country: str | None = None
    timezone: str = "UTC"

    @field_validator("secret", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for secret in value:
            if not secret.startswith(("env:", "file:")) and len(secret) < 16:
                raise ValueError("a secret needs at least 16 characters; write env:NAME or file:PATH")
        return value

    def keys(self) -> tuple[bytes, ...]:
        """The signing keys, newest first. Raises LookupError when a named secret is not there."""
        return tuple(read_secret(secret).encode() for secret in self.secret)


class Kafka(_Section):
    """Where messages travel."""

    servers: str = "embedded"
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    topic_prefix: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: str | None = None
    ca: str | None = None


class Postgres(_Section):
    """Where the truth is. `direct_dsn` bypasses a pooler, for locks, LISTEN and migrations."""

    dsn: str = "embedded"
    direct_dsn: str | None = None

    @property
    def direct(self) -> str:
        """The connection string that is never pooled."""
        return self.direct_dsn or self.dsn


class Mqtt(_Section):
    url: str = "embedded"


class Mail(_Section):
    smarthost: str = "maildir"


class Blobs(_Section):
    """Where raw messages over 256 KiB lie: `data` is a folder beside the other data, else a path."""

    url: str = "data"


class Smtp(_Section):
    """The port that mail servers deliver to. `max_size` is in bytes, the time-outs are in seconds."""

    listen: Listen = "127.0.0.1:2525"
    trusted: tuple[str, ...] = ("127.0.0.0/8",)
    max_size: Annotated[int, Field(ge=65536)] = 26_214_400
    max_recipients: Annotated[int, Field(ge=1)] = 100
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 200
    command_timeout: Annotated[float, Field(gt=0)] = 60.0
    data_timeout: Annotated[float, Field(gt=0)] = 120.0


class Http(_Section):
    """The port of web forms, the API and the console."""

    listen: Listen = "127.0.0.1:8025"
    max_size: Annotated[int, Field(ge=65536)] = 26_214_400
    proxies: tuple[str, ...] = ()


class Worker(_Section):
    processes: Annotated[int, Field(ge=1, le=64)] = 1


class Queue(_Section):
    """Where cases wait, and what the desk does with late answers there."""

    name: str
    closed_reply: Literal["reopen", "new"] = "reopen"
    reopen_days: Annotated[int, Field(ge=0)] = 14
    new_sender: Literal["create", "quarantine", "reject"] = "create"


class Mailbox(_Section):
    """An address of ours; mail to it opens cases in its queue."""

    address: Address
    aliases: tuple[Address, ...] = ()
    via: tuple[Address, ...] = ()
    queue: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address under which mail reaches it."""
        return (self.address, *self.aliases)


class Form(_Section):
    """A web form: which fields it must have, from which sites it may come, how much it may hold."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    queue: str | None = None
    origins: tuple[str, ...] = ()
    required: tuple[str, ...] = ("email", "text")
    honeypot: str = "website"
    max_files: Annotated[int, Field(ge=0)] = 10
    max_file_size: Annotated[int, Field(ge=0)] = 10_485_760
    per_minute: Annotated[int, Field(ge=1)] = 60


class Threading(_Section):
    """Which signals join a mail to a case, in this order, and who may."""

    sources: tuple[Literal["token", "message_id"], ...] = ("token", "message_id")
    participants: Literal["case", "account", "anyone"] = "account"


AutomaticPolicy = Literal["append", "suppress", "open", "person"]


class Automatic(_Section):
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


class Config(_Section):
    """The whole configuration of one desk."""

    desk: Desk = Desk()
    kafka: Kafka = Kafka()
    postgres: Postgres = Postgres()
    mqtt: Mqtt = Mqtt()
    mail: Mail = Mail()
    blobs: Blobs = Blobs()
    smtp: Smtp = Smtp()
    http: Http = Http()
    worker: Worker = Worker()
    queue: tuple[Queue, ...] = (Queue(name="Support"),)
    mailbox: tuple[Mailbox, ...] = ()
    form: tuple[Form, ...] = ()
    threading: Threading = Threading()
    automatic: Automatic = Automatic()

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("mailbox") and "mailbox" not in values:
            values = {**values, "mailbox": [{"address": "support@localhost"}]}
        return values

    @model_validator(mode="after")
    def _names_are_known(self) -> "Config":
        queues = [queue.name for queue in self.queue]
        if not queues:
            raise ValueError("at least one [[queue]] is needed")
        if doubled := {name for name in queues if queues.count(name) > 1}:
            raise ValueError(f"[[queue]] is there twice: {', '.join(sorted(doubled))}")
        for kind, records in (("mailbox", self.mailbox), ("form", self.form)):
            for record in records:
                if record.queue is not None and record.queue not in queues:
                    raise ValueError(f'[[{kind}]] names queue "{record.queue}"; there are: {", ".join(queues)}')
        addresses = [address for mailbox in self.mailbox for address in mailbox.addresses]
        if doubled := {address for address in addresses if addresses.count(address) > 1}:
            raise ValueError(f"an address belongs to one [[mailbox]] only: {', '.join(sorted(doubled))}")
        names = [form.name for form in self.form]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"[[form]] is there twice: {', '.join(sorted(doubled))}")
        return self

    @property
    def default_queue(self) -> str:
        """The queue of what names none: the first one."""
        return self.queue[0].name


def read_secret(value: str) -> str:
    """A secret's value from `env:NAME`, `file:PATH` or itself. Raises LookupError naming what is missing."""
    kind, _, name = value.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise LookupError(f"the environment variable {name} is not set")
        return os.environ[name]
    if kind == "file":
        try:
            return Path(name).read_text("utf-8").strip()
        except OSError as error:
            raise LookupError(f"cannot read the secret file {name}: {error.strerror}") from error
    return value


def parse_config(text: str, overlay: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """The configuration a TOML text says, with `overlay` (section → key → value) laid over it.

    Raises tomllib.TOMLDecodeError and pydantic.ValidationError.
    """
    values: dict[str, Any] = tomllib.loads(text)
    for section, changes in {**_environment(), **(overlay or {})}.items():
        values[section] = {**values.get(section, {}), **changes}
    return Config.model_validate(values)


def _environment() -> dict[str, dict[str, str]]:
    """Settings from variables like CASESTREAM_KAFKA__SERVERS, as section → key → value."""
    found: dict[str, dict[str, str]] = {}
    for name, value in os.environ.items():
        section, separator, key = name.removeprefix("CASESTREAM_").lower().partition("__")
        if name.startswith("CASESTREAM_") and separator:
            found.setdefault(section, {})[key] = value
    return found
