"""The kinds of values that settings hold, each refused with what would be right."""

import os
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from pipeline.domain.fields import NAME, WORDS, FieldType

HIGHEST_PORT = 65535


class Section(BaseModel):
    """A table of the file: no unknown keys, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listen(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise ValueError('write it as "HOST:PORT", for example "127.0.0.1:2525"; port 0 means any free one')
    return value


Listen = Annotated[str, AfterValidator(_listen)]

UNIX = "unix:"


def _listen_or_path(value: str) -> str:
    if not value.startswith(UNIX):
        return _listen(value)
    if not value.removeprefix(UNIX).startswith("/"):
        raise ValueError('write a socket as "unix:/PATH", for example "unix:/run/casestream/lmtp", or as "HOST:PORT"')
    return value


ListenOrPath = Annotated[str, AfterValidator(_listen_or_path)]
"""A port as HOST:PORT, or a socket of this machine as unix:/PATH."""


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError('write an address alone, for example "support@contoso.example"')
    return value.lower()


Address = Annotated[str, AfterValidator(_address)]


def _mail_domain(value: str) -> str:
    if not re.fullmatch(
        r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*", value
    ):
        raise ValueError('write a name of DNS in ASCII, for example "contoso.example"')
    return value.lower()


MailDomain = Annotated[str, AfterValidator(_mail_domain)]


def _smarthost(value: str) -> str:
    if value != "maildir" and not re.fullmatch(r"smtps?://([^\s/:@\[\]]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?", value):
        raise ValueError('write "maildir", "smtp://HOST:PORT" or "smtps://HOST:PORT"; name and password have own keys')
    return value


Smarthost = Annotated[str, AfterValidator(_smarthost)]


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


def _site(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@]+/?", value):
        raise ValueError('write a server as its scheme and host alone, for example "https://social.example"')
    return value.rstrip("/")


Site = Annotated[str, AfterValidator(_site)]


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@?#]+(?:/[^\s?#]*)?", value):
        raise ValueError('write the address that others call, for example "https://desk.contoso.example"')
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


def _form_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("a name in an address has small letters, digits, - and _, at most 64, no - or _ first")
    return value


FormName = Annotated[str, AfterValidator(_form_name)]


def _feed_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
        raise ValueError("write letters, digits, - and _, at most 64, no - or _ first")
    return value


FeedName = Annotated[str, AfterValidator(_feed_name)]


def _topic_filter(value: str) -> str:
    *before, last = value.split("/")
    wild = [level for level in before if "#" in level or ("+" in level and level != "+")]
    if not value or wild or ("#" in last and last != "#") or ("+" in last and last != "+") or "\0" in value:
        raise ValueError('write levels between slashes, + for any one, # last for all below, like "te/+/+/+/+/a/+"')
    if value.startswith("$share/"):
        raise ValueError('write the topics alone and the group as shared = "…"')
    return value


TopicFilter = Annotated[str, AfterValidator(_topic_filter)]


def _device_pattern(value: str) -> str:
    if value.count("{device}") != 1:
        raise ValueError('say where in the topic the device is, once, like "plant/{device}/+"')
    return _topic_filter(value)


DevicePattern = Annotated[str, AfterValidator(_device_pattern)]


def _device_topic(value: str) -> str:
    if value.count("{device}") != 1 or "#" in value or "+" in value or "\0" in value:
        raise ValueError('say where in the topic the device is, once, like "plant/{device}/commands"; without + and #')
    return value


DeviceTopic = Annotated[str, AfterValidator(_device_topic)]


def _broker(value: str) -> str:
    if value != "embedded" and not re.fullmatch(r"mqtts?://([^\s/:@\[\]]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?", value):
        raise ValueError('write "embedded", "mqtt://HOST:PORT" or "mqtts://HOST:PORT"; name and password have own keys')
    return value


Broker = Annotated[str, AfterValidator(_broker)]


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


_LENGTH = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")


def length(value: str) -> timedelta:
    """The length of time that a setting like `72h` or `1h30m` says. Raises ValueError when it says none."""
    match = _LENGTH.fullmatch(value) if value else None
    if match is None:
        hint = "; days are hours here: write 48h for two" if value.endswith("d") else ""
        raise ValueError(f'write a length of time in hours, minutes or seconds, like "72h" or "1h30m"{hint}')
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _length(value: str) -> str:
    length(value)
    return value


Duration = Annotated[str, AfterValidator(_length)]
"""A length of time as `72h`, `45m`, `30s` or several of them, the longest first; `length` reckons with it."""


_CEL_RESERVED = frozenset(
    ["as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
     "namespace", "null", "package", "return", "true", "var", "void", "while"]
)  # fmt: skip
"""Words that conditions cannot use as a name (the CEL specification, "Syntax")."""


def _field_name(value: str) -> str:
    if not NAME.fullmatch(value) or value in _CEL_RESERVED:
        raise ValueError("the name of a field has small letters, digits and _, a letter first, like tier")
    return value


FieldName = Annotated[str, AfterValidator(_field_name)]


def _field_kind(value: object) -> FieldType:
    words = ", ".join(f'"{word}"' for word in WORDS)
    if isinstance(value, str) and value in WORDS:
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(word, str) and word for word in value):
        return tuple(value)
    raise ValueError(f'write the words to choose from, like ["gold", "silver"], or one of {words}')


FieldKind = Annotated[Any, BeforeValidator(_field_kind)]


def _action(value: str) -> str:
    if not re.fullmatch(r"command:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError('write what its device is to do as "command:NAME", for example "command:reset"')
    return value


AlarmAction = Annotated[str, AfterValidator(_action)]


def _device_path(value: str) -> str:
    if not re.fullmatch(r"device\.[a-z][a-z0-9_]*", value):
        raise ValueError('write what the devices have in common, for example "device.gateway" or "device.product"')
    return value


DevicePath = Annotated[str, AfterValidator(_device_path)]


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
