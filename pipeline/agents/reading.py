"""How the records of a batch are read: here, or ahead of their turn in a process of its own."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.agents.batch import Incoming
from pipeline.agents.read import Reader, Unread
from pipeline.agents.reading_process import Answer, Gone, ReadingProcess
from pipeline.domain.outcomes import Dead
from pipeline.wire import Record

ALONE_ATTEMPTS = 3
"""How often a record that is read alone may end its process before it is taken for the cause."""


class Reading(Protocol):
    """Reads records in order; one that cannot be read becomes a value, alone."""

    def expect(self, records: Sequence[Record]) -> None:
        """Take note that these will be asked for soon."""

    async def read(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The messages of the records, made anew at each call."""

    def unread(self, record: Record, dead: Dead) -> Unread:
        """The record as dead, without looking into its message."""


class ReadHere:
    """Reads when asked, in this process."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def expect(self, records: Sequence[Record]) -> None:
        """Nothing is done ahead."""

    async def read(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The messages of the records."""
        return [self._reader.read(record) for record in records]

    def unread(self, record: Record, dead: Dead) -> Unread:
        """The record as dead."""
        return self._reader.unread(record, dead)


@dataclass(frozen=True, slots=True)
class _Ahead:
    records: Sequence[Record]
    answer: Answer


class ReadAhead:
    """Has the records of one channel read in another process while earlier ones are settled.

    What ends that process, or takes too much of its time, is found by reading each record of the batch alone.
    """

    def __init__(self, process: ReadingProcess, reader: Reader) -> None:
        self._process = process
        self._reader = reader
        self._ahead: deque[_Ahead] = deque()

    def expect(self, records: Sequence[Record]) -> None:
        """Begin to read them."""
        self._ahead.append(_Ahead(records, self._process.ask(records)))

    async def read(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The messages of the records, as far as they were expected already read."""
        try:
            return await self._of_batch(records)
        except Gone:
            return [await self._alone(record) for record in records]

    def unread(self, record: Record, dead: Dead) -> Unread:
        """The record as dead."""
        return self._reader.unread(record, dead)

    async def _of_batch(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        while self._ahead:
            ahead = self._ahead.popleft()  # what lies before it was dropped on its way here
            places = {id(record): place for place, record in enumerate(ahead.records)}
            if all(id(record) in places for record in records):
                answers = await ahead.answer
                return [answers[places[id(record)]] for record in records]
            ahead.answer.cancel()
        return await self._process.ask(records)

    async def _alone(self, record: Record) -> Incoming | Unread:
        gone = Gone("", too_long=False)
        for _ in range(ALONE_ATTEMPTS):
            try:
                return (await self._process.ask([record]))[0]
            except Gone as error:
                gone = error
                if error.too_long:
                    break
        kind = "unreadable" if gone.too_long else "unexpected"
        return self.unread(record, Dead(str(gone), kind, "read"))
