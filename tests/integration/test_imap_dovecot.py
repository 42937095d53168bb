"""Mailboxes on a real server: Dovecot, as Debian packs it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from dovecot import PASSWORD, Dovecot, installed
from typer.testing import CliRunner

from pipeline.app import wanted_connectors
from pipeline.blobs import BlobStore
from pipeline.cli import app
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.email_imap import ImapConnector
from pipeline.connectors.imap_mailbox import Pace
from pipeline.connectors.imap_trial import try_mailbox
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog
from pipeline.store.bookmarks import Bookmarks, MemoryBookmarks

pytestmark = pytest.mark.skipif(not installed(), reason="Debian's dovecot-imapd is not installed")

QUICK = Pace(retry=(0.05, 0.5), login=(0.05, 0.5))


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    server = Dovecot()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def dovecot(running: Dovecot) -> Dovecot:
    """The server of the module, with an empty mailbox."""
    running.start()
    running.empty()
    return running


def mails(first: int, last: int) -> list[bytes]:
    return [
        f"Message-ID: <{number}@client.example>\r\n\r\nhello {number}\r\n".encode() for number in range(first, last)
    ]


class Here:
    """A desk that reads the mailbox."""

    def __init__(self, connector: ImapConnector, log: MemoryLog, address: str) -> None:
        self.connector = connector
        self.log = log
        self._address = address

    @property
    def state(self) -> str:
        return self.connector.mailboxes[self._address].state

    @property
    def names(self) -> set[int]:
        return {int(envelope.id[1:].partition("@")[0]) for envelope in self.log.published}

    async def until(self, condition: Callable[[], bool], within: float = 30.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{self.state}, {len(self.log.published)} published"
            await asyncio.sleep(0.01)

    async def until_read(self, count: int) -> None:
        await self.until(lambda: self.names == set(range(count)) and self.state == "waiting for mail")


def config(server: Dovecot, **settings: object) -> Config:
    own = {"address": server.user, "imap": server.url, "password": PASSWORD, **settings}
    return Config.model_validate({"mailbox": [own]})


@asynccontextmanager
async def reading(
    server: Dovecot, folder: Path, bookmarks: Bookmarks | None = None, **settings: object
) -> AsyncIterator[Here]:
    log = MemoryLog()
    publisher = Publisher(log, BlobStore(folder), FreeSpace(folder, 0.0))
    connector = ImapConnector(config(server, **settings), publisher, bookmarks or MemoryBookmarks(), pace=QUICK)
    assert await connector.start() == server.user
    yield Here(connector, log, server.user)
    await connector.stop()


@pytest.mark.parametrize("settle", ["seen", "flag", "move:Done", "move:Über uns/Erledigt", "keep"])
def test_mail_is_read_then_settled(dovecot: Dovecot, tmp_path: Path, settle: str) -> None:
    async def scenario() -> None:
        dovecot.deliver(mails(0, 150))
        async with reading(dovecot, tmp_path, settle=settle) as here:
            await here.until_read(150)
            dovecot.deliver(mails(150, 151))
            await here.until_read(151)
            assert len(here.log.published) == 151

    asyncio.run(scenario())
    left = dovecot.files()
    flags = {name.partition(":2,")[2] for name in left}
    moved = dovecot.files("Done") + dovecot.files("&ANw-ber uns.Erledigt")
    expected = {"seen": (151, {"S"}, 0), "flag": (151, {"F"}, 0), "keep": (151, {""}, 0)}
    assert (len(left), flags, len(moved)) == expected.get(settle, (0, set(), 151))


def test_what_came_while_nobody_read_is_read_afterwards_and_nothing_else(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        bookmarks = MemoryBookmarks()
        dovecot.deliver(mails(0, 5))
        async with reading(dovecot, tmp_path, bookmarks) as here:
            await here.until_read(5)
        dovecot.deliver(mails(5, 9))
        async with reading(dovecot, tmp_path, bookmarks) as here:
            await here.until(lambda: here.names == {5, 6, 7, 8} and here.state == "waiting for mail")
            assert len(here.log.published) == 4

    asyncio.run(scenario())


def test_only_new_mail_is_taken_when_that_is_wanted(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        dovecot.deliver(mails(0, 5))
        async with reading(dovecot, tmp_path, first_read="new", settle="move:Done") as here:
            await here.until(lambda: here.state == "waiting for mail")
            dovecot.deliver(mails(5, 7))
            await here.until(lambda: here.names == {5, 6} and here.state == "waiting for mail")
        assert len(dovecot.files()) == 5

    asyncio.run(scenario())


def test_a_restart_of_the_server_is_survived(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        dovecot.deliver(mails(0, 3))
        async with reading(dovecot, tmp_path) as here:
            await here.until_read(3)
            dovecot.stop()
            await here.until(lambda: "next try in" in here.state)
            dovecot.deliver(mails(3, 6))
            dovecot.start()
            await here.until_read(6)

    asyncio.run(scenario())


def test_new_uids_have_the_folder_read_again(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        dovecot.deliver(mails(0, 3))
        async with reading(dovecot, tmp_path, settle="keep") as here:
            await here.until_read(3)
            dovecot.stop()
            dovecot.renumber()
            dovecot.deliver(mails(3, 4))
            dovecot.start()
            await here.until_read(4)
            await here.until(lambda: len(here.log.published) == 7)
            first = {envelope.id: envelope.raw for envelope in here.log.published[:3]}
            assert {envelope.id: envelope.raw for envelope in here.log.published if envelope.id in first} == first

    asyncio.run(scenario())


def test_a_mail_of_20_mb_comes_whole_through_the_blob_store(dovecot: Dovecot, tmp_path: Path) -> None:
    large = b"Message-ID: <0@client.example>\r\n\r\n" + (b"x" * 76 + b"\r\n") * 256_000

    async def scenario() -> None:
        dovecot.deliver([large])
        async with reading(dovecot, tmp_path) as here:
            await here.until_read(1)
            assert BlobStore(tmp_path).get(here.log.published[0].dataref or "") == large

    asyncio.run(scenario())


def test_a_mail_over_the_limit_is_noted(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        dovecot.deliver([b"Message-ID: <0@client.example>\r\n\r\n" + b"x" * 100_000, *mails(1, 2)])
        async with reading(dovecot, tmp_path, max_size=65_536) as here:
            await here.until_read(2)
            note = here.log.published[0]
            assert note.raw == b"Message-ID: <0@client.example>\r\n\r\n"
            assert "more than max_size" in note.facts["quarantine"]

    asyncio.run(scenario())


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
def test_tls_is_used_with_the_certificates_that_are_trusted(tmp_path: Path, scheme: str) -> None:
    server = Dovecot(tls=True)
    server.start()
    try:
        server.deliver(mails(0, 1))
        port = server.tls_port if scheme == "imaps" else server.port

        async def scenario() -> None:
            url = f"{scheme}://localhost:{port}"
            async with reading(server, tmp_path, imap=url) as here:
                await here.until(lambda: "CERTIFICATE_VERIFY_FAILED" in here.state)
            async with reading(server, tmp_path, imap=url, ca=str(server.certificate)) as here:
                await here.until_read(1)

        asyncio.run(scenario())
        assert "TLS" in server.log
    finally:
        server.remove()


def test_a_mailbox_can_be_tried(dovecot: Dovecot, tmp_path: Path) -> None:
    async def scenario() -> None:
        def now() -> datetime:
            return datetime(2026, 3, 2, tzinfo=UTC)

        bookmarks = MemoryBookmarks()
        (mailbox,) = config(dovecot).mailbox
        dovecot.deliver(mails(0, 3))
        trial = await try_mailbox(mailbox, bookmarks, now)
        assert (trial.mails, trial.waiting, trial.idle, trial.failure) == (3, None, True, None)
        async with reading(dovecot, tmp_path, bookmarks) as here:
            await here.until_read(3)
        dovecot.deliver(mails(3, 5))
        trial = await try_mailbox(mailbox, bookmarks, now)
        assert (trial.mails, trial.waiting, trial.failure) == (5, 2, None)
        wrong = mailbox.model_copy(update={"password": "wrong"})
        assert "refuses to log in" in str((await try_mailbox(wrong, bookmarks, now)).failure)
        lost = mailbox.model_copy(update={"imap": f"{dovecot.url}/Nowhere"})
        assert str((await try_mailbox(lost, bookmarks, now)).failure).startswith("select: ")

    asyncio.run(scenario())


def test_the_command_tells_which_mailboxes_work(dovecot: Dovecot, tmp_path: Path) -> None:
    file = tmp_path / "casestream.toml"
    mailbox = '[[mailbox]]\naddress = "{}"\nimap = "{}"\npassword = "{}"\n'
    works = mailbox.format(dovecot.user, dovecot.url, PASSWORD)
    file.write_text(works, "utf-8")
    dovecot.deliver(mails(0, 2))
    told = CliRunner().invoke(app, ["mailboxes", "--config", str(file), "--data", str(tmp_path)])
    place = f"{dovecot.user}@127.0.0.1/INBOX"
    found = f"{dovecot.user}: works, {place} holds 2 mails, not read yet; the server tells of new mail\n"
    assert (told.exit_code, told.stdout) == (0, found)
    file.write_text(works + mailbox.format("sales@desk.example", dovecot.url, "wrong"), "utf-8")
    told = CliRunner().invoke(app, ["mailboxes", "--config", str(file), "--data", str(tmp_path)])
    assert told.exit_code == 1
    assert "sales@desk.example: FAILS, sales@desk.example@127.0.0.1/INBOX: the server refuses to log in" in told.stdout
    told = CliRunner().invoke(app, ["mailboxes", "--config", str(file), "--data", str(tmp_path), "--json"])
    assert [orjson.loads(line)["mails"] for line in told.stdout.splitlines()] == [2, 0]


def test_a_connector_is_wanted_only_where_a_mailbox_is_read(dovecot: Dovecot) -> None:
    assert "imap" in wanted_connectors(config(dovecot))
    assert "imap" not in wanted_connectors(Config())
