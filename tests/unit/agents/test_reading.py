"""Records that are read in another process are read as here, whatever becomes of that process."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from memory_desk import START, mail

from pipeline.agents.batch import Incoming
from pipeline.agents.reading.process import STARTS, Gone, ReadingProcess
from pipeline.agents.reading.record import Reader, Unread
from pipeline.agents.reading.turn import ReadAhead
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.errors import Stop
from pipeline.wire import Envelope, Record

NIL = UUID(int=0)
MAILS = [mail("a", answers="<root@x>", subject="Größe"), mail("b", sender=None), b"\0\xff" * 50, b""]
SLOW = mail("slow", text="<p>a &amp; b<br>" * 300_000, headers="Content-Type: text/html")


def record(raw: bytes, offset: int = 0, *, channel: str = "email", dataref: str | None = None) -> Record:
    envelope = Envelope(
        id=f"id-{offset}",
        channel=channel,
        source="/email/support@desk.example",
        key="key",
        time=START,
        content_type="message/rfc822",
        raw=raw,
        dataref=dataref,
    )
    return Record("inbound.email", 0, offset, b"key", raw, tuple(envelope.headers()))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.model_validate({"desk": {"secret": "the secret of this desk"}, "blobs": {"url": str(tmp_path)}})


def read_ahead(
    config: Config, check: Callable[[ReadAhead, ReadingProcess], Awaitable[None]], seconds: float = 5.0
) -> None:
    """Run the check on a process that is gone afterwards."""

    async def run() -> None:
        process = ReadingProcess(config, seconds)
        try:
            await check(ReadAhead(process), process)
        finally:
            await process.close()

    asyncio.run(run())


def same(read: Sequence[Incoming | Unread]) -> list[Incoming | Unread]:
    """Without the ids that each reading gives anew."""
    for one in read:
        if isinstance(one, Incoming):
            one.id = NIL
    return list(read)


def test_the_other_process_reads_what_we_would_read(config: Config, tmp_path: Path) -> None:
    digest = BlobStore(tmp_path).put(mail("large", text="in the blob store"))
    records = [record(raw, offset) for offset, raw in enumerate(MAILS)]
    records += [
        record(b"", 10, dataref=digest),
        record(b"", 11, dataref="0" * 64),
        record(b"?", 12, channel="smoke"),
        Record("inbound.email", 0, 13, None, b"no envelope", ()),
    ]
    reader = Reader.of(config)

    async def check(ahead: ReadAhead, _: ReadingProcess) -> None:
        ahead.expect(records)
        assert same(await ahead.read(records)) == same([reader.read(one) for one in records])

    read_ahead(config, check)


def test_what_was_expected_may_be_dropped_on_its_way(config: Config) -> None:
    first, second, third = ([record(raw, 10 * batch + n) for n, raw in enumerate(MAILS)] for batch in range(3))

    async def check(ahead: ReadAhead, _: ReadingProcess) -> None:
        for batch in (first, second, third):
            ahead.expect(batch)
        assert [one.record for one in await ahead.read(second[1:])] == second[1:]
        assert [one.record for one in await ahead.read(first)] == first
        assert [one.record for one in await ahead.read(third)] == third

    read_ahead(config, check)


def test_a_record_that_takes_too_long_is_dead_alone(config: Config) -> None:
    records = [record(MAILS[0], 1), record(SLOW, 2), record(MAILS[1], 3)]

    async def check(ahead: ReadAhead, _: ReadingProcess) -> None:
        ahead.expect(records)
        ahead.expect(records[:1])
        before, slow, after = await ahead.read(records)
        assert isinstance(before, Incoming)
        assert isinstance(after, Incoming)
        assert isinstance(slow, Unread)
        assert (slow.dead.kind, slow.dead.reason) == ("unreadable", "it took more than 0.02 s of processor time")
        assert (slow.raw, slow.envelope is not None) == (SLOW, True)
        assert isinstance((await ahead.read(records[:1]))[0], Incoming)

    read_ahead(config, check, seconds=0.02)


def test_a_process_that_is_killed_is_started_again(config: Config) -> None:
    records = [record(raw, offset) for offset, raw in enumerate(MAILS)]

    async def check(ahead: ReadAhead, process: ReadingProcess) -> None:
        for _ in range(3):
            answer = process.ask(records)
            for child in psutil.Process().children():
                child.kill()
            with pytest.raises(Gone):
                await answer
        assert len(await ahead.read(records)) == len(records)

    read_ahead(config, check)


def test_only_what_the_process_was_at_is_to_blame(config: Config) -> None:
    """A mail that takes too long, read for one channel, must not bury what waits behind it, of that or of another."""
    slow, good = [record(SLOW, 1)], [record(MAILS[0], 2), record(MAILS[1], 3)]

    async def check(ahead: ReadAhead, process: ReadingProcess) -> None:
        others = ReadAhead(process)
        ahead.expect(slow)
        others.expect(good)
        ahead.expect(slow)
        buried, read = await asyncio.gather(ahead.read(slow), others.read(good))
        assert [type(one) for one in (*buried, *read)] == [Unread, Incoming, Incoming]

    read_ahead(config, check, seconds=0.02)


def test_a_process_that_cannot_start_buries_no_record(config: Config, capfd: pytest.CaptureFixture[str]) -> None:
    """A secret that is not there, or no memory left: the worker must stop and say so."""
    broken = config.model_copy(update={"desk": config.desk.model_copy(update={"secret": ("env:NOT_THERE",)})})

    async def run() -> None:
        process = ReadingProcess(broken)
        process.failed_starts = STARTS - 2
        ahead = ReadAhead(process)
        ahead.expect([record(MAILS[0])])
        with pytest.raises(Stop, match="the process for it does not start"):
            await ahead.read([record(MAILS[0])])

    asyncio.run(run())
    assert "NOT_THERE" in capfd.readouterr().err


def test_the_process_ends_with_the_one_that_started_it(config: Config, tmp_path: Path) -> None:
    program = tmp_path / "starts.py"
    program.write_text(
        "import asyncio, sys\n"
        "from pipeline.agents.reading.process import ReadingProcess\n"
        "from pipeline.config import Config\n"
        "async def main():\n"
        "    process = ReadingProcess(Config.model_validate_json(sys.argv[1]))\n"
        "    await process.ask([])\n"
        "    print('started', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, str(program), config.model_dump_json(by_alias=True)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: S603  # our own program
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == 1
        parent.kill()
    _, left = psutil.wait_procs(children, timeout=10)
    assert left == []
