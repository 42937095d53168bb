"""Where the embedded parts listen, as every other process of the desk reads it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from pipeline.config import Config
from pipeline.config.values import UNIX
from pipeline.embedded import durable, ports
from pipeline.errors import Stop

ADDRESSES = "addresses.json"
SECRET = "secret"  # noqa: S105  # a file's name
_PORTS = "ports.json"
_EMBEDDED = "embedded"
_MQTT_PORT = 1883

Overlay = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the embedded parts, which stay the same from start to start as long as they are free."""

    kafka: int
    controller: int
    mqtt: int


@dataclass(frozen=True, slots=True)
class Listens:
    """Where mail and web traffic come in, with real ports."""

    smtp: str
    http: str


def choose_ports(data: Path) -> Ports:
    """The ports of last time, each replaced by a free one if another process has it."""
    file = data / _PORTS
    last = orjson.loads(file.read_bytes()) if file.is_file() else {}
    taken: list[int] = []
    for name, wish in (("kafka", None), ("controller", None), ("mqtt", _MQTT_PORT)):
        taken.append(ports.free(avoid=taken, first=last.get(name, wish)))
    chosen = Ports(*taken)
    durable.write(file, orjson.dumps(chosen))
    return chosen


def choose_listens(config: Config) -> Listens:
    """The configured addresses, a free port for each port 0. Raises Stop when one cannot be listened on."""
    smtp = _real("smtp", config.smtp.listen)
    http = _real("http", config.http.listen)
    if smtp == http:
        raise Stop(f"[smtp] listen and [http] listen are both {smtp}; choose another port for one of them.")
    for listen in (config.smtp.listen_tls, config.smtp.lmtp):
        if listen is not None and not listen.startswith(UNIX):
            _real("smtp", listen)
    return Listens(smtp, http)


def overlay(config: Config, data: Path, listens: Listens, *, ports: Ports, dsn: str) -> Overlay:
    """What the embedded parts change in the configuration; sections that name servers of your own stay as they are."""
    changes: dict[str, dict[str, object]] = {"smtp": {"listen": listens.smtp}, "http": {"listen": listens.http}}
    if config.kafka.servers == _EMBEDDED:
        changes["kafka"] = {"servers": f"127.0.0.1:{ports.kafka}"}
    if config.postgres.dsn == _EMBEDDED:
        changes["postgres"] = {"dsn": dsn}
    if config.mqtt.url == _EMBEDDED:
        changes["mqtt"] = {"url": f"mqtt://127.0.0.1:{ports.mqtt}", "version": "3.1.1"}  # amqtt speaks no newer
    if config.blobs.url == "data":
        changes["blobs"] = {"url": str(data / "blobs")}
    if config.mail.maildir == "data":
        changes["mail"] = {"maildir": str(data / "mail")}
    if not config.desk.secret:
        changes["desk"] = {"secret": [f"file:{data / SECRET}"]}
    return changes


def publish(data: Path, config_file: Path | None, changes: Overlay) -> None:
    """Write what `pipeline.commands.options.load_config` reads."""
    content = {"config": str(config_file) if config_file else None, "overlay": changes}
    durable.write(data / ADDRESSES, orjson.dumps(content))


def forget(data: Path) -> Path | None:
    """Drop the addresses of last time, which are no part of the configuration; the configuration file of last time."""
    try:
        last = orjson.loads((data / ADDRESSES).read_bytes()).get("config")
    except (OSError, ValueError, AttributeError):
        last = None
    config_file = Path(last) if last else None
    publish(data, config_file, {})
    return config_file


def ensure_secret(data: Path) -> None:
    """Make the desk's signing key, once."""
    if not (data / SECRET).exists():
        durable.write(data / SECRET, f"{secrets.token_urlsafe(36)}\n".encode(), mode=0o600)


def _real(section: str, listen: str) -> str:
    host, port = ports.split(listen)
    try:
        if port == 0:
            port = ports.free(host)
        elif not ports.is_free(host, port):
            holder = ports.holder(port)
            raise Stop(
                f"Port {port} of [{section}] listen is in use{f' by {holder}' if holder else ''}; "
                f"end that, or choose another port."
            )
    except OSError as error:
        raise Stop(f'[{section}] listen = "{listen}" cannot be used: {error.strerror}.') from error
    return f"{listen.rpartition(':')[0]}:{port}"
