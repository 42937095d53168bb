"""A desk without processes: its configuration in a folder, its verbs, and mails as records of its log."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from pipeline import app
from pipeline.agents.consequences import Step
from pipeline.agents.intake import Intake
from pipeline.agents.reading.record import Reader
from pipeline.agents.reading.turn import ReadHere
from pipeline.agents.rules import compile_rules
from pipeline.agents.settle import Settler
from pipeline.blobs import BlobStore
from pipeline.config import Config, parse_config
from pipeline.config.sections import Kafka
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Envelope, Record

TEXT = """
[desk]
domain = "desk.example"
secret = "a-secret-of-the-test-desk"
[[mailbox]]
address = "support@desk.example"
[[mailbox]]
address = "sales@desk.example"
"""
HOUR = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Desk:
    """One database, perhaps one Kafka; `casestream` runs a verb on it as a process of its own."""

    def __init__(self, folder: Path, dsn: str, kafka: Kafka | None = None, *, more: str = "", text: str = TEXT) -> None:
        self.folder = folder
        self.dsn = dsn
        self.kafka = kafka or Kafka(servers="127.0.0.1:1")
        self.prefix = self.kafka.topic_prefix
        overlay = {
            "kafka": {"servers": self.kafka.servers, "topic_prefix": self.prefix},
            "postgres": {"dsn": dsn},
            "blobs": {"url": str(folder / "blobs")},
        }
        (folder / "casestream.toml").write_text(text + more)
        content = {"config": str(folder / "casestream.toml"), "overlay": overlay}
        (folder / "addresses.json").write_bytes(orjson.dumps(content))
        self.config: Config = parse_config(text + more, overlay)

    @property
    def topic(self) -> str:
        """The topic of its mails."""
        return f"{self.prefix}inbound.email"

    def casestream(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Run a verb to its end."""
        return subprocess.run(  # noqa: S603  # the command under test
            self.command(*args), capture_output=True, text=True, timeout=60, check=False, env=os.environ
        )

    def command(self, *args: str) -> list[str]:
        """The verb as a process is started with it."""
        return [sys.executable, "-m", "pipeline", *args, "--data", str(self.folder)]

    def settler(self, *more: Step, reader: type[Reader] = Reader) -> Settler:
        """A settler of its own connection; with more steps of a test's own at the end, or a reader of its own."""
        rules = compile_rules(self.config)
        reading = ReadHere(reader(rules, BlobStore(self.folder / "blobs")))
        intake = Intake((*app.build_intake(rules)._steps, *more), app.build_consequences(rules))
        return Settler(PostgresStore(self.dsn), reading, intake)

    def mail(
        self,
        offset: int,
        name: str,
        *,
        partition: int = 0,
        answers: str | None = None,
        sender: str = "ana@client.example",
        to: str = "support@desk.example",
        text: str | None = None,
        at: datetime = HOUR,
    ) -> Record:
        """A mail as a record of the log; `name` and `answers` are Message-IDs without what is around them.

        Without a text of its own it says its name in letters: mails that differ in digits alone are a storm.
        """
        text = f"It does not print, says {name.translate(SPELLED)}." if text is None else text
        lines = [f"From: Ana <{sender}>", f"To: {to}", f"Subject: About {name}", f"Message-ID: <{name}@client.example>"]
        if answers:
            lines.append(f"In-Reply-To: <{answers}@client.example>")
        raw = "\r\n".join([*lines, "", text, ""]).encode()
        envelope = Envelope(
            id=f"<{name}@client.example>",
            channel="email",
            source=f"/email/{to}",
            key=answers or name,
            time=at,
            content_type="message/rfc822",
            raw=raw,
            facts={"envelopefrom": sender, "envelopeto": to},
        )
        return Record(self.topic, partition, offset, envelope.key.encode(), raw, tuple(envelope.headers()))


async def close(settler: Settler) -> None:
    """Give its connection back."""
    assert isinstance(settler._store, PostgresStore)
    await settler._store.close()


def lines(result: "subprocess.CompletedProcess[str]") -> Sequence[dict[str, object]]:
    """What a verb printed under --json."""
    return [orjson.loads(line) for line in result.stdout.splitlines()]


SPELLED = str.maketrans("0123456789", "abcdefghij")
