"""Typed settings: one TOML file and the environment, checked as a whole."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, model_validator

from pipeline.config.alarms import Alarm, Maintenance
from pipeline.config.calendars import Calendar
from pipeline.config.channels import DeviceFeed, Form, Mailbox, Phone, Smtp, Social
from pipeline.config.conditions import wrong_conditions
from pipeline.config.imap import ImapPlace, imap_place
from pipeline.config.promises import Sla, promise_conflicts
from pipeline.config.routing import Correlate, Route, routing_conflicts
from pipeline.config.sections import (
    Automatic,
    Billing,
    Blobs,
    Desk,
    Events,
    Fields,
    Http,
    Kafka,
    Mail,
    Metrics,
    Mqtt,
    Postgres,
    Queue,
    Templates,
    Threading,
    Webhooks,
    Worker,
)
from pipeline.config.values import Section
from pipeline.domain.customers import BUILT_IN

ENVIRONMENT_PREFIX = "CASESTREAM_"

Location = tuple[str | int, ...]


class Config(Section):
    """The whole configuration of one desk."""

    desk: Desk = Desk()
    kafka: Kafka = Kafka()
    events: Events = Events()
    postgres: Postgres = Postgres()
    mqtt: Mqtt = Mqtt()
    mail: Mail = Mail()
    templates: Templates = Templates()
    blobs: Blobs = Blobs()
    smtp: Smtp = Smtp()
    http: Http = Http()
    metrics: Metrics = Metrics()
    worker: Worker = Worker()
    webhooks: Webhooks = Webhooks()
    queue: tuple[Queue, ...] = (Queue(name="Support"),)
    mailbox: tuple[Mailbox, ...] = ()
    form: tuple[Form, ...] = ()
    phone: tuple[Phone, ...] = ()
    social: tuple[Social, ...] = ()
    device_feed: tuple[DeviceFeed, ...] = ()
    calendar: Mapping[str, Calendar] = {}
    alarm: tuple[Alarm, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    sla: tuple[Sla, ...] = ()
    threading: Threading = Threading()
    automatic: Automatic = Automatic()
    billing: Billing = Billing()
    fields: Fields = Fields()
    route: tuple[Route, ...] = ()
    correlate: tuple[Correlate, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("mailbox") and "mailbox" not in values:
            values = {**values, "mailbox": [{"address": "support@localhost"}]}
        return values

    @model_validator(mode="after")
    def _records_agree(self) -> "Config":
        values = self.model_dump(by_alias=True)
        found = [says for _, says in conflicts(values)] + [wrong.says for wrong in wrong_conditions(Config, values)]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def default_queue(self) -> str:
        """The queue of what names none: the first one."""
        return self.queue[0].name


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
    for kind in ("queue", "form", "phone", "social", "device_feed", "alarm", "sla", "route", "correlate"):
        yield from _doubled(values, kind)
    names = ", ".join(f'"{name}"' for name in queues)
    for kind in ("mailbox", "form", "phone", "social", "device_feed", "route", "correlate"):
        for index, record in _records(values, kind):
            name = record.get("queue")
            if isinstance(name, str) and name not in queues:
                yield (kind, index, "queue"), f'[[{kind}]] names queue "{name}", which is not there; there are: {names}'
    yield from promise_conflicts(values)
    yield from _unknown_escalation(values, queues)
    yield from routing_conflicts(values, [str(name) for name in queues])
    yield from _shared_addresses(values)
    yield from _unreadable_mailboxes(values)
    yield from _shared_directories(values)
    yield from _half_encrypted(values.get("smtp"))
    yield from _half_commanded(values)
    yield from _open_password(values.get("mail"))
    yield from _fields_that_are_there(values.get("fields"))
    kafka = values.get("kafka")
    if isinstance(kafka, Mapping) and str(kafka.get("security_protocol")).startswith("SASL_"):
        for key in ("sasl_mechanism", "username", "password"):
            if not kafka.get(key):
                yield ("kafka", "security_protocol"), f'[kafka] {kafka["security_protocol"]} needs "{key}" too'


def _unknown_escalation(values: Mapping[str, Any], queues: list[Any]) -> Iterator[tuple[Location, str]]:
    for index, record in _records(values, "queue"):
        name = record.get("escalate_to")
        if isinstance(name, str) and name not in queues:
            there = ", ".join(f'"{queue}"' for queue in queues)
            yield ("queue", index, "escalate_to"), f'there is no queue "{name}" to escalate to; there are: {there}'


def _half_commanded(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    for index, feed in _records(values, "device_feed"):
        for one, other in (("commands", "answers"), ("answers", "commands")):
            if feed.get(one) and not feed.get(other):
                yield (
                    ("device_feed", index, one),
                    f'[[device_feed]] {one} needs "{other}" too: the topic of the other way',
                )


def _open_password(mail: object) -> Iterator[tuple[Location, str]]:
    """What would send a smarthost's password unencrypted, or a name without one."""
    if not isinstance(mail, Mapping):
        return
    if mail.get("username") and not mail.get("password"):
        yield ("mail", "username"), '[mail] username needs "password" too'
    is_open = str(mail.get("smarthost")).startswith("smtp://") and mail.get("starttls") in {"never", "offered"}
    if mail.get("password") and is_open:
        says = f'[mail] starttls = "{mail["starttls"]}" may send the password in the open; write "required"'
        yield ("mail", "starttls"), says


def _half_encrypted(smtp: object) -> Iterator[tuple[Location, str]]:
    if not isinstance(smtp, Mapping):
        return
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if smtp.get(one) and not smtp.get(other):
            yield ("smtp", one), f'[smtp] {one} needs "{other}" too: the file that belongs to it'
    for key, wish in (("listen_tls", smtp.get("listen_tls")), ("starttls", smtp.get("starttls") == "required")):
        if wish and not smtp.get("certificate"):
            yield ("smtp", key), f'[smtp] {key} needs "certificate" and "key": PEM files of what is shown'


def _fields_that_are_there(fields: object) -> Iterator[tuple[Location, str]]:
    for kind, names in BUILT_IN.items():
        declared = fields.get(kind) if isinstance(fields, Mapping) else None
        for name in declared if isinstance(declared, Mapping) else ():
            if name in names:
                yield ("fields", kind, name), f'every {kind} has a "{name}" already; give the field another name'


def _records(values: Mapping[str, Any], kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    records = values.get(kind)
    if isinstance(records, list | tuple):
        for index, record in enumerate(records):
            if isinstance(record, Mapping):
                yield index, record


def _doubled(values: Mapping[str, Any], kind: str) -> Iterator[tuple[Location, str]]:
    seen: set[str] = set()
    for index, record in _records(values, kind):
        name = record.get("name") or (record.get("platform") if kind == "social" else None)
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


def _unreadable_mailboxes(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    readers: dict[ImapPlace, int] = {}
    for index, record in _records(values, "mailbox"):
        url, address = record.get("imap"), record.get("address")
        if not isinstance(url, str) or not isinstance(address, str):
            continue
        if not record.get("password") and not record.get("oauth"):
            yield ("mailbox", index, "imap"), '[[mailbox]] imap needs "password" or "oauth" too'
        try:
            place = imap_place(url, address.lower())
        except ValueError:
            continue
        if place in readers:
            says = f"the {_nth(readers[place] + 1)} [[mailbox]] reads this very folder; one must do, with aliases"
            yield ("mailbox", index, "imap"), says
        readers.setdefault(place, index)


def _shared_directories(values: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    readers: dict[str, int] = {}
    for index, record in _records(values, "phone"):
        directory = record.get("directory")
        if not isinstance(directory, str):
            continue
        if directory in readers:
            says = f"the {_nth(readers[directory] + 1)} [[phone]] reads this very directory; give each its own"
            yield ("phone", index, "directory"), says
        readers.setdefault(directory, index)


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
