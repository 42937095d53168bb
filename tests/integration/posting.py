"""A desk whose mail is sent step by step: what came in is settled, what leaves is looked at."""

import asyncio
import email
import email.policy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from click.testing import Result
from desk import HOUR, TEXT, Desk, close
from psycopg.rows import dict_row
from typer.testing import CliRunner

from pipeline import app
from pipeline.agents.batch import Batch, Deed
from pipeline.agents.rules import compile_rules
from pipeline.cli import app as cli
from pipeline.dispatch.mail.memory import MemoryDoor
from pipeline.dispatch.mail.way import MailWay
from pipeline.domain.cases import Case
from pipeline.domain.orders import Order, Reply
from pipeline.store.outbound_ports import NewMail
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Envelope, Record

ANA = "ana@client.example"
SUPPORT = "support@desk.example"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class PostingDesk:
    """One desk on a database of its own; its door keeps what it is handed. Time is what the test says."""

    def __init__(self, folder: Path, dsn: str, *, more: str = "", text: str = TEXT) -> None:
        (folder / "templates").mkdir(parents=True)
        self.dsn = dsn
        self.desk = Desk(folder, dsn, more=more.replace("FOLDER", str(folder)), text=text)
        self.rules = compile_rules(self.desk.config)
        self.doors: list[MemoryDoor] = []
        self.way: MailWay = app.build_mail(self.desk.config, lambda _: self._door())
        self._settler = self.desk.settler()
        self._casework = PostgresStore(dsn)
        self._offset = 0
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO offset_ledger (topic, partition, cluster_id, first, next) VALUES (%s, 0, 'c', 0, 0)",
                (self.desk.topic,),
            )

    def _door(self) -> MemoryDoor:
        self.doors.append(MemoryDoor())
        return self.doors[-1]

    async def close(self) -> None:
        """Give everything back."""
        await close(self._settler)
        await self._casework.close()
        await self.way.close()

    async def receive(
        self, raw: bytes, *, at: datetime = HOUR, to: str = SUPPORT, auth: str = "", by: str = ANA
    ) -> dict[str, Any]:
        """Settle a mail that came, `by` whom its envelope says; what became of it."""
        message = email.message_from_bytes(raw, policy=email.policy.SMTP)
        own = str(message["Message-ID"] or f"delivery-{self._offset}").strip()
        facts = {"envelopeto": to, "envelopefrom": by, "authresults": auth}
        envelope = Envelope(
            id=own, channel="email", source=f"/email/{to}", key=own, time=at, content_type="message/rfc822",
            raw=raw, facts=facts,
        )  # fmt: skip
        record = Record(self.desk.topic, 0, self._offset, own.encode(), raw, tuple(envelope.headers()))
        self._offset += 1
        await self._settler([record])
        [found] = self.rows(
            "SELECT message.*, cases.number FROM message LEFT JOIN cases ON cases.id = case_id WHERE log_offset = %s",
            record.offset,
        )
        return found

    async def do(self, case: int, order: Order, *, at: datetime = HOUR, by: str | None = None) -> None:
        """Carry out what an agent orders."""
        [row] = self.rows("SELECT id FROM cases WHERE number = %s", case)
        casework = app.build_casework(self.rules, self._casework)
        await casework.do(row["id"], order, Deed(at, actor_id=by))

    async def post(self, *mails: NewMail) -> None:
        """Write mails that somebody wants sent."""
        batch = Batch(outbound=[*mails], cases={mail.case.id: mail.case for mail in mails if mail.case})
        async with self._casework.transaction() as tx:
            await app.build_consequences(self.rules)(batch, tx)

    async def case(self, number: int) -> Case:
        """A case as it is."""
        [row] = self.rows("SELECT id FROM cases WHERE number = %s", number)
        async with self._casework.transaction() as tx:
            return (await tx.lock_cases([row["id"]]))[row["id"]]

    async def send(self, now: datetime, *, until_nothing_is_due: bool = True) -> int:
        """Look, and do the jobs that were queued, as of a time; how many."""
        done = 0
        while True:
            await self.way.look(now)
            jobs = self.take_jobs()
            for args in jobs:
                await self.way.work(args, now)
            done += len(jobs)
            if not jobs or not until_nothing_is_due:
                return done

    def take_jobs(self) -> Sequence[Mapping[str, Any]]:
        """The jobs that are queued, which are not any more."""
        rows = self.rows("DELETE FROM jobs.procrastinate_jobs WHERE status = 'todo' RETURNING id, args")
        return [row["args"] for row in sorted(rows, key=lambda row: row["id"])]

    @property
    def sent(self) -> list[bytes]:
        """What the doors were handed, in the order of their rows."""
        kept = {one.message_id: one.raw for door in self.doors for one in door.mails.values()}
        return [kept[row["message_id"]] for row in self.letters() if row["message_id"] in kept]

    @property
    def handed(self) -> int:
        """How often something was handed over."""
        return sum(door.handed for door in self.doors)

    def letters(self) -> list[dict[str, Any]]:
        """All rows of mail that leaves."""
        return self.rows("SELECT * FROM outbound ORDER BY ord")

    def events(self, case: int) -> list[str]:
        """What happened to a case."""
        rows = self.rows("SELECT event.type FROM event JOIN cases ON cases.id::text = event.key WHERE number = %s "
                         "ORDER BY event.seq", case)  # fmt: skip
        return [row["type"].removeprefix("dev.casestream.").removesuffix(".v1") for row in rows]

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Ask the database."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), values).fetchall()  # type: ignore[arg-type]  # our own

    def change(self, statement: str, *values: object) -> None:
        """Change the database."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement.encode(), values)  # type: ignore[arg-type]  # our own

    def add_agent(self, name: str, address: str) -> UUID:
        """An agent who is known by an address."""
        self.change("INSERT INTO agent (id, external_id, name) VALUES (gen_random_uuid(), %s, %s)", name, name.title())
        [row] = self.rows("SELECT id FROM agent WHERE external_id = %s", name)
        self.change("INSERT INTO identity (kind, value, agent_id, origin) VALUES ('email', %s, %s, 'import')", address,
                    row["id"])  # fmt: skip
        found: UUID = row["id"]
        return found


def a_mail(name: str, *, sender: str = ANA, headers: str = "", text: str = "It does not print.") -> bytes:
    """A customer's mail; its Message-ID is its name."""
    lines = [
        f"From: Ana <{sender}>",
        f"To: {SUPPORT}",
        f"Subject: About {name}",
        f"Message-ID: <{name}@client.example>",
        "Date: Mon, 02 Mar 2026 09:00:00 +0000",
        *([headers] if headers else []),
    ]
    return "\r\n".join([*lines, "", text, ""]).encode()


def read(raw: bytes) -> EmailMessage:
    """A mail as a program reads it."""
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def text_of(raw: bytes) -> str:
    """The plain text of a mail."""
    body = read(raw).get_body(("plain",))
    assert body is not None
    found: str = body.get_content()
    return found.replace("\r\n", "\n")


ACKNOWLEDGING = 'acknowledge = true\n[[mailbox]]\naddress = "lead@desk.example"\n[mail]\nconnections = 1\n'
NOW = HOUR + MINUTE

Story = Callable[[PostingDesk], Awaitable[None]]


def on_a_desk(more: str = ACKNOWLEDGING) -> Callable[[Story], Callable[[Path, Callable[[], str]], None]]:
    """Run a test that awaits on a desk of its own, whose `sales` mailbox is continued by `more`."""

    def decorate(story: Story) -> Callable[[Path, Callable[[], str]], None]:
        @wraps(story)
        def run(tmp_path: Path, new_database: Callable[[], str]) -> None:
            async def whole() -> None:
                desk = PostingDesk(tmp_path / "desk", new_database(), more=more)
                try:
                    await story(desk)
                finally:
                    await desk.close()

            asyncio.run(whole())

        del run.__wrapped__  # type: ignore[attr-defined]  # pytest would look for the fixtures of the story
        return run

    return decorate


async def opened(desk: PostingDesk, name: str = "m1", sender: str = ANA, **settings: str) -> int:
    """A case that a mail opened."""
    became = await desk.receive(a_mail(name, sender=sender, **settings))
    assert became["outcome"] == "opened", became["reason"]
    number: int = became["number"]
    return number


async def replied(desk: PostingDesk, text: str = "Turn it on.") -> int:
    """A case whose customer was answered."""
    number = await opened(desk)
    await desk.do(number, Reply(text=text), by="rui")
    return number


async def verb(desk: PostingDesk, *words: str, group: str = "suppression") -> Result:
    """Run a verb of the list, or of another group."""
    command = [group, *words, "--data", str(desk.desk.folder)]
    return await asyncio.to_thread(CliRunner().invoke, cli, command)
