"""`casestream restore`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, ValidationError

from pipeline.commands.answers import answer, refuse
from pipeline.commands.backup import BLOBS, CONFIG, DUMP, MANIFEST, SECRET, WAITING
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.embedded.servers import Servers
    from pipeline.store.resync import Resync
    from pipeline.wire import Record

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="What `casestream backup` wrote.")]


class _Manifest(BaseModel):
    casestream: int
    at: str
    schema_: int
    cluster: str
    cases: int
    messages: int
    blobs: int

    model_config = {"extra": "ignore", "alias_generator": lambda name: name.rstrip("_")}


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def restore(folder: Folder, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Make a desk of a backup, on a data folder or a database that holds none; nothing may run on it.

        The log is brought into step as `casestream resync` does: case numbers and event sequences rise by 1,000,000,
        past all that may have been used since. Then start `casestream up`, or your processes.

        Example: casestream restore /backups/monday --data casestream-new --config /backups/monday/casestream.toml
        """
        from pipeline.embedded import folder as folders
        from pipeline.embedded import install
        from pipeline.embedded.servers import EMBEDDED, Servers
        from pipeline.errors import CasestreamError

        manifest = _read(folder)
        settings = load_config(config, data)
        try:
            with folders.locked(data.absolute()):
                servers = Servers(data.absolute(), settings)
                if there := [one.data for one in servers.ours if one.data.exists()]:
                    refuse(f"{there[0]} is there already; name an empty folder by --data")
                if settings.kafka.servers == EMBEDDED:
                    install.kafka()
                done = _fill_new(servers, folder, manifest)
                _put_beside(settings, data.absolute(), folder)
        except CasestreamError as error:
            refuse(str(error))
        _tell(manifest, done, folder, json=json)


def _fill_new(servers: "Servers", folder: Path, manifest: _Manifest) -> "tuple[Resync, int]":
    """On servers that are made for it; when it fails they are gone again, so that it can be tried anew."""
    import asyncio
    import shutil

    try:
        asyncio.run(servers.create())
        with servers.running() as reached:
            return answer(_fill(reached, folder, manifest))
    except BaseException:
        for server in servers.ours:
            shutil.rmtree(server.data, ignore_errors=True)
        raise


def _read(folder: Path) -> _Manifest:
    from pipeline.store.migrate import all_migrations

    try:
        manifest = _Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError:
        refuse(f"{folder} is no backup, or an unfinished one: it has no {MANIFEST}")
    except ValidationError:
        refuse(f"{folder / MANIFEST} is damaged")
    newest = all_migrations()[-1].version
    if manifest.schema_ > newest:
        refuse(f"the backup is of version {manifest.schema_} of the schema, this program knows up to {newest}")
    return manifest


async def _fill(settings: Config, folder: Path, manifest: _Manifest) -> "tuple[Resync, int]":
    """The database, the files, the topics, what waited; then the ledger is brought into step with this log."""
    from pipeline.embedded.postgres import tool
    from pipeline.errors import Stop
    from pipeline.kafka_admin import KafkaJanitor, apply_topics
    from pipeline.kafka_records import write_records
    from pipeline.store.dumping import is_empty, load
    from pipeline.store.migrate import migrate
    from pipeline.store.resync import resync

    if not await is_empty(settings.postgres.direct):
        raise Stop("the database holds a desk already; name an empty one")
    await apply_topics(settings.kafka)
    cluster, bounds = await KafkaJanitor(settings.kafka).look()
    await load(settings.postgres.direct, folder / DUMP, tool("pg_restore"))
    await migrate(settings.postgres.direct)
    _copy_blobs(settings, folder / BLOBS)
    done = await resync(settings.postgres.direct, cluster, bounds, anyway=True)
    waited = await write_records(settings.kafka, _waiting(folder / WAITING)) if cluster != manifest.cluster else 0
    return done, waited


def _waiting(file: Path) -> "Iterator[Record]":
    from pipeline.kafka_records import line_record

    with file.open("rb") as lines:
        yield from map(line_record, lines)


def _copy_blobs(settings: Config, folder: Path) -> None:
    from pipeline.blobs import BlobStore

    target = BlobStore(Path(settings.blobs.url))
    target.root.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("[0-9a-f][0-9a-f]/*"):
        target.put(file.read_bytes())


def _put_beside(settings: Config, data: Path, folder: Path) -> None:
    """The key with which the desk signed; without it, answers to its mails are known by their Message-IDs only."""
    from pipeline.embedded import durable

    if (folder / SECRET).is_file() and not settings.desk.secret and not (data / SECRET).exists():
        durable.write(data / SECRET, (folder / SECRET).read_bytes(), mode=0o600)


def _tell(manifest: _Manifest, done: "tuple[Resync, int]", folder: Path, *, json: bool) -> None:
    resynced, waited = done
    if json:
        lost = sum(resynced.lost.values())
        print_json({"cases": manifest.cases, "messages": manifest.messages, "waiting": waited, "lost": lost,
                    "of": manifest.at, "numbers_raised": resynced.numbers_raised})  # fmt: skip
        return
    typer.echo(f"{manifest.cases} cases and {manifest.messages} messages as of {manifest.at} are there again")
    if waited:
        typer.echo(f"{waited} records that waited wait again")
    for partition, count in resynced.lost.items():
        typer.echo(f"{partition.topic}/{partition.partition}: {count} records are lost, and noted as a gap")
    typer.echo("case numbers and event sequences rose by 1,000,000")
    if (folder / CONFIG).is_file():
        typer.echo(f"the configuration of then is {folder / CONFIG}")
