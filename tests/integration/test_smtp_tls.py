"""Mail over TLS, over LMTP, and from behind a proxy, through the real ports."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from doors import OPENING, SUPPORT, Client, Door, smtp_door

from pipeline.connectors.rate import RateLimit
from pipeline.connectors.smtp_entrances import Entrance
from pipeline.connectors.smtp_tls import ShownCertificate
from pipeline.errors import Stop
from pipeline.log import MemoryLog

AUTHORITY = trustme.CA()
MAIL = "From: ana@client.example\r\nSubject: hello\r\n\r\nhello\r\n"
MARKS = b"Subject: one\r\n\r\none\r\n.\r\n"


def issue(folder: Path, name: str = "mx", *hosts: str) -> dict[str, str]:
    """The settings of a certificate that our authority signed."""
    issued = AUTHORITY.issue_cert(*(hosts or ("localhost", "127.0.0.1")))
    files = {"certificate": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}
    Path(files["certificate"]).write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    Path(files["key"]).write_bytes(issued.private_key_pem.bytes())
    return files


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def at_the_door(scenario: Callable[[Door], Awaitable[None]], data: Path, **settings: object) -> MemoryLog:
    log = MemoryLog()

    async def run() -> None:
        async with smtp_door(log, data, **settings) as door:
            await scenario(door)
            if not door.clients:
                await all_gone(door)

    asyncio.run(run())
    return log


async def all_gone(door: Door) -> None:
    """Wait until every session was given back."""
    connector = door.connector
    async with asyncio.timeout(5):
        while connector._sessions:
            connector._idle.clear()
            await connector._idle.wait()
    assert not connector._per_address


async def asked_for_tls(door: Door) -> Client:
    """A client that may begin its handshake."""
    client = await door.client()
    await client.hear()
    await client.ask(b"EHLO client.example\r\n")
    assert (await client.ask(b"STARTTLS\r\n")).startswith("220")
    return client


def port_of(door: Door, entrance: Entrance) -> int:
    return int(door.connector.addresses[entrance].rpartition(":")[2])


# ---- STARTTLS


def test_a_mail_comes_in_by_starttls(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.SMTP("localhost", port, timeout=10) as client:
            client.ehlo("client.example")
            assert client.has_extn("starttls")
            client.starttls(context=trusting())
            client.ehlo("client.example")
            assert not client.has_extn("starttls")
            client.sendmail("ana@client.example", [SUPPORT], MAIL)
            client.sendmail("ana@client.example", [SUPPORT], MAIL)

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, door.port)

    log = at_the_door(scenario, tmp_path, **issue(tmp_path))
    assert len(log.published) == 2
    assert {envelope.facts["tls"] for envelope in log.published} == {"TLSv1.3"}


def test_a_large_mail_comes_in_by_starttls(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.SMTP("localhost", port, timeout=20) as client:
            client.starttls(context=trusting())
            client.sendmail("ana@client.example", [SUPPORT], MAIL + "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 100_000)

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, door.port)

    (envelope,) = at_the_door(scenario, tmp_path, **issue(tmp_path)).published
    assert envelope.dataref


def test_commands_before_the_answer_to_starttls_are_never_run_in_tls(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        await client.hear()
        await client.ask(b"EHLO client.example\r\n")
        injected = f"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<e@evil.example>\r\nRCPT TO:<{SUPPORT}>\r\n".encode()
        assert (await client.ask(injected)).startswith("220")
        await client.encrypt(trusting(), "localhost")
        assert (await client.ask(b"DATA\r\n")).startswith("503")  # neither EHLO nor MAIL nor RCPT was heard
        assert (await client.ask(b"MAIL FROM:<a@client.example>\r\n")).startswith("503")

    assert not at_the_door(scenario, tmp_path, **issue(tmp_path)).published


def test_what_was_said_before_starttls_counts_no_more(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        await client.hear()
        for line in OPENING.split(b"\r\n")[:3]:
            await client.ask(line + b"\r\n")
        assert (await client.ask(b"STARTTLS\r\n")).startswith("220")
        await client.encrypt(trusting(), "localhost")
        assert (await client.ask(b"DATA\r\n")).startswith("503")
        assert (await client.ask(b"EHLO client.example\r\n")).startswith("250")
        assert (await client.ask(b"DATA\r\n")).startswith("503")
        assert (await client.ask(b"STARTTLS\r\n")).startswith("503")
        assert (await client.ask(b"STARTTLS now\r\n")).startswith("501")

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_where_encryption_is_required_nothing_is_taken_without(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.SMTP("localhost", port, timeout=10) as client:
            with pytest.raises(smtplib.SMTPSenderRefused, match="STARTTLS"):
                client.sendmail("ana@client.example", [SUPPORT], MAIL)
            client.starttls(context=trusting())
            client.sendmail("ana@client.example", [SUPPORT], MAIL)

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, door.port)
        assert door.connector.health.refused["not encrypted"] == 1

    assert len(at_the_door(scenario, tmp_path, starttls="required", **issue(tmp_path)).published) == 1


@pytest.mark.parametrize("garbage", [b"NOOP\r\n" * 20, b"\x16\x03\x01\x00\x05hello", b"\0" * 4000])
def test_a_handshake_that_is_none_ends_the_session_alone(garbage: bytes, tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await asked_for_tls(door)
        await client.say(garbage)
        await client.heard_before_cut()
        assert not door.connector._sessions
        assert not door.connector._per_address
        assert (await (await door.client()).hear()).startswith("220")

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_a_client_that_is_cut_in_its_handshake_is_forgotten(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await asked_for_tls(door)
        await client.close()
        await all_gone(door)

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_an_idle_client_is_told_421_in_tls_too(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await asked_for_tls(door)
        await client.encrypt(trusting(), "localhost")
        assert (await client.hear()).startswith("421")
        assert not await client.hear()

    at_the_door(scenario, tmp_path, command_timeout=0.5, **issue(tmp_path))


def test_stopping_says_421_in_tls_too(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await asked_for_tls(door)
        await client.encrypt(trusting(), "localhost")
        await client.ask(b"NOOP\r\n")
        stopping = asyncio.create_task(door.connector.stop())
        assert (await client.hear()).startswith("421")
        await client.close()
        await stopping

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_stopping_cuts_a_handshake(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await asked_for_tls(door)
        await door.connector.stop()
        assert not await client.heard_before_cut()

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_a_new_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    def serial(port: int) -> str:
        with smtplib.SMTP("localhost", port, timeout=10) as client:
            client.starttls(context=trusting())
            assert isinstance(client.sock, ssl.SSLSocket)
            return str((client.sock.getpeercert() or {})["serialNumber"])

    async def scenario(door: Door) -> None:
        first = await asyncio.to_thread(serial, door.port)
        issue(tmp_path)
        second = await asyncio.to_thread(serial, door.port)
        assert first != second
        (tmp_path / "mx.key").write_text("half written")
        assert await asyncio.to_thread(serial, door.port) == second  # the last good one

    at_the_door(scenario, tmp_path, **issue(tmp_path))


def test_without_its_files_it_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"\[smtp\] cannot read the certificate"):
        ShownCertificate(str(tmp_path / "none.pem"), str(tmp_path / "none.key"))


def test_a_port_that_somebody_has_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(Stop, match=f'listen_tls = "{listen}" cannot be used: Address already in use'):
                async with smtp_door(MemoryLog(), tmp_path, listen_tls=listen, **issue(tmp_path)):
                    pass

    asyncio.run(run())


# ---- encrypted from the first byte


def test_a_mail_comes_in_at_the_encrypted_port(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.SMTP_SSL("localhost", port, timeout=10, context=trusting()) as client:
            client.ehlo("client.example")
            assert not client.has_extn("starttls")
            client.sendmail("ana@client.example", [SUPPORT], MAIL)

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, port_of(door, Entrance.SMTPS))

    (envelope,) = at_the_door(scenario, tmp_path, listen_tls="127.0.0.1:0", **issue(tmp_path)).published
    assert envelope.facts["tls"] == "TLSv1.3"
    assert envelope.facts["remoteip"] == "127.0.0.1"


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        context = trusting()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("localhost", port_of(door, Entrance.SMTPS), ssl=context)

    at_the_door(scenario, tmp_path, listen_tls="127.0.0.1:0", **issue(tmp_path))


def test_whoever_hangs_in_a_handshake_keeps_nobody_out(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.SMTP_SSL("localhost", port, timeout=10, context=trusting()) as client:
            client.sendmail("ana@client.example", [SUPPORT], MAIL)

    async def scenario(door: Door) -> None:
        port = port_of(door, Entrance.SMTPS)
        hanging = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        await asyncio.to_thread(send, port)
        for _, writer in hanging:
            writer.close()

    assert len(at_the_door(scenario, tmp_path, listen_tls="127.0.0.1:0", **issue(tmp_path)).published) == 1


# ---- how often


def test_10000_connects_a_minute_are_capped_and_the_service_goes_on(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        kept = await door.client()
        await kept.begin()
        heard = [await greeting(door.port) for _ in range(1_500)]
        assert [line[:3] for line in heard[:999]] == ["220"] * 999
        assert [line[:9] for line in heard].count("421 4.7.0") > 400
        assert (await kept.ask(MARKS)).startswith("250")
        assert door.connector.health.refused["too many connects"] > 400

    log = at_the_door(scenario, tmp_path, connects_per_minute=1000, max_connections_per_address=2000)
    assert len(log.published) == 1


def test_by_default_10000_connects_in_a_minute_do_not_all_get_in() -> None:
    from pipeline.config.channels import Smtp  # noqa: PLC0415  # this test alone needs it

    now = 0.0
    limit = RateLimit(Smtp().connects_per_minute, lambda: now)
    admitted = 0
    for number in range(10_000):
        now = number * 60 / 10_000
        admitted += not limit.wait("192.0.2.1")
    assert 3_000 < admitted < 6_001
    assert not limit.wait("192.0.2.2")


async def greeting(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = (await reader.readline()).decode()
    writer.close()
    return line


# ---- behind a proxy


V2 = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT_V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"
CLIENT_V2 = V2 + b"\x21\x11\x00\x0f" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\x9c\x40\0\x19" + b"\x03\0\0"


@pytest.mark.parametrize(
    ("header", "ip"),
    [
        (CLIENT_V1, "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", "127.0.0.1"),
        (CLIENT_V2, "192.0.2.7"),
        (V2 + b"\x20\x00\x00\x00", "127.0.0.1"),
        (V2 + b"\x21\x31\x00\x02ab", "127.0.0.1"),
    ],
)
def test_a_configured_proxy_says_who_the_client_is(header: bytes, ip: str, tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        await client.say(header + OPENING + MARKS + b"QUIT\r\n")
        assert [reply[:3] for reply in await client.rest()] == ["220", "250", "250", "250", "354", "250", "221"]

    (envelope,) = at_the_door(scenario, tmp_path, proxies=["127.0.0.0/8"]).published
    assert envelope.facts["remoteip"] == ip


def test_a_header_may_come_byte_by_byte(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        for byte in CLIENT_V2:
            await client.say(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.hear()).startswith("220")

    at_the_door(scenario, tmp_path, proxies=["127.0.0.0/8"])


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO client.example\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        b"PROXY TCP4 2001:db8::7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 400000 25\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        V2 + b"\x11\x11\x00\x0c" + b"\0" * 12,
        V2 + b"\x21\x11\x00\x04\0\0\0\0",
        b"\xff" * 40,
    ],
)
def test_what_is_no_header_of_a_proxy_gets_no_session(header: bytes, tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        await client.say(header)
        assert not await client.heard_before_cut()

    at_the_door(scenario, tmp_path, proxies=["127.0.0.0/8"])


def test_nobody_but_a_proxy_says_who_they_are(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client = await door.client()
        await client.hear()
        assert (await client.ask(CLIENT_V1)).startswith("500")

    at_the_door(scenario, tmp_path, proxies=["10.0.0.0/8"])


def test_a_proxy_may_stand_before_the_encrypted_port(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with socket.create_connection(("localhost", port), timeout=10) as plain:
            plain.sendall(CLIENT_V1)
            with trusting().wrap_socket(plain, server_hostname="localhost") as encrypted:
                encrypted.sendall(OPENING + MARKS + b"QUIT\r\n")
                heard = b""
                while b"221" not in heard and (more := encrypted.recv(4096)):
                    heard += more

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, port_of(door, Entrance.SMTPS))

    settings = {"proxies": ["127.0.0.0/8"], "listen_tls": "127.0.0.1:0", **issue(tmp_path)}
    (envelope,) = at_the_door(scenario, tmp_path, **settings).published
    assert (envelope.facts["remoteip"], envelope.facts["tls"]) == ("192.0.2.7", "TLSv1.3")


def test_limits_count_the_client_and_not_its_proxy(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        heard = []
        for last in (7, 7, 8):
            client = await door.client()
            await client.say(CLIENT_V1.replace(b"192.0.2.7", f"192.0.2.{last}".encode()))
            heard.append((await client.hear())[:3])
        assert heard == ["220", "421", "220"]

    at_the_door(scenario, tmp_path, proxies=["127.0.0.0/8"], max_connections_per_address=1)


# ---- LMTP


LMTP_OPENING = OPENING.replace(b"EHLO", b"LHLO").replace(b"DATA", b"RCPT TO:<help@desk.example>\r\nDATA")


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path fits into the address of a socket."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415  # this alone needs it

    with TemporaryDirectory(prefix="lmtp", dir="/tmp") as folder:  # the address of a socket is short
        yield Path(folder)


def test_a_mail_comes_in_by_lmtp_with_an_answer_for_each_recipient(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        path = door.connector.addresses[Entrance.LMTP].removeprefix("unix:")
        client = door.add(*await asyncio.open_unix_connection(path))
        bad = b"RCPT TO:<nobody@desk.example>\r\n"
        await client.say(LMTP_OPENING.replace(b"DATA", bad + b"DATA") + MARKS + b"NOOP\r\n")
        replies = [reply[:3] for reply in await client.rest()]
        assert replies == ["220", "250", "250", "250", "250", "550", "354", "250", "250", "250"]

    with short_folder() as folder:
        (envelope,) = at_the_door(scenario, tmp_path, lmtp=f"unix:{folder}/lmtp").published
    assert envelope.facts["envelopeto"] == "support@desk.example,help@desk.example"
    assert envelope.facts["remoteip"] == "local"


def test_a_real_client_of_lmtp_is_served_over_tcp(tmp_path: Path) -> None:
    def send(port: int) -> None:
        with smtplib.LMTP("127.0.0.1", port) as client:
            client.sendmail("ana@client.example", [SUPPORT], MAIL)

    async def scenario(door: Door) -> None:
        await asyncio.to_thread(send, port_of(door, Entrance.LMTP))

    assert len(at_the_door(scenario, tmp_path, lmtp="127.0.0.1:0").published) == 1


@pytest.mark.parametrize(
    ("away", "mail", "answer"), [(True, MARKS, "451"), (False, b"a\nb\r\n.\r\n", "550")], ids=["away", "broken"]
)
def test_each_recipient_is_told_when_a_mail_is_not_taken(
    tmp_path: Path, mail: bytes, answer: str, *, away: bool
) -> None:
    async def scenario(door: Door) -> None:
        client = door.add(*await asyncio.open_connection("127.0.0.1", port_of(door, Entrance.LMTP)))
        await client.say(LMTP_OPENING + mail + b"NOOP\r\n")
        replies = [reply[:3] for reply in await client.rest()]
        assert replies == ["220", "250", "250", "250", "250", "354", answer, answer, "250"]

    log = MemoryLog(away=away)

    async def run() -> None:
        async with smtp_door(log, tmp_path, lmtp="127.0.0.1:0") as door:
            await scenario(door)

    asyncio.run(run())
    assert not log.published


def test_lmtp_begins_with_lhlo(tmp_path: Path) -> None:
    async def scenario(door: Door) -> None:
        client: Client = door.add(*await asyncio.open_connection("127.0.0.1", port_of(door, Entrance.LMTP)))
        await client.say(b"EHLO c\r\nHELO c\r\nDATA\r\nLHLO c\r\nDATA\r\nNOOP\r\n")
        assert [reply[:3] for reply in await client.rest()] == ["220", "500", "500", "503", "250", "503", "250"]

    at_the_door(scenario, tmp_path, lmtp="127.0.0.1:0")
