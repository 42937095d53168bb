"""Typed settings: one TOML file and the environment, checked as a whole."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

ENVIRONMENT_PREFIX = "CASESTREAM_"
HIGHEST_PORT = 65535
SHORTEST_SECRET = 16

Location = tuple[str | int, ...]


def _listen(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise ValueError('write it as "HOST:PORT", for example "127.0.0.1:2525"; port 0 means any free one')
    return value


Listen = Annotated[str, AfterValidator(_listen)]


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError('write an address alone, for example "support@contoso.example"')
    return value.lower()


Address = Annotated[str, AfterValidator(_address)]


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f'there is no time zone "{value}"; write one like "Europe/Berlin" or "UTC"') from error
    return value


Timezone = Annotated[str, AfterValidator(_timezone)]


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise ValueError('write a country as its two capital letters, for example "DE"')
    return value


Country = Annotated[str, AfterValidator(_country)]


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError(f'{error}; write a network like "10.0.0.0/8" or one address like "10.1.2.3"') from error
    return value


Network = Annotated[str, AfterValidator(_network)]


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/\s@]+", value):
        raise ValueError('write a site as its scheme and host alone, for example "https://contoso.example"')
    return value


Origin = Annotated[str, AfterValidator(_origin)]


def _form_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("a form's name is in its address: small letters, digits, - and _, at most 64, no - or _ first")
    return value


FormName = Annotated[str, AfterValidator(_form_name)]


def _servers(value: str) -> str:
    if value != "embedded" and not all(re.fullmatch(r"\s*\S+:\d{1,5}\s*", server) for server in value.split(",")):
        raise ValueError('write "embedded" or servers as "HOST:PORT,HOST:PORT"')
    return value


Servers = Annotated[str, AfterValidator(_servers)]


def _dsn(value: str) -> str:
    if value != "embedded" and not re.match(r"postgres(ql)?://|\w+\s*=", value):
        raise ValueError('write "embedded" or a connection string like "postgresql://user@host/casestream"')
    return value


Dsn = Annotated[str, AfterValidator(_dsn)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Desk(_Section):
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


class Kafka(_Section):
    """Where messages travel."""

    servers: Servers = "embedded"
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    topic_prefix: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: str | None = None
    ca: str | None = None


class Postgres(_Section):
    """Where the truth is. `direct_dsn` bypasses a pooler, for locks, LISTEN and migrations."""

    dsn: Dsn = "embedded"
    direct_dsn: Dsn | None = None

    @property
    def direct(self) -> str:
        """The connection string that is never pooled."""
        return self.direct_dsn or self.dsn


class Mqtt(_Section):
    url: str = "embedded"


class Mail(_Section):
    smarthost: str = "maildir"


class Blobs(_Section):
    """Where raw messages over 256 KiB lie: `data` is a folder beside the other data, else a path.

    With less than `min_free` of its disk free, connectors tell every source to come back later.
    """

    url: str = "data"
    min_free: Annotated[float, Field(ge=0, lt=1)] = 0.15


class Smtp(_Section):
    """The port that mail servers deliver to. `max_size` is in bytes, the time-outs are in seconds."""

    listen: Listen = "127.0.0.1:2525"
    trusted: tuple[Network, ...] = ("127.0.0.0/8",)
    max_size: Annotated[int, Field(ge=65536)] = 20_971_520
    max_recipients: Annotated[int, Field(ge=1)] = 100
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 200
    command_timeout: Annotated[float, Field(gt=0)] = 60.0
    data_timeout: Annotated[float, Field(gt=0)] = 120.0


class Http(_Section):
    """The port of web forms, the API and the console."""

    listen: Listen = "127.0.0.1:8025"
    max_size: Annotated[int, Field(ge=65536)] = 26_214_400
    proxies: tuple[Network, ...] = ()


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

    name: FormName
    queue: str | None = None
    origins: tuple[Origin, ...] = ()
    required: tuple[str, ...] = ("email", "text")
    honeypot: str = "website"
    max_files: Annotated[int, Field(ge=0)] = 10
    max_file_size: Annotated[int, Field(ge=0)] = 10_485_760
    per_minute: Annotated[int, Field(ge=1)] = 60


class Threading(_Section):
    """Which signals join a mail to a case, in this order, and who may."""

    sources: tuple[Literal["token", "message_id", "subject_reference"], ...] = (
        "token",
        "message_id",
        "subject_reference",
    )
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
    def _defaults(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("mailbox") and "mailbox" not in values:
            values = {**values, "mailbox": [{"address": "support@localhost"}]}
        return values

    @model_validator(mode="after")
    def _records_agree(self) -> "Config":
        if found := [says for _, says in conflicts(self.model_dump())]:
            raise ValueError("; ".join(found))
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


class Override(NamedTuple):
    """A setting that an environment variable makes."""

    variable: str
    section: str
    key: str
    value: object


def overrides(environ: Mapping[str, str]) -> list[Override]:
    """The settings of variables like CASESTREAM_KAFKA__SERVERS; a value in brackets is a TOML list."""
    found = []
    for variable, text in environ.items():
        section, separator, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if variable.startswith(ENVIRONMENT_PREFIX) and separator:
            found.append(Override(variable, section, _spelled(section, key), _listed(text)))
    return found


def _spelled(section: str, key: str) -> str:
    """The key as the file has it: variables cannot hold the hyphen of `auto-reply`."""
    field = Config.model_fields.get(section)
    model = field.annotation if field else None
    if isinstance(model, type) and issubclass(model, BaseModel) and key in model.model_fields:
        return model.model_fields[key].alias or key
    return key


def _listed(text: str) -> object:
    if not text.startswith("["):
        return text
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value


def lay_over(values: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values with changes (section → key → value) laid over; what is no table stays as it is."""
    merged = dict(values)
    for section, keys in changes.items():
        table = merged.get(section, {})
        if isinstance(table, dict):
            merged[section] = {**table, **keys}
    return merged


def parse_config(text: str, overlay: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """The configuration a TOML text says, under the environment's settings, under `overlay`.

    Raises tomllib.TOMLDecodeError and pydantic.ValidationError; `configcheck` explains them with their lines.
    """
    values: Mapping[str, Any] = tomllib.loads(text)
    for override in overrides(os.environ):
        values = lay_over(values, {override.section: {override.key: override.value}})
    return Config.model_validate(lay_over(values, overlay or {}))


def conflicts(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """Where records contradict one another, in values that need not be valid otherwise."""
    queues = [record.get("name") for _, record in _records(values, "queue")] if "queue" in values else ["Support"]
    if values.get("queue") in ([], ()):
        yield ("queue",), "at least one [[queue]] is needed"
    yield from _doubled(values, "queue")
    yield from _doubled(values, "form")
    names = ", ".join(f'"{name}"' for name in queues)
    for kind in ("mailbox", "form"):
        for index, record in _records(values, kind):
            name = record.get("queue")
            if isinstance(name, str) and name not in queues:
                yield (kind, index, "queue"), f'[[{kind}]] names queue "{name}", which is not there; there are: {names}'
    yield from _shared_addresses(values)
    kafka = values.get("kafka")
    if isinstance(kafka, Mapping) and str(kafka.get("security_protocol")).startswith("SASL_"):
        for key in ("sasl_mechanism", "username", "password"):
            if not kafka.get(key):
                yield ("kafka", "security_protocol"), f'[kafka] {kafka["security_protocol"]} needs "{key}" too'


def _records(values: Mapping[str, Any], kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    records = values.get(kind)
    if isinstance(records, list | tuple):
        for index, record in enumerate(records):
            if isinstance(record, Mapping):
                yield index, record


def _doubled(values: Mapping[str, Any], kind: str) -> Iterator[tuple[Location, str]]:
    seen: set[str] = set()
    for index, record in _records(values, kind):
        name = record.get("name")
        if isinstance(name, str) and name in seen:
            yield (kind, index, "name"), f'[[{kind}]] "{name}" is there twice; give each a name of its own'
        elif isinstance(name, str):
            seen.add(name)


def _shared_addresses(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    owners: dict[str, int] = {}
    for index, record in _records(values, "mailbox"):
        aliases = record.get("aliases")
        places: list[tuple[Location, Any]] = [(("mailbox", index, "address"), record.get("address"))]
        if isinstance(aliases, list | tuple):
            places += [(("mailbox", index, "aliases", place), alias) for place, alias in enumerate(aliases)]
        for location, address in places:
            if not isinstance(address, str):
                continue
            if address.lower() in owners:
                owner = owners[address.lower()] + 1
                yield (
                    location,
                    f'an address belongs to one [[mailbox]] only; "{address}" is in the {_nth(owner)} already',
                )
            else:
                owners[address.lower()] = index


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
