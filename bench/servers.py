"""What the benches share: real Kafka and PostgreSQL of their own, real mails, one line for each figure."""

import asyncio
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config import Config, parse_config
from pipeline.embedded import install, ports
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.postgres import PostgresServer
from pipeline.wire import Envelope

CORPORA = Path(os.environ.get("CORPORA", Path(__file__).resolve().parents[2] / "shared" / "corpora"))
MAILBOX = "support@desk.example"


@dataclass(frozen=True, slots=True)
class Servers:
    """A running Kafka and PostgreSQL, and the folder that holds all they have."""

    kafka: str
    postgres: PostgresServer
    folder: Path

    def config(self, database: str, prefix: str) -> Config:
        """A desk with one mailbox on a database and on topics of its own."""
        text = f"""
            [desk]
            domain = "cases.desk.example"
            secret = "bench-secret-bench-secret-bench!"
            [[mailbox]]
            address = "{MAILBOX}"
            [blobs]
            url = "{self.folder}/blobs"
        """
        overlay = {
            "kafka": {"servers": self.kafka, "topic_prefix": prefix},
            "postgres": {"dsn": self.postgres.dsn(database)},
        }
        return parse_config(text, overlay)


@contextmanager
def running() -> Iterator[Servers]:
    """Start both in a new folder; stop them and remove it at the end."""
    install.kafka()
    with tempfile.TemporaryDirectory(prefix="casestream-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = ports.free()
        kafka = KafkaServer(
            folder / "kafka", port=port, controller_port=ports.free(avoid=[port]), log=folder / "kafka.log"
        )
        postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log")
        asyncio.run(kafka.create(kafka.data))
        asyncio.run(postgres.create(postgres.data))
        children = [(kafka, kafka.spawn()), (postgres, postgres.spawn())]
        try:
            for server, _ in children:
                asyncio.run(asyncio.wait_for(server.ready(), 60))
            yield Servers(kafka.address, postgres, folder)
        finally:
            for server, child in reversed(children):
                asyncio.run(child.stop(server.stop_signal, 10))


@contextmanager
def running_postgres() -> Iterator[Servers]:
    """Start PostgreSQL alone in a new folder, for what needs no Kafka; stop it and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="casestream-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log")
        asyncio.run(postgres.create(postgres.data))
        child = postgres.spawn()
        try:
            asyncio.run(asyncio.wait_for(postgres.ready(), 60))
            yield Servers("127.0.0.1:1", postgres, folder)
        finally:
            asyncio.run(child.stop(postgres.stop_signal, 10))


def real_mails(limit: int | None = None) -> list[bytes]:
    """The mails of the SpamAssassin public corpus, in the order of their names."""
    with tarfile.open(CORPORA / "spamassassin_public.tar.xz") as archive:
        found = [(m.name, file.read()) for m in archive if m.isfile() and (file := archive.extractfile(m))]
    return [raw for _, raw in sorted(found)][:limit]


def envelope(raw: bytes, name: str) -> Envelope:
    """A mail as the SMTP connector publishes it; `name` makes its id and conversation the only ones of their kind."""
    return Envelope(
        id=f"<{name}@bench.example>",
        channel="email",
        source=f"/email/{MAILBOX}",
        key=name,
        time=datetime.now(UTC),
        content_type="message/rfc822",
        raw=raw,
        facts={"envelopefrom": "sender@corpus.example", "envelopeto": MAILBOX, "remoteip": "127.0.0.1"},
    )
