"""A desk is written into a folder while it runs, and made anew from it elsewhere, with nothing lost or doubled."""

import asyncio
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import orjson
import psycopg
import pytest
from desk import Desk, close, lines

from pipeline import app
from pipeline.blobs import BlobStore
from pipeline.config import Config, parse_config
from pipeline.config.sections import Kafka
from pipeline.embedded.servers import Servers
from pipeline.kafka_admin import KafkaJanitor
from pipeline.kafka_records import waiting_records, write_records
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tmp_path: Path, migrated: str, topics: Kafka) -> Desk:
    """A desk with two cases, a file, and a mail that waits on Kafka."""
    folder = tmp_path / "desk"
    folder.mkdir()
    desk = Desk(folder, migrated, topics)
    asyncio.run(_fill(desk))
    return desk


async def _fill(desk: Desk) -> None:
    mails = [desk.mail(offset, name) for offset, name in enumerate(("one", "two", "waits"))]
    assert await write_records(desk.kafka, mails) == 3
    cluster, bounds = await KafkaJanitor(desk.kafka).look()
    await PostgresLedger(desk.dsn).assign(cluster, bounds)
    settler = desk.settler()
    await settler(mails[:2])
    await close(settler)
    digest = BlobStore(desk.folder / "blobs").put(b"a large mail")
    async with await psycopg.AsyncConnection.connect(desk.dsn) as connection:
        await connection.execute("INSERT INTO blob_ref (digest, owner) VALUES (%s, gen_random_uuid())", (digest,))


def test_a_backup_holds_database_files_and_what_waits(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "monday"
    result = desk.casestream("backup", str(target), "--json")
    assert result.returncode == 0, result.stderr
    (told,) = lines(result)
    assert (told["cases"], told["messages"], told["waiting"], told["blobs"]) == (2, 2, 1, 1)
    assert told["not_held"]
    assert {file.name for file in target.iterdir()} == {
        "manifest.json", "postgres.dump", "waiting.jsonl", "blobs", "casestream.toml",
    }  # fmt: skip
    assert target.stat().st_mode & 0o077 == 0, "nobody else reads it"
    again = desk.casestream("backup", str(target))
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)


def test_a_backup_is_restored_onto_its_own_kafka(desk: Desk, tmp_path: Path, postgres: str) -> None:
    target = tmp_path / "monday"
    assert desk.casestream("backup", str(target)).returncode == 0
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other", postgres, desk.kafka)
    result = other.casestream("restore", str(target))
    assert result.returncode == 0, result.stderr
    assert "2 cases and 2 messages as of" in result.stdout
    rows = asyncio.run(PostgresLedger(postgres).partitions())
    assert sum(row.next for row in rows) == 2, "what waits is still there to be settled"
    assert BlobStore(other.folder / "blobs").get(sha256(b"a large mail").hexdigest()) == b"a large mail"
    twice = other.casestream("restore", str(target))
    assert twice.stderr == "casestream: the database holds a desk already; name an empty one\n"
    assert numbers(postgres) == [1001, 1002]


def test_a_backup_is_restored_onto_new_servers_of_our_own(desk: Desk, tmp_path: Path) -> None:
    target, data, file = tmp_path / "monday", tmp_path / "new", tmp_path / "new.toml"
    assert desk.casestream("backup", str(target)).returncode == 0
    text = f'{(desk.folder / "casestream.toml").read_text()}[kafka]\ntopic_prefix = "{desk.prefix}"\n'
    file.write_text(text)
    result = restore(target, data, file)
    assert result.returncode == 0, result.stderr
    (told,) = lines(result)
    assert (told["cases"], told["waiting"], told["numbers_raised"]) == (2, 1, True)
    with Servers(data, parse_config(text)).running() as reached:
        asyncio.run(_settle_what_waits(reached, tmp_path))
        assert numbers(reached.postgres.dsn) == [1001, 1002, 1_001_003]
    refused = restore(target, data, file)
    assert (refused.returncode, "is there already" in refused.stderr) == (1, True)


def test_what_is_no_backup_is_refused(desk: Desk, tmp_path: Path) -> None:
    refused = desk.casestream("restore", str(tmp_path))
    assert (refused.returncode, "is no backup, or an unfinished one" in refused.stderr) == (1, True)
    target = tmp_path / "monday"
    assert desk.casestream("backup", str(target)).returncode == 0
    manifest = orjson.loads((target / "manifest.json").read_bytes())
    (target / "manifest.json").write_bytes(orjson.dumps({**manifest, "schema": 9999}))
    assert "of version 9999 of the schema" in desk.casestream("restore", str(target)).stderr


def restore(target: Path, data: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline", "restore", str(target), "--data", str(data), "--config", str(file)]
    return subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


async def _settle_what_waits(config: Config, folder: Path) -> None:
    """As a worker would on the restored desk: the ledger's next record is the one that waited."""
    cluster, bounds = await KafkaJanitor(config.kafka).look()
    found = await PostgresLedger(config.postgres.dsn).assign(cluster, bounds)
    records = [one async for one in waiting_records(config.kafka, bounds)]
    assert len(records) == 1
    assert found
    blobs = config.blobs.model_copy(update={"url": str(folder / "blobs")})
    reached = config.model_copy(update={"blobs": blobs})
    settler = app.build_settler(reached, PostgresStore(config.postgres.dsn))
    await settler(records)
    await settler._store.close()


def numbers(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM cases ORDER BY number")]
