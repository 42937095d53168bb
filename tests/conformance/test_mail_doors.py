"""What whoever takes our mail promises: in memory, in a folder, behind SMTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import pytest
from smtp_sink import Sink

from pipeline.dispatch.mail.door import Answer, Mail, MailDoor, Taken
from pipeline.dispatch.mail.maildir import MaildirDoor
from pipeline.dispatch.mail.memory import MemoryDoor
from pipeline.dispatch.mail.smarthost import Smarthost, SmarthostDoor

HEAD = "From: a@desk.example\r\nTo: ana@acme.example\r\nMessage-ID: <1@desk.example>\r\n\r\n"
MAIL = Mail(
    "<1@desk.example>", "support@desk.example", "ana@acme.example", f"{HEAD}.dot\r\n..\r\n.\r\nend\r\n".encode()
)


@dataclass(slots=True)
class There:
    """A door, and what came out behind it: sender, recipient, bytes."""

    door: MailDoor
    taken: Callable[[], list[tuple[str, str, bytes]]]


@asynccontextmanager
async def _memory(_: Path) -> AsyncIterator[There]:
    door = MemoryDoor()
    yield There(door, lambda: [(mail.sender, mail.recipient, mail.raw) for mail in door.mails.values()])


@asynccontextmanager
async def _maildir(folder: Path) -> AsyncIterator[There]:
    def taken() -> list[tuple[str, str, bytes]]:
        found = []
        for file in (folder / "new").glob("*"):
            path, to, raw = file.read_bytes().split(b"\r\n", 2)
            sender = path.decode().removeprefix("Return-Path: <").removesuffix(">")
            found.append((sender, to.decode().removeprefix("Delivered-To: "), raw))
        return found

    yield There(MaildirDoor(folder), taken)


@asynccontextmanager
async def _smarthost(_: Path) -> AsyncIterator[There]:
    sink = Sink()
    door = SmarthostDoor(Smarthost("127.0.0.1", sink.port, starttls="never", timeout=5))
    try:
        yield There(door, lambda: [(one.sender or "", one.recipients[0], one.raw) for one in sink.took])
    finally:
        await door.close()
        sink.stop()


Open = Callable[[Path], AbstractAsyncContextManager[There]]


@pytest.fixture(params=[_memory, _maildir, _smarthost], ids=["memory", "maildir", "smarthost"])
def opens(request: pytest.FixtureRequest) -> Open:
    """Each door in turn, opened within the test's own loop."""
    found: Open = request.param
    return found


def at_each_door(test: Callable[[There], Awaitable[None]]) -> Callable[[Open, Path], None]:
    """Run a test that awaits."""

    @wraps(test)
    def run(opens: Open, tmp_path: Path) -> None:
        async def whole() -> None:
            async with opens(tmp_path) as there:
                await test(there)

        asyncio.run(whole())

    del run.__wrapped__  # type: ignore[attr-defined]  # pytest would look for the fixtures of the test itself
    return run


@at_each_door
async def test_what_it_takes_comes_out_as_it_went_in(there: There) -> None:
    assert isinstance(await there.door.send(MAIL), Taken)
    assert there.taken() == [("support@desk.example", "ana@acme.example", MAIL.raw)]


@at_each_door
async def test_many_go_through_one_door(there: There) -> None:
    for number in range(5):
        mail = Mail(f"<{number}@desk.example>", "", f"p{number}@acme.example", MAIL.raw)
        assert isinstance(await there.door.send(mail), Taken)
    assert sorted(to for _, to, _ in there.taken()) == [f"p{number}@acme.example" for number in range(5)]
    assert {sender for sender, _, _ in there.taken()} == {""}


@at_each_door
async def test_the_same_mail_again_is_taken_again(there: There) -> None:
    answers: list[Answer] = [await there.door.send(MAIL) for _ in range(2)]
    assert all(isinstance(answer, Taken) for answer in answers)
    assert {raw for _, _, raw in there.taken()} == {MAIL.raw}


@at_each_door
async def test_an_address_beyond_ascii_goes_through(there: There) -> None:
    mail = Mail("<1@desk.example>", "support@desk.example", "jörg@acme.example", MAIL.raw)
    assert isinstance(await there.door.send(mail), Taken)
    assert [to for _, to, _ in there.taken()] == ["jörg@acme.example"]


@at_each_door
async def test_a_door_is_closed_twice(there: There) -> None:
    await there.door.send(MAIL)
    await there.door.close()
    await there.door.close()
    assert isinstance(await there.door.send(MAIL), Taken)
