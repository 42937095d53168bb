"""Servers that break, lie or fall silent: nothing is lost or doubled, the state says why, the others go on."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from desk import HOUR
from imap_standin import Script, Session, Standin, as_usual

from pipeline.agents.batch import Incoming
from pipeline.agents.reading.record import Reader
from pipeline.agents.rules import compile_rules
from pipeline.api.app import create_app
from pipeline.app import build_monitor
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.config.channels import Mailbox
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.email_imap import ImapConnector
from pipeline.connectors.imap_drain import LISTED
from pipeline.connectors.imap_mailbox import Pace
from pipeline.connectors.imap_wire import Patience
from pipeline.connectors.space import FreeSpace
from pipeline.errors import Retry
from pipeline.log import MemoryLog
from pipeline.store.bookmarks import MemoryBookmarks, Place
from pipeline.wire import Envelope, Record

QUICK = Pace(retry=(0.01, 0.05), login=(0.01, 0.05), patience=Patience(connect=2.0, silence=0.4, answer=1.0))
ADDRESS = "support@desk.example"


def mail(name: str, text: str = "It does not print.") -> bytes:
    return f"From: ana@client.example\r\nMessage-ID: <{name}@client.example>\r\n\r\n{text}\r\n".encode()


def holding(*names: str, script: Script = as_usual) -> Standin:
    """A server in whose inbox these mails lie."""
    server = Standin(script)
    for name in names:
        server.inbox.add(mail(name))
    return server


class TellingLog(MemoryLog):
    """A log whose mails the test can wait for."""

    def __init__(self, server: Standin) -> None:
        super().__init__()
        self._server = server

    async def publish(self, envelope: Envelope) -> None:
        await super().publish(envelope)
        await self._server.notify()

    @property
    def names(self) -> list[str]:
        return [envelope.id.strip("<>").partition("@")[0] for envelope in self.published]


@dataclass
class Desk:
    """One server, and a desk that reads it."""

    server: Standin
    connector: ImapConnector
    log: TellingLog
    bookmarks: MemoryBookmarks

    @property
    def health(self) -> Health:
        return self.connector.mailboxes[ADDRESS]

    async def until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        """Wait for what the server or the log shows; the state changes only after something of these did."""
        async with asyncio.timeout(within):
            while not condition():
                await self.server.until_changed(0.05)

    async def until_named(self, names: Iterable[str]) -> None:
        await self.until(lambda: set(self.log.names) >= set(names))

    async def until_idle(self) -> None:
        await self.until(lambda: self.health.state == "waiting for mail")


async def monitored(connector: ImapConnector) -> Any:  # noqa: ANN401  # JSON
    """What people are told who ask how it fares."""
    router = build_monitor(Config(), lambda: {"imap": connector.health})
    transport = httpx.ASGITransport(create_app([router]))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        return (await client.get("/health")).json()


@asynccontextmanager
async def desk(
    folder: Path,
    script: Script = as_usual,
    *,
    server: Standin | None = None,
    bookmarks: MemoryBookmarks | None = None,
    more: Iterable[dict[str, object]] = (),
    pace: Pace = QUICK,
    host: str = "127.0.0.1",
    **settings: object,
) -> AsyncIterator[Desk]:
    server = server or Standin(script)
    port = await server.start(host)
    own: dict[str, object] = {
        "address": ADDRESS,
        "imap": f"imap://{host}:{port}",
        "password": server.password,
        "poll_seconds": 1,
        **settings,
    }
    config = Config.model_validate({"mailbox": [own, *more]})
    log, kept = TellingLog(server), bookmarks or MemoryBookmarks()
    connector = ImapConnector(config, Publisher(log, BlobStore(folder), FreeSpace(folder, 0.0)), kept, pace=pace)
    await connector.start()
    try:
        yield Desk(server, connector, log, kept)
    finally:
        await connector.stop()
        await server.stop()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Within the bounds of every hostile input; the memory is what came on top, of the whole test process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asyncio.run(scenario())  # type: ignore[arg-type]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200


def test_a_new_uidvalidity_has_the_folder_read_again_under_the_same_ids(tmp_path: Path) -> None:
    nameless = b"From: ana@client.example\r\n\r\nno id, no date\r\n"

    async def scenario() -> None:
        server = holding("one")
        server.inbox.add(nameless)
        async with desk(tmp_path, server=server) as here:
            await here.until(lambda: len(here.log.published) == 2)
            await here.until_idle()
            inbox = server.inbox
            inbox.uidvalidity, inbox.uidnext = 8, 1
            raws = [found.raw for found in inbox.mails.values()]
            inbox.mails.clear()
            for raw in (mail("before them"), *raws):
                inbox.add(raw)
            for session in server.sessions:
                session.cut()
            await here.until(lambda: len(here.log.published) == 5)
            first, second = here.log.published[:2], here.log.published[3:]
            assert [envelope.id for envelope in first] == [envelope.id for envelope in second]
            assert [envelope.key for envelope in first] == [envelope.key for envelope in second]
            await here.until_idle()
            assert (await here.bookmarks.places("imap/")).popitem()[1] == {
                "uidvalidity": 8,
                "uid": 3,
                "floor": 0,
                "since": None,
            }

    run(scenario)


def test_mails_from_before_we_began_are_not_taken_when_the_folder_is_read_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = Standin()
        server.inbox.add(mail("years ago"), arrived="01-Jan-2020 00:00:00 +0000")
        today = datetime.now(UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
        async with desk(tmp_path, server=server, first_read="new") as here:
            await here.until_idle()
            server.inbox.add(mail("today"), arrived=today)
            await here.until_named(["today"])
            await here.until_idle()
            server.inbox.uidvalidity = 8
            for session in server.sessions:
                session.cut()
            await here.until(lambda: len(here.log.published) == 2)
            await here.until_idle()
            assert here.log.names == ["today", "today"]

    run(scenario)


def test_a_uidnext_that_went_back_loses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        bookmarks = MemoryBookmarks()
        server = Standin()
        server.inbox.uidnext = 100
        server.inbox.add(mail("old"))
        async with desk(tmp_path, server=server, bookmarks=bookmarks) as here:
            await here.until_named(["old"])
            await here.until_idle()
        restored = Standin()
        restored.inbox.add(mail("new"))
        async with desk(tmp_path, server=restored, bookmarks=bookmarks) as here:
            await here.until_named(["new"])

    run(scenario)


def test_a_mail_that_is_expunged_while_we_read_is_let_go(tmp_path: Path) -> None:
    async def expunged(session: Session, _tag: str, verb: str, rest: str) -> bool:
        if verb == "UID FETCH" and "BODY" in rest and 2 in session.folder.mails:
            del session.folder.mails[2]
            session.say("* 2 EXPUNGE")
        return False

    async def scenario() -> None:
        async with desk(tmp_path, server=holding("one", "two", "three", script=expunged)) as here:
            await here.until_named(["one", "three"])
            await here.until_idle()
            assert here.log.names == ["one", "three"]
            assert here.health.refused == {"gone before it was read": 1}
            assert here.health.lag == 0

    run(scenario)


def _without_body(session: Session, tag: str, uid: str, answer: str) -> bool:
    session.say(f"* {uid} FETCH (UID {uid}{answer})")
    session.say(f"{tag} OK done")
    return True


@pytest.mark.parametrize("answer", ["", " BODY[] NIL", ' BODY[] ""', r" FLAGS (\Seen)"])
def test_a_mail_whose_body_never_comes_is_noted_and_holds_nobody_up(tmp_path: Path, answer: str) -> None:
    async def bodyless(session: Session, tag: str, verb: str, rest: str) -> bool:
        if verb == "UID FETCH" and "BODY.PEEK[]" in rest and "2" in rest.partition(" ")[0].split(","):
            return _without_body(session, tag, "2", answer)
        return False

    async def scenario() -> None:
        async with desk(tmp_path, server=holding("one", "two", "three", script=bodyless)) as here:
            await here.until_named(["one", "two", "three"])
            await here.until_idle()
            assert here.log.names == ["one", "two", "three"]
            note = here.log.published[1]
            assert note.facts["quarantine"].startswith("its server did not hand it out")
            assert b"It does not print" not in note.raw
            assert read(note).quarantine == note.facts["quarantine"]

    run(scenario)


def read(envelope: Envelope) -> Incoming:
    """As intake reads it."""
    config = Config.model_validate({"desk": {"secret": "a-secret-of-the-test-desk"}, "mailbox": [{"address": ADDRESS}]})
    record = Record("inbound.email", 0, 0, envelope.key.encode(), envelope.raw, tuple(envelope.headers()))
    incoming = Reader(compile_rules(config), BlobStore(Path("unused"))).read(record)
    assert isinstance(incoming, Incoming)
    return incoming


def test_a_mail_that_is_too_large_is_quarantined_by_its_header_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = Standin()
        server.inbox.add(mail("huge"), size=5_000_000_000)
        server.inbox.add(mail("usual"))
        async with desk(tmp_path, server=server, settle="move:Done") as here:
            await here.until_named(["huge", "usual"])
            await here.until_idle()
            note = here.log.published[0]
            assert note.facts["quarantine"] == (
                "its 5,000,000,000 bytes are more than max_size, 26,214,400; "
                f"the whole mail lies in Done of {ADDRESS} at 127.0.0.1"
            )
            assert (read(note).sender, read(note).text) == ("ana@client.example", "")
            assert not any("BODY.PEEK[]" in said and " 1 " in said for said in server.said)
            assert not server.inbox.mails
            assert here.log.names == ["huge", "usual"]

    run(scenario)


def test_a_literal_of_5_gb_that_was_not_announced_is_never_read(tmp_path: Path) -> None:
    async def lying(session: Session, _tag: str, verb: str, rest: str) -> bool:
        if verb == "UID FETCH" and "BODY.PEEK[]" in rest and "2" in rest.partition(" ")[0].split(","):
            session.writer.write(b"* 2 FETCH (UID 2 BODY[] {5000000000}\r\n" + b"x" * 100_000)
            return True
        return False

    async def scenario() -> None:
        async with desk(tmp_path, server=holding("one", "two", "three", script=lying)) as here:
            await here.until_named(["one", "two", "three"])
            await here.until_idle()
            assert here.log.names == ["one", "two", "three"]
            assert "did not hand it out as it said" in here.log.published[1].facts["quarantine"]

    run(scenario)


def test_a_cut_in_the_middle_of_a_mail_costs_a_new_connection(tmp_path: Path) -> None:
    cuts = iter([True, True, False])

    async def cutting(session: Session, _tag: str, verb: str, rest: str) -> bool:
        if verb == "UID FETCH" and "BODY.PEEK[]" in rest and next(cuts, False):
            session.writer.write(b"* 1 FETCH (UID 1 BODY[] {1000}\r\nFrom: ana@cl")
            await session.writer.drain()
            session.cut()
            return True
        return False

    async def scenario() -> None:
        server = holding(*map(str, range(70)), script=cutting)
        async with desk(tmp_path, server=server) as here:
            await here.until(lambda: len(here.log.published) == 70)
            await here.until_idle()
            assert here.log.names == [str(number) for number in range(70)]
            assert server.logins == 3

    run(scenario)


def test_a_mail_that_breaks_every_connection_is_noted_without_anything_of_it(tmp_path: Path) -> None:
    async def breaking(session: Session, _tag: str, verb: str, rest: str) -> bool:
        if verb == "UID FETCH" and "BODY" in rest and "2" in rest.partition(" ")[0].split(","):
            session.cut()
            return True
        return False

    async def scenario() -> None:
        async with desk(tmp_path, server=holding("one", "two", "three", script=breaking)) as here:
            await here.until_named(["one", "three"])
            await here.until_idle()
            first, note, last = here.log.published
            assert (note.raw, note.id[:7]) == (b"", "sha256:")
            assert read(note).quarantine
            assert "quarantine" not in {*first.facts, *last.facts}

    run(scenario)


def test_a_server_that_tells_nothing_in_idle_is_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as here:
            await here.until_idle()
            here.server.inbox.add(mail("untold"))
            await here.until_named(["untold"])

    run(scenario)


def test_a_server_without_idle_is_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, server=Standin(capabilities="IMAP4rev1")) as here:
            await here.until_idle()
            here.server.inbox.add(mail("untold"))
            await here.until_named(["untold"])
            await here.until_idle()
            assert not any("IDLE" in said for said in here.server.said)

    run(scenario)


@pytest.mark.parametrize("at", ["IDLE", "UID SEARCH", "UID FETCH", "UID STORE", "SELECT", "CAPABILITY"])
def test_a_server_that_falls_silent_is_left(tmp_path: Path, at: str) -> None:
    silent = iter([True])

    async def silence(_session: Session, _tag: str, verb: str, _rest: str) -> bool:
        return verb == at and next(silent, False)

    async def scenario() -> None:
        async with desk(tmp_path, server=Standin(silence, "IMAP4rev1 IDLE" if at != "CAPABILITY" else "X")) as here:
            if at == "CAPABILITY":
                here.server.capabilities = "IMAP4rev1"
            here.server.inbox.add(mail("one"))
            await here.until_named(["one"])
            await here.until_idle()
            assert set(here.log.names) == {"one"}

    run(scenario)


def test_a_dead_peer_is_noticed_within_90_seconds() -> None:
    longest = Mailbox.model_fields["poll_seconds"].default + Pace().patience.silence
    assert longest <= 90
    assert max(Pace().patience.connect, Pace().patience.answer) <= 90


def test_a_server_that_sends_a_byte_now_and_then_is_left(tmp_path: Path) -> None:
    async def trickle(session: Session, _tag: str, verb: str, _rest: str) -> bool:
        if verb != "UID SEARCH" or session.server.logins > 1:
            return False
        loop = asyncio.get_running_loop()

        def next_byte() -> None:
            if not session.writer.transport.is_closing():
                session.writer.write(b"*")
                loop.call_later(0.1, next_byte)

        next_byte()
        return True

    async def scenario() -> None:
        async with desk(tmp_path, trickle) as here:
            here.server.inbox.add(mail("one"))
            began = time.monotonic()
            await here.until_named(["one"])
            assert time.monotonic() - began < 5

    run(scenario)


@pytest.mark.parametrize("at", ["IDLE", "UID SEARCH", "UID FETCH", "UID STORE", "SELECT", "LOGIN"])
def test_a_goodbye_is_followed_by_a_new_connection(tmp_path: Path, at: str) -> None:
    goodbyes = iter([True])

    async def goodbye(session: Session, _tag: str, verb: str, _rest: str) -> bool:
        if verb == at and next(goodbyes, False):
            session.say("* BYE the server goes down")
            await session.writer.drain()
            session.writer.close()
            return True
        return False

    async def scenario() -> None:
        async with desk(tmp_path, goodbye) as here:
            here.server.inbox.add(mail("one"))
            await here.until_named(["one"])
            await here.until_idle()
            here.server.inbox.add(mail("two"))
            await here.until_named(["two"])
            assert here.server.logins >= (1 if at == "LOGIN" else 2)

    run(scenario)


def test_what_a_server_says_unasked_changes_nothing(tmp_path: Path) -> None:
    async def chatter(session: Session, tag: str, verb: str, _rest: str) -> bool:
        if verb in {"UID FETCH", "UID SEARCH", "UID STORE", "NOOP"}:
            for line in (
                "* 5000 EXISTS",
                "* 0 RECENT",
                r"* 1 FETCH (FLAGS (\Seen $Junk))",
                r"* 2 FETCH (UID 2 FLAGS (\Answered))",
                r"* 9999 FETCH (UID 9999 FLAGS () MODSEQ (12))",
                "* OK [ALERT] the quota is nearly used up",
                "* NO a warning",
                r"* FLAGS (\Seen)",
                '* LIST () "/" Other',
                "* STATUS Other (MESSAGES 3)",
            ):
                session.say(line)
        if verb == "IDLE":
            session.writer.write(b"+ idling\r\n* OK still here\r\n* 2 EXISTS\r\n")
            session.idling = tag
            return True
        return False

    async def scenario() -> None:
        async with desk(tmp_path, server=holding("one", "two", script=chatter)) as here:
            await here.until_named(["one", "two"])
            await here.until_idle()
            await here.server.deliver(mail("three"))
            await here.until_named(["three"])
            assert here.log.names == ["one", "two", "three"]
            assert here.server.logins == 1

    run(scenario)


@pytest.mark.parametrize(
    "line",
    [
        b"* 1 FETCH (UID 1 RFC822.SIZE " + b"(" * 20_000 + b"\r\n",
        b"* 1 FETCH (UID one RFC822.SIZE two)\r\n",
        b"* 1 FETCH (UID 1 RFC822.SIZE)\r\n",
        b"\xff\xfe\x00 what\r\n",
        b"* 1 FETCH (UID 1 BODY (1 2 3) RFC822.SIZE 99999999999999999999999)\r\n",
        b"* SEARCH one two\r\n",
        b"X1 OK whose tag?\r\n",
        b"x" * 20_000_000,
        b"* OK noise\r\n" * 1_000_000,
    ],
    ids=lambda line: repr(line[:24]),
)
def test_nonsense_costs_a_new_connection(tmp_path: Path, line: bytes) -> None:
    async def nonsense(session: Session, tag: str, verb: str, _rest: str) -> bool:
        if session.server.logins == 1 and verb == "UID FETCH":
            session.writer.write(line)
            session.say(f"{tag} OK")
            return True
        return False

    async def scenario() -> None:
        async with desk(tmp_path, nonsense) as here:
            here.server.inbox.add(mail("one"))
            await here.until_named(["one"])
            await here.until_idle()
            assert set(here.log.names) == {"one"}

    run(scenario)


def test_a_folder_that_vanished_is_told_and_read_when_it_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as here:
            await here.until_idle()
            gone = here.server.folders.pop("INBOX")
            for session in here.server.sessions:
                session.cut()
            await here.until(lambda: here.health.state.startswith("select: "))
            assert "NONEXISTENT" in here.health.state
            here.server.folders["INBOX"] = gone
            gone.uidvalidity = 9
            gone.add(mail("after"))
            await here.until_named(["after"])

    run(scenario)


def test_a_login_that_is_refused_is_told_and_holds_nobody_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = Standin()
        port = await other.start()
        other.inbox.add(mail("other"))
        second = {"address": "sales@desk.example", "imap": f"imap://127.0.0.1:{port}", "password": other.password}
        async with desk(tmp_path, more=[second], password="wrong") as here:
            here.server.inbox.add(mail("one"))
            await here.until(lambda: "refuses to log in" in here.health.state)
            assert "next try in" in here.health.state
            shown = await monitored(here.connector)
            assert "refuses to log in" in shown["imap"]["sources"][ADDRESS]["state"]
            await here.until_named(["other"])
            assert here.connector.health.published == 1
            here.server.password = "wrong"
            await here.until_named(["one"])
        await other.stop()

    run(scenario)


def test_a_server_that_cannot_check_a_password_now_is_soon_asked_again(tmp_path: Path) -> None:
    busy = iter([True, True])

    async def unavailable(session: Session, tag: str, verb: str, _rest: str) -> bool:
        if verb == "LOGIN" and next(busy, False):
            session.say(f"{tag} NO [UNAVAILABLE] the directory is away")
            return True
        return False

    async def scenario() -> None:
        slow = Pace(retry=QUICK.retry, login=(100.0, 100.0), patience=QUICK.patience)
        async with desk(tmp_path, unavailable, pace=slow) as here:
            here.server.inbox.add(mail("one"))
            await here.until_named(["one"])

    run(scenario)


def test_a_secret_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, password="env:NOT_SET_ANYWHERE") as here:
            await here.until(lambda: "NOT_SET_ANYWHERE is not set" in here.health.state)
            assert here.server.logins == 0

    run(scenario)


@pytest.mark.parametrize("settle", ["seen", "flag", "move:Done"])
def test_a_server_that_does_not_settle_is_told_and_the_mail_is_a_case_once(tmp_path: Path, settle: str) -> None:
    async def read_only(session: Session, tag: str, verb: str, _rest: str) -> bool:
        if verb in {"UID STORE", "UID MOVE", "CREATE"}:
            session.say(f"{tag} NO [NOPERM] look, do not touch")
            return True
        return False

    async def scenario() -> None:
        server = holding("one", script=read_only)
        async with desk(tmp_path, server=server, settle=settle) as here:
            await here.until(lambda: here.health.state.startswith("waiting for mail; the server does not do settle"))
            await server.deliver(mail("two"))
            await here.until_named(["two"])
            await here.until(lambda: here.health.refused["settling"] >= 2)
            assert here.log.names == ["one", "two"]

    run(scenario)


def test_without_move_it_is_copied_and_expunged(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = Standin(capabilities="IMAP4rev1 IDLE UIDPLUS")
        server.inbox.add(mail("one"))
        async with desk(tmp_path, server=server, settle="move:Done") as here:
            await here.until_idle()
            assert here.log.names == ["one"]
            assert not server.inbox.mails
            assert len(server.folders["Done"].mails) == 1

    run(scenario)


def test_a_mail_that_is_kept_is_never_touched(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = holding("one")
        async with desk(tmp_path, server=server, settle="keep") as here:
            await here.until_idle()
            assert here.log.names == ["one"]
            assert not any(said.startswith(("SELECT", "UID STORE")) for said in server.said)

    run(scenario)


def test_nothing_is_read_while_it_is_not_known_where_to_go_on(tmp_path: Path) -> None:
    class Away(MemoryBookmarks):
        away = True

        async def places(self, prefix: str) -> dict[str, Place]:
            if self.away:
                raise Retry("PostgreSQL is away")
            return dict(await super().places(prefix))

    async def scenario() -> None:
        bookmarks = Away()
        server = holding("one")
        async with desk(tmp_path, server=server, bookmarks=bookmarks) as here:
            await here.until(lambda: here.health.state.startswith("PostgreSQL is away"))
            assert server.logins == 0
            bookmarks.away = False
            await here.until_named(["one"])

    run(scenario)


def test_a_token_that_is_refused_is_told_with_the_words_of_the_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, password=None, oauth={"access_token": "stale"}) as here:
            await here.until(lambda: "https://mail.example/" in here.health.state)

    run(scenario)


def test_a_token_opens_the_mailbox(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, password=None, oauth={"access_token": "a-token"}) as here:
            here.server.inbox.add(mail("one"))
            await here.until_named(["one"])

    run(scenario)


def test_the_verdict_of_our_own_server_is_taken_to_intake(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = Standin()
        server.inbox.add(
            b"Authentication-Results: mx.desk.example; dmarc=pass (p=reject) header.from=x\r\n" + mail("a")
        )
        async with desk(tmp_path, server=server, authserv="mx.desk.example") as here:
            await here.until_named(["a"])
            assert read(here.log.published[0]).standing == "proven"
            assert here.log.published[0].time > HOUR

    run(scenario)


def test_a_password_is_not_sent_in_the_clear_to_another_machine(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = Standin(capabilities="IMAP4rev1 LOGINDISABLED")
        async with desk(tmp_path, server=server, host="127.0.0.2") as here:
            await here.until(lambda: "offers no STARTTLS" in here.health.state)
            assert server.logins == 0

    run(scenario)


def test_a_server_that_only_knows_login_is_spared_what_it_cannot_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, password="öffne dich") as here:
            await here.until(lambda: "takes only ASCII" in here.health.state)
            assert here.server.logins == 0

    run(scenario)


def test_thousands_of_mails_that_cannot_be_moved_are_all_read_once(tmp_path: Path) -> None:
    async def immovable(session: Session, tag: str, verb: str, _rest: str) -> bool:
        if verb in {"UID MOVE", "CREATE"}:
            session.say(f"{tag} NO [NOPERM]")
            return True
        return False

    async def scenario() -> None:
        server = holding(*map(str, range(LISTED + 100)), script=immovable)
        async with desk(tmp_path, server=server, settle="move:Done") as here:
            await here.until(lambda: len(here.log.published) >= LISTED + 100, within=60)
            await here.until(lambda: here.health.state.startswith("waiting for mail; "), within=60)
            assert len(here.log.names) == len(set(here.log.names)) == LISTED + 100

    run(scenario)
