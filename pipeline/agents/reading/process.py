"""A process of its own that reads records, so that none can stop or end the worker that settles them.

    python -m pipeline.agents.reading.process DESCRIPTOR

It speaks over a socket that it inherits, one frame a message: eight bytes of length, then a pickle. First comes the
configuration, answered by nothing once records can be read, then batches of records, each answered by what was read.
It ends when the socket does.
"""

import asyncio
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedRWPair
from typing import Any

from pipeline.agents.batch import Incoming
from pipeline.agents.reading.record import Reader, Unread
from pipeline.config import Config
from pipeline.errors import Stop
from pipeline.process import collect_seldom
from pipeline.wire import Envelope, Record

SECONDS = 5.0
"""Processor time after which reading one record ends the process; the parsers' own bounds end it long before."""

STARTS = 5
"""So often the process may end before it can read anything."""

Answer = asyncio.Future[list[Incoming | Unread]]

_LENGTH = 8
_LAST_WORDS = 2.0
_NO_RECORD = Record("", 0, 0, None, None, ())
_NO_ENVELOPE = Envelope(
    id="", channel="", source="", key="", time=datetime.min.replace(tzinfo=UTC), content_type="", raw=b""
)


class Gone(Exception):  # noqa: N818  # said of the process, as the errors of the house are
    """The process ended before it answered; `too_long` when one record took too much of its time.

    It was `at_it` when these are the records that it read then, and not others that were asked before them.
    """

    def __init__(self, says: str, *, too_long: bool, at_it: bool = True) -> None:
        super().__init__(says)
        self.too_long = too_long
        self.at_it = at_it


class ReadingProcess:
    """Starts the process when it is first asked, and again after it has ended; used in one event loop."""

    def __init__(self, config: Config, seconds: float = SECONDS) -> None:
        self._config = config
        self._seconds = seconds
        self._life: _Life | None = None
        self.failed_starts = 0

    def ask(self, records: Sequence[Record]) -> Answer:
        """What becomes of the records once they are read, in their order; Gone when the process ends instead.

        Stop when it ended again and again before it could read anything, for which no record is to blame.
        """
        if self._life is None or self._life.ended:
            if self._life is not None:
                self.failed_starts = 0 if self._life.can_read else self.failed_starts + 1
                self._life = None
            if self.failed_starts >= STARTS:
                return _failed(Stop("no message can be read: the process for it does not start, and says why above"))
            try:
                self._life = _Life(self._config, self._seconds)
            except OSError as error:
                self.failed_starts += 1
                return _failed(Gone(f"its reader does not start: {error.strerror}", too_long=False, at_it=False))
        return self._life.ask(records)

    async def close(self) -> None:
        """End the process; whatever it was asked is Gone."""
        if self._life is not None:
            await self._life.close()


class _Life:
    """One process, from its start to its end."""

    def __init__(self, config: Config, seconds: float) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            program = [sys.executable, "-m", __name__, str(theirs.fileno()), str(seconds)]
            try:
                self._process = subprocess.Popen(program, pass_fds=(theirs.fileno(),))  # noqa: S603  # our own program
            except OSError:
                ours.close()
                raise
        self._seconds = seconds
        self.can_read = False
        self._asked: deque[tuple[Sequence[Record], Answer]] = deque()
        self._questions: asyncio.Queue[object] = asyncio.Queue()
        self._questions.put_nowait(config)
        self._talking = asyncio.get_running_loop().create_task(self._talk(ours))

    @property
    def ended(self) -> bool:
        return self._talking.done()

    def ask(self, records: Sequence[Record]) -> Answer:
        answer: Answer = asyncio.get_running_loop().create_future()
        self._asked.append((records, answer))
        self._questions.put_nowait(records)
        return answer

    async def close(self) -> None:
        self._talking.cancel()
        with suppress(asyncio.CancelledError):
            await self._talking

    async def _talk(self, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=ours, limit=4 * 1024 * 1024)
        sending = asyncio.create_task(self._send(writer))
        try:
            await reader.readexactly(_LENGTH)
            self.can_read = True
            while True:
                length = int.from_bytes(await reader.readexactly(_LENGTH))
                found = pickle.loads(await reader.readexactly(length))  # noqa: S301  # from our own process
                records, answer = self._asked[0]  # until it is answered, since whatever goes wrong must be told
                if not answer.done():
                    answer.set_result([_whole(one, record) for one, record in zip(found, records, strict=True)])
                self._asked.popleft()
        except (asyncio.IncompleteReadError, ConnectionError):
            with suppress(subprocess.TimeoutExpired):  # it ended, and may still be telling why
                await asyncio.to_thread(self._process.wait, _LAST_WORDS)
        finally:
            sending.cancel()
            writer.close()
            self._end()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.writelines(_frame(await self._questions.get()))
                await writer.drain()

    def _end(self) -> None:
        """Reap the process, and tell all who wait how it ended."""
        self._process.kill()
        code = self._process.wait()
        too_long = code == -signal.SIGPROF
        says = f"it took more than {self._seconds:g} s of processor time" if too_long else f"its reader ended ({code})"
        for place, (_, answer) in enumerate(self._asked):
            if not answer.done():
                answer.set_exception(Gone(says, too_long=too_long, at_it=self.can_read and place == 0))
                answer.exception()  # so that nothing complains of one that is dropped


def _failed(error: Exception) -> Answer:
    answer: Answer = asyncio.get_running_loop().create_future()
    answer.set_exception(error)
    answer.exception()  # the same
    return answer


def _frame(message: object) -> tuple[bytes, bytes]:
    payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(payload).to_bytes(_LENGTH), payload


def _lean(read: Incoming | Unread) -> Incoming | Unread:
    """Without what the other side has already."""
    if isinstance(read, Incoming):
        read.record, read.envelope = _NO_RECORD, _NO_ENVELOPE
    return read


def _whole(read: Incoming | Unread, record: Record) -> Incoming | Unread:
    """With its record again, and its envelope as the record says."""
    if isinstance(read, Incoming):
        read.record, read.envelope = record, Envelope.of_record(record.key, record.value, record.headers)
    return read


def serve(line: BufferedRWPair, seconds: float) -> None:
    """Answer until the other side has gone."""
    reader = Reader.of(_received(line))
    collect_seldom()
    line.write(bytes(_LENGTH))
    line.flush()
    with suppress(EOFError, BrokenPipeError, ConnectionError):
        while True:
            answers = []
            for record in _received(line):
                signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends this process, in whatever it is
                answers.append(_lean(reader.read(record)))
            signal.setitimer(signal.ITIMER_PROF, 0)
            line.writelines(_frame(answers))
            line.flush()


def _received(line: BufferedRWPair) -> Any:  # noqa: ANN401  # the configuration first, then batches
    head = line.read(_LENGTH)
    payload = line.read(int.from_bytes(head))
    if not payload:
        raise EOFError
    return pickle.loads(payload)  # noqa: S301  # from the process that started us


def main() -> None:
    """Serve on the inherited socket; Ctrl-C is for the process that started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as inherited, inherited.makefile("rwb") as line:
        serve(line, float(sys.argv[2]))


if __name__ == "__main__":
    main()
