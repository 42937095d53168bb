"""`casestream backup`."""

import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.store.dumping import Dumped
    from pipeline.wire import Bounds, Partition

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it: a folder that is not there, or empty.")]

MANIFEST, DUMP, WAITING, BLOBS, SECRET, CONFIG = (
    "manifest.json", "postgres.dump", "waiting.jsonl", "blobs", "secret", "casestream.toml",
)  # fmt: skip
"""The files of a backup; the manifest is written last, so that one without it is known to be unfinished."""

NOT_HELD = (
    "events that consumers have still to read from case.events",
    "secrets that the configuration takes from variables or files (env:, file:)",
    "what devices published to the MQTT broker and nobody has taken yet",
)
"""What a backup cannot hold."""


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def backup(folder: Folder, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Write everything of a running desk into a folder: its database, its files, and what waits on Kafka.

        All of it is of one moment, and nothing stops meanwhile. `casestream restore` makes a desk of it.

        Example: casestream backup /backups/monday --data casestream-data
        """
        settings = require_servers(load_config(config, data))
        os.umask(0o077)  # it holds every mail, and the key that signs references
        _prepare(folder)
        told = answer(_write(settings, folder))
        _copy_beside(data, config, folder)
        (folder / MANIFEST).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        _tell(told, json=json)


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            refuse(f"{folder} is not empty; name a folder that is not there yet")
    except OSError as error:
        refuse(f"{folder} cannot be written to: {error.strerror}")


async def _write(settings: Config, folder: Path) -> dict[str, Any]:
    """The database first: what it refers to is there as long as it does."""
    from pipeline.embedded.postgres import tool
    from pipeline.kafka_admin import KafkaJanitor
    from pipeline.store.dumping import dump

    dumped = await dump(settings.postgres.direct, folder / DUMP, tool("pg_dump"))
    cluster, bounds = await KafkaJanitor(settings.kafka).look()
    waiting, named = await _write_waiting(settings, _waiting(dumped, bounds), folder / WAITING)
    blobs, missing = _copy_blobs(settings, sorted({*dumped.blobs, *named}), folder / BLOBS)
    return {
        "casestream": 1,
        "at": datetime.now(UTC).isoformat(),
        "schema": dumped.schema,
        "cluster": cluster,
        "positions": [asdict(one) for one in dumped.positions],
        "cases": dumped.cases,
        "messages": dumped.messages,
        "contacts": dumped.contacts,
        "waiting": waiting,
        "blobs": blobs,
        "missing_blobs": missing,
        "not_held": list(NOT_HELD),
    }


def _waiting(dumped: "Dumped", bounds: "Mapping[Partition, Bounds]") -> "dict[Partition, Bounds]":
    """Of each partition what was not settled when the database was dumped."""
    from pipeline.wire import Bounds, Partition

    settled = {Partition(one.topic, one.partition): one.next for one in dumped.positions}
    return {where: Bounds(max(settled.get(where, 0), log.start), log.end) for where, log in bounds.items()}


async def _write_waiting(settings: Config, wanted: "dict[Partition, Bounds]", file: Path) -> tuple[int, set[str]]:
    from pipeline.kafka_records import record_line, waiting_records

    count, named = 0, set()
    with file.open("wb") as out:
        async for record in waiting_records(settings.kafka, wanted):
            out.write(record_line(record))
            named |= {value.decode("ascii", "replace") for name, value in record.headers if name == "ce_dataref"}
            count += 1
    return count, named


def _copy_blobs(settings: Config, digests: list[str], folder: Path) -> tuple[int, list[str]]:
    """Copy those that are there; how many, and which are not."""
    from pipeline.blobs import BlobStore

    source, target = BlobStore(Path(settings.blobs.url)), BlobStore(folder)
    folder.mkdir()
    missing = []
    for digest in digests:
        try:
            target.put(source.get(digest))
        except LookupError:
            missing.append(digest)
    return len(digests) - len(missing), missing


def _copy_beside(data: Path, config: Path | None, folder: Path) -> None:
    """The signing key that `up` made, and the configuration."""
    if (data / SECRET).is_file():
        shutil.copyfile(data / SECRET, folder / SECRET)
    named = config or _config_of(data)
    if named is not None and named.is_file():
        shutil.copyfile(named, folder / CONFIG)


def _config_of(data: Path) -> Path | None:
    try:
        named = orjson.loads((data / "addresses.json").read_bytes()).get("config")
    except (OSError, ValueError, AttributeError):
        named = None
    return Path(named) if named else Path(CONFIG)


def _tell(told: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(told)
        return
    typer.echo(
        f"{told['cases']} cases, {told['messages']} messages, {told['contacts']} contacts, {told['blobs']} files"
    )
    typer.echo(f"{told['waiting']} records wait to be settled, and are kept")
    for digest in told["missing_blobs"]:
        typer.echo(f"missing: the file {digest}, which a message refers to, is not there", err=True)
    for what in told["not_held"]:
        typer.echo(f"not held: {what}")
