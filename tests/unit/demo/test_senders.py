"""The senders of the demonstration against servers that refuse, hang up and come back."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from pipeline.demo.senders import Doors, Senders
from pipeline.demo.smtp import SmtpSession
from pipeline.demo.tally import Tally
from pipeline.demo.traffic import Delivery
from pipeline.errors import Reject, Retry

MAIL = Delivery(
    channel="email", kind="new", id="<1@x.example>", to="support@demo.example", body=b"Subject: x\r\n\r\nx\r\n"
)
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


def answering(*finals: bytes) -> Server:
    """A mail server that gives each mail the next of these answers; an empty one hangs up."""
    waiting = list(finals)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line == b"QUIT\r\n":
                writer.write(b"221 bye\r\n")
                break
            if line != b"DATA\r\n":
                writer.write(b"250-one\r\n250 more\r\n" if line.startswith(b"EHLO") else b"250 ok\r\n")
                continue
            writer.write(b"354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            answer = waiting.pop(0)
            if not answer:
                break
            writer.write(answer)
        writer.close()

    return serve


def against(serve: Server, check: Callable[[int], Coroutine[None, None, None]]) -> None:
    """Run the check with the port of such a server."""

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            await check(server.sockets[0].getsockname()[1])

    asyncio.run(run())


def test_a_session_is_kept_and_says_what_the_server_said() -> None:
    async def check(port: int) -> None:
        session = SmtpSession("127.0.0.1", port, "mx.example")
        await session.deliver("a@x.example", MAIL.to, MAIL.body)
        with pytest.raises(Retry, match="451 later"):
            await session.deliver("a@x.example", MAIL.to, MAIL.body)
        with pytest.raises(Reject, match="550 never"):
            await session.deliver("a@x.example", MAIL.to, MAIL.body)
        with pytest.raises(Retry, match="hung up"):
            await session.deliver("a@x.example", MAIL.to, MAIL.body)
        await session.deliver("a@x.example", MAIL.to, MAIL.body)
        await session.quit()

    against(answering(b"250 ok\r\n", b"451 later\r\n", b"550 never\r\n", b"", b"250 ok\r\n"), check)


def test_nobody_there_is_a_reason_to_come_again() -> None:
    with pytest.raises(Retry, match="connection"):
        asyncio.run(SmtpSession("127.0.0.1", 1, "mx.example").deliver("a@x.example", MAIL.to, MAIL.body))


def test_a_mail_counts_once_it_was_acknowledged() -> None:
    tally = Tally()

    async def check(port: int) -> None:
        stop = asyncio.Event()

        def write() -> list[Delivery]:
            stop.set()
            return [MAIL]

        await Senders(Doors(smtp=f"127.0.0.1:{port}", http="127.0.0.1:1", mqtt="127.0.0.1:1", secret=""), tally).run(
            1000, write, stop
        )

    against(answering(b"", b"451 later\r\n", b"250 ok\r\n"), check)
    assert (tally.written, tally.total, tally.again["email"], tally.ids) == (1, 1, 2, {MAIL.id})


def test_what_is_refused_for_good_is_not_sent_again() -> None:
    tally = Tally()

    async def check(port: int) -> None:
        stop = asyncio.Event()

        def write() -> list[Delivery]:
            stop.set()
            return [MAIL]

        await Senders(Doors(smtp=f"127.0.0.1:{port}", http="127.0.0.1:1", mqtt="127.0.0.1:1", secret=""), tally).run(
            1000, write, stop
        )

    against(answering(b"554 no\r\n"), check)
    assert (tally.total, tally.refused) == (0, {"554 554 no": 1})
