"""Whatever we send, in whatever language, an answer to it by whatever program comes back to its case."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest
from desk import HOUR
from dovecot import PASSWORD, Dovecot, installed
from imapclient import IMAPClient
from mail_clients import CLIENTS, outlook
from mime_lint import faults
from posting import DAY, MINUTE, SUPPORT, PostingDesk, a_mail, read

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.email_imap import ImapConnector
from pipeline.connectors.imap_mailbox import Pace
from pipeline.connectors.space import FreeSpace
from pipeline.dispatch.mail.words import LANGUAGES
from pipeline.domain.orders import Assign, Reply
from pipeline.log import MemoryLog
from pipeline.store.bookmarks import MemoryBookmarks
from pipeline.store.outbound_ports import NewMail

pytestmark = pytest.mark.integration

NOW = HOUR + MINUTE
KINDS = ("acknowledgement", "reply", "waiting_reminder", "article")
THINGS = ("paper", "toner", "noise", "light", "smell", "smoke", "tray", "cable", "driver", "colour", "paint", "fuse",
          "switch", "lamp", "roller", "glass", "cover", "screw", "label", "handle", "wheel", "spring", "valve",
          "filter")  # fmt: skip
ACKNOWLEDGING = "acknowledge = true\n[mail]\nconnections = 1\n"


async def write_to_everybody(desk: PostingDesk) -> dict[str, int]:
    """A case in each language for each kind of mail, and that mail sent; the cases by who got it."""
    cases: dict[str, int] = {}
    for thing, (language, kind) in zip(THINGS, ((one, kind) for one in LANGUAGES for kind in KINDS), strict=True):
        customer = f"{kind}.{language}@{thing}.example"
        to = "sales@desk.example" if kind == "acknowledgement" else SUPPORT
        raw = a_mail(thing, sender=customer, headers=f"Content-Language: {language}", text=f"The {thing} is broken.")
        became = await desk.receive(raw.replace(SUPPORT.encode(), to.encode()), to=to, by=customer)
        cases[customer] = became["number"]
        case = await desk.case(became["number"])
        if kind == "reply":
            await desk.do(case.number, Reply(text="Turn it on."))
        elif kind != "acknowledgement":
            await desk.post(
                NewMail(to=customer, template=kind, subject="About it", body="Text.", at=HOUR, case=case,
                        values={"title": "How to", "closes_at": "2026-03-12T09:00:00+00:00"})
            )  # fmt: skip
    await desk.send(NOW)
    return cases


@pytest.mark.skipif(not installed(), reason="Debian's dovecot-imapd is not installed")
def test_answers_by_real_programs_over_imap_come_back_to_their_cases(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    dovecot = Dovecot()
    dovecot.start()

    async def story() -> None:
        desk = PostingDesk(tmp_path / "desk", new_database(), more=ACKNOWLEDGING)
        try:
            cases = await write_to_everybody(desk)
            assert len(desk.sent) == len(cases) == len(KINDS) * len(LANGUAGES)
            assert [fault for raw in desk.sent for fault in faults(raw)] == []
            assert {read(raw)["Content-Language"] for raw in desk.sent} == set(LANGUAGES)
            dovecot.deliver(desk.sent)
            fetched = await asyncio.to_thread(_fetch, dovecot)
            assert sorted(fetched) == sorted(desk.sent)
            dovecot.empty()
            programs = cycle(CLIENTS.items())
            for number, raw in enumerate(fetched):
                name, client = next(programs)
                text = f"The {THINGS[number]} it is, says {name}."
                dovecot.deliver([client(read(raw), text, f"<answer-{number}@programs.example>")])
            answers = await _read_by_our_connector(dovecot, tmp_path, len(fetched))
            wrong = []
            for raw in answers:
                customer = str(read(raw)["From"].addresses[0].addr_spec)
                became = await desk.receive(raw, at=HOUR + DAY, by=customer)
                if (became["outcome"], became["number"]) != ("appended", cases[customer]):
                    wrong.append((customer, became["outcome"], became["reason"]))
            assert wrong == []
        finally:
            await desk.close()

    try:
        asyncio.run(story())
    finally:
        dovecot.remove()


def _fetch(dovecot: Dovecot) -> list[bytes]:
    """All mails of the mailbox, as a customer's program gets them."""
    with IMAPClient("127.0.0.1", dovecot.port, ssl=False) as client:
        client.plain_login(dovecot.user, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        return [found[b"BODY[]"] for found in client.fetch(client.search(), ["BODY.PEEK[]"]).values()]


async def _read_by_our_connector(dovecot: Dovecot, folder: Path, count: int) -> list[bytes]:
    log = MemoryLog()
    own = {"address": dovecot.user, "imap": dovecot.url, "password": PASSWORD}
    config = Config.model_validate({"mailbox": [own]})
    publisher = Publisher(log, BlobStore(folder / "blobs"), FreeSpace(folder, 0.0))
    connector = ImapConnector(config, publisher, MemoryBookmarks(), pace=Pace(retry=(0.05, 0.5), login=(0.05, 0.5)))
    await connector.start()
    deadline = time.monotonic() + 20
    while len(log.published) < count:
        assert time.monotonic() < deadline, f"{len(log.published)} of {count} read"
        await asyncio.sleep(0.01)
    await connector.stop()
    return [envelope.raw for envelope in log.published]


def test_an_agent_who_answers_a_warning_answers_the_customer(tmp_path: Path, new_database: Callable[[], str]) -> None:
    async def story() -> None:
        desk = PostingDesk(tmp_path / "desk", new_database())
        try:
            desk.add_agent("rui", "rui@desk.example")
            number = (await desk.receive(a_mail("m1")))["number"]
            await desk.do(number, Assign("rui"))
            case = await desk.case(number)
            values = {"kpi": "first_response", "sla": "Gold", "title": "m1", "deadline": "2026-03-02T11:00:00+01:00"}
            await desk.post(
                NewMail(to="owner", template="sla_warned", subject="s", body="b", at=HOUR, case=case, values=values)
            )
            await desk.send(NOW)
            [warning] = desk.sent
            assert faults(warning) == []
            answer = outlook(read(warning), "It is on its way.", "<from-rui@desk.example>")
            auth = "dmarc=pass"
            became = await desk.receive(answer, at=NOW + MINUTE, auth=auth, by="rui@desk.example")
            assert (became["outcome"], became["number"]) == ("appended", number)
            await desk.send(NOW + 2 * MINUTE)
            assert str(read(desk.sent[-1])["To"]) == "ana@client.example"
        finally:
            await desk.close()

    asyncio.run(story())


OTHER = """
[desk]
domain = "cases.other.example"
secret = "the-secret-of-the-other-desk"
[[mailbox]]
address = "help@other.example"
"""


@pytest.mark.parametrize("headers_arrive", [True, False], ids=["as sent", "headers stripped on the way"])
def test_two_desks_that_answer_each_other_by_themselves_stop(
    tmp_path: Path, new_database: Callable[[], str], *, headers_arrive: bool
) -> None:
    async def story() -> None:
        ours = PostingDesk(tmp_path / "ours", new_database(), more=ACKNOWLEDGING)
        theirs = PostingDesk(tmp_path / "theirs", new_database(), more=ACKNOWLEDGING, text=OTHER)
        try:
            first = a_mail("m1", sender="help@other.example").replace(SUPPORT.encode(), b"sales@desk.example")
            await ours.receive(first, to="sales@desk.example", by="help@other.example")
            travelled, at, from_to = 0, NOW, (ours, theirs)
            for _ in range(20):
                sender, receiver = from_to
                before = len(sender.sent)
                await sender.send(at)
                for raw in sender.sent[before:]:
                    travelled += 1
                    arrived = raw if headers_arrive else _stripped(raw)
                    to = str(read(raw)["To"])
                    await receiver.receive(arrived, at=at, to=to, by="" if headers_arrive else str(read(raw)["From"]))
                at, from_to = at + timedelta(seconds=30), (receiver, sender)
            assert travelled == (1 if headers_arrive else 2)
        finally:
            await ours.close()
            await theirs.close()

    asyncio.run(story())


def _stripped(raw: bytes) -> bytes:
    """As a gateway hands it on that keeps only what it knows."""
    head, _, body = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.startswith((b"Auto-Submitted", b"X-"))]
    return b"\r\n".join([*kept, b"", body])
