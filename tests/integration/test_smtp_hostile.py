"""Broken and hostile clients at the SMTP port, each with the outcome promised."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from doors import OPENING, SUPPORT, Door, smtp_door

from pipeline.blobs import BlobStore
from pipeline.log import MemoryLog

SMUGGLED = (
    b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\n"
)


def at_the_door(
    scenario: Callable[[Door, MemoryLog], Awaitable[None]], data: Path, free: float = 1.0, **settings: object
) -> MemoryLog:
    log = MemoryLog()

    async def run() -> None:
        async with smtp_door(log, data, free, **settings) as door:
            await scenario(door, log)

    asyncio.run(run())
    return log


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r.\r\n"],
    ids=repr,
)
def test_an_end_of_data_that_is_none_never_makes_two_mails(end: bytes, tmp_path: Path) -> None:
    async def scenario(door: Door, log: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        await client.say(b"Subject: one\r\n\r\none" + end + SMUGGLED)
        replies = await client.rest()
        assert len(replies) == 1, replies
        assert (replies[0][:3] == "250") == (len(log.published) == 1)
        assert replies[0][0] in "25"

    log = at_the_door(scenario, tmp_path)
    assert len(log.published) <= 1


def test_the_dot_split_over_packets_ends_one_mail(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        for byte in b"Subject: split\r\n\r\n..one\r\n.\r\n":
            await client.say(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.hear()).startswith("250")

    assert [envelope.raw for envelope in at_the_door(scenario, tmp_path).published] == [
        b"Subject: split\r\n\r\n.one\r\n"
    ]


@pytest.mark.parametrize("body", [b"a\nb", b"a\rb", b"a\r\r\nb", b"\n", b"\r"], ids=repr)
def test_a_bare_line_end_is_refused_and_the_session_goes_on(body: bytes, tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        assert (await client.ask(body + b"\r\n.\r\n")).startswith("550 5.6.0")
        assert (await client.ask(b"NOOP\r\n")).startswith("250")

    assert not at_the_door(scenario, tmp_path).published


def test_nul_in_a_mail_is_kept(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        assert (await client.ask(b"Subject: a\0b\r\n\r\n\0\r\n.\r\n")).startswith("250")

    assert at_the_door(scenario, tmp_path).published[0].raw.count(b"\0") == 2


@pytest.mark.parametrize(
    ("length", "status"), [(1_001, "250"), (500_000, "250"), (1_100_000, "500"), (10_000_000, "500")]
)
def test_a_long_line_is_taken_up_to_the_limit(length: int, status: str, tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        assert (await client.ask(b"x" * length + b"\r\n.\r\n")).startswith(status)
        assert (await client.ask(b"NOOP\r\n")).startswith("250")

    at_the_door(scenario, tmp_path)


@pytest.mark.parametrize("length", [3_000, 10_000_000])
def test_a_long_command_is_refused_and_the_next_is_heard(length: int, tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        assert (await client.ask(b"EHLO " + b"x" * length + b"\r\n")).startswith("500")
        assert (await client.ask(b"NOOP\r\n")).startswith("250")

    at_the_door(scenario, tmp_path)


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"NOOP a\rb\r\n", b"NOOP a\0b\r\n", b"\r\n", b"\xff\xfe\r\n", b"NO\xc3\xa9P\r\n"]
)
def test_what_is_no_line_of_smtp_is_refused(line: bytes, tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        assert (await client.ask(line)).startswith("500")

    at_the_door(scenario, tmp_path)


def test_idle_connections_are_capped_in_all_and_mail_goes_on(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        first = await door.client()
        await first.begin()
        heard = [await (await door.client()).hear() for _ in range(300)]
        assert [reply[:3] for reply in heard] == ["220"] * 49 + ["421"] * 251
        assert (await first.ask(b"Subject: still\r\n\r\nhere\r\n.\r\n")).startswith("250")

    at_the_door(scenario, tmp_path, max_connections=50)


def test_connections_are_capped_per_address_and_freed_when_they_end(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        clients = [await door.client() for _ in range(3)]
        assert [(await client.hear())[:3] for client in clients] == ["220", "220", "421"]
        assert (await clients[0].ask(b"QUIT\r\n")).startswith("221")
        assert not await clients[0].hear()
        assert (await (await door.client()).hear()).startswith("220")

    at_the_door(scenario, tmp_path, max_connections_per_address=2)


def test_an_idle_client_is_told_421(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        assert [(await client.hear())[:3], (await client.hear())[:3], await client.hear()] == ["220", "421", ""]

    at_the_door(scenario, tmp_path, command_timeout=0.2)


@pytest.mark.parametrize("in_data", [False, True])
def test_a_client_of_one_byte_at_a_time_is_cut(tmp_path: Path, *, in_data: bool) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        if in_data:
            await client.begin()
        else:
            await client.hear()

        async def trickle() -> None:
            while True:
                await client.say(b"x")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        assert (await client.hear()).startswith("421")
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)

    assert not at_the_door(scenario, tmp_path, command_timeout=0.4, data_timeout=0.4).published


def test_of_2000_recipients_100_are_taken(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO client.example\r\n")
        await client.ask(b"MAIL FROM:<>\r\n")
        heard = [(await client.ask(f"RCPT TO:<support+{n}@desk.example>\r\n".encode()))[:3] for n in range(150)]
        assert heard == ["250"] * 100 + ["452"] * 50
        assert (await client.ask(b"DATA\r\n")).startswith("354")
        assert (await client.ask(b"Subject: many\r\n\r\n.\r\n")).startswith("250")

    (envelope,) = at_the_door(scenario, tmp_path).published
    assert envelope.facts["envelopeto"].count(",") == 99


def test_all_of_2000_recipients_in_one_packet_are_answered(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.say(b"EHLO c.example\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<support@desk.example>\r\n" * 2000)
        replies = [reply[:3] for reply in await client.rest()]
        assert replies.count("250") == 102
        assert replies.count("452") + replies.count("421") >= 100

    at_the_door(scenario, tmp_path)


def test_pipelined_commands_are_all_answered_in_order(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.say(OPENING + b"Subject: a\r\n\r\na\r\n.\r\n" + SMUGGLED + b"QUIT\r\n")
        replies = [reply[:3] for reply in await client.rest()]
        assert replies == ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]

    assert len(at_the_door(scenario, tmp_path).published) == 2


def test_without_a_certificate_starttls_is_refused_and_nothing_is_run_in_tls(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.say(b"EHLO c.example\r\nSTARTTLS\r\nNOOP\r\n")
        assert [reply[:3] for reply in await client.rest()] == ["220", "250", "454", "250"]

    at_the_door(scenario, tmp_path)


def test_mail_in_utf8_is_taken_as_it_is(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO c.example\r\n")
        sender = "MAIL FROM:<jürgen@bücher.example> SMTPUTF8 BODY=8BITMIME\r\n".encode()
        assert (await client.ask(sender)).startswith("250")
        assert (await client.ask(f"RCPT TO:<{SUPPORT}>\r\n".encode())).startswith("250")
        assert (await client.ask(b"BDAT 5 LAST\r\n")).startswith("500")
        assert (await client.ask(b"DATA\r\n")).startswith("354")
        assert (await client.ask("Subject: Größe\r\n\r\ngrün\r\n.\r\n".encode())).startswith("250")

    (envelope,) = at_the_door(scenario, tmp_path).published
    assert envelope.raw == "Subject: Größe\r\n\r\ngrün\r\n".encode()
    assert envelope.facts["envelopefrom"] == "jürgen@bücher.example"


def test_too_large_is_refused_when_announced(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO c.example\r\n")
        assert (await client.ask(b"MAIL FROM:<a@c.example> SIZE=25000000\r\n")).startswith("552")

    at_the_door(scenario, tmp_path)


def test_a_size_that_lies_is_refused_after_data(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO c.example\r\n")
        await client.ask(b"MAIL FROM:<a@c.example> SIZE=1000\r\n")
        await client.ask(f"RCPT TO:<{SUPPORT}>\r\n".encode())
        await client.ask(b"DATA\r\n")
        assert (await client.ask((b"x" * 998 + b"\r\n") * 250 + b".\r\n")).startswith("552")
        assert (await client.ask(b"NOOP\r\n")).startswith("250")

    assert not at_the_door(scenario, tmp_path).published


def test_data_without_end_is_cut(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()

        async def flood() -> None:
            while True:
                await client.say(b"x" * 998 + b"\r\n")

        flooding = asyncio.create_task(flood())
        assert (await client.hear()).startswith("552")
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)

    at_the_door(scenario, tmp_path, max_size=65536)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("support@desk.example", "250"),
        ("SUPPORT@Desk.Example", "250"),
        ("help+x.y@desk.example", "250"),
        ("list@groups.example", "250"),
        ("postmaster@desk.example", "250"),
        ("postmaster", "250"),
        ("nobody@desk.example", "550"),
        ("support@foreign.example", "550"),
        ("support%foreign.example@desk.example", "550"),
        ("@desk.example:support@foreign.example", "550"),
        ('"support@desk.example"@foreign.example', "550"),
        ("+x@desk.example", "550"),
        ("a" * 300 + "@desk.example", "550"),
        ("(" * 1000, "553"),
    ],
)
def test_only_our_own_addresses_are_taken(address: str, status: str, tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO c.example\r\n")
        await client.ask(b"MAIL FROM:<a@c.example>\r\n")
        reply = await client.ask(f"RCPT TO:<{address}>\r\n".encode())
        assert reply[:3] in {status, "553"} if status == "550" else reply.startswith(status), reply

    at_the_door(scenario, tmp_path)


def test_the_null_sender_is_accepted(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.say(OPENING.replace(b"ana@client.example", b"") + b"Subject: bounce\r\n\r\n.\r\n")
        assert (await client.rest())[-1].startswith("250")

    (envelope,) = at_the_door(scenario, tmp_path).published
    assert envelope.facts["envelopefrom"] == ""


def test_helo_comes_first_and_nobody_learns_who_exists(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.hear()
        assert (await client.ask(b"MAIL FROM:<a@c.example>\r\n")).startswith("503")
        assert await client.ask(f"VRFY {SUPPORT}\r\n".encode()) == await client.ask(b"VRFY nobody\r\n")
        assert (await client.ask(b"EXPN all\r\n")).startswith("502")

    at_the_door(scenario, tmp_path)


def test_a_large_mail_lies_in_the_blob_store(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        assert (await client.ask((b"x" * 98 + b"\r\n") * 3000 + b".\r\n")).startswith("250")

    (envelope,) = at_the_door(scenario, tmp_path).published
    assert (envelope.raw, len(BlobStore(tmp_path).get(envelope.dataref or ""))) == (b"", 300_000)


def test_a_disk_nearly_full_puts_senders_off(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.begin()
        assert (await client.ask(b"Subject: a\r\n\r\n.\r\n")).startswith("451")

    assert not at_the_door(scenario, tmp_path, free=0.1).published


def test_endless_small_talk_is_ended(tmp_path: Path) -> None:
    async def scenario(door: Door, _: MemoryLog) -> None:
        client = await door.client()
        await client.say(b"NOOP\r\n" * 500)
        assert (await client.rest())[-1].startswith("421")

    at_the_door(scenario, tmp_path)
