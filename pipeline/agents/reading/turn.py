"""How the records of a batch are read: here, or ahead of their turn in a process of its own."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.agents.batch import Incoming
from pipeline.agents.reading.process import Answer, Gone, ReadingProcess
from pipeline.agents.reading.record import Reader, Unread, unread
from pipeline.domain.outcomes import Dead
from pipeline.wire import Record

ALONE_ATTEMPTS = 3
"""How often a record that is read alone may end its process before it is taken for the cause."""

START_PAUSE = 0.5
"""Seconds to wait for each time that the process ended before it could read anything."""


class Reading(Protocol):
    """Reads records in order; one that cannot be read becomes a value, alone."""

    def expect(self, records: Sequence[Record]) -> None:
        """Take note that these will be asked for soon."""

    async def read(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The messages of the records, made anew at each call."""


class ReadHere:
    """Reads when asked, in this process."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def expect(self, records: Sequence[Record]) -> None:
        """Nothing is done ahead."""

    async def read(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The messages of the records."""
        return [self._reader.read(record) for record in records]


@dataclass(frozen=True, slots=True)
class _Ahead:
    records: Sequence[Record]
    answer: Answer


class ReadAhead:
    """Has the records of one channel read in another process while earlier ones are settled.

    What ends that process, or takes too much of its time, is found by reading each record of the batch alone. Other
    channels and later batches share the process: only what it was at is to blame, all else is asked for again.
    """

    def __init__(self, process: ReadingProcess) -> None:
        self._process = process
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

    async def _of_batch(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        while self._ahead:
            ahead = self._ahead.popleft()  # what lies before it was dropped on its way here
            places = {id(record): place for place, record in enumerate(ahead.records)}
            if all(id(record) in places for record in records):
                try:
                    answers = await ahead.answer
                except Gone as gone:
                    if gone.at_it:
                        raise
                    break
                return [answers[places[id(record)]] for record in records]
            ahead.answer.cancel()
        return await self._asked(records)

    async def _asked(self, records: Sequence[Record]) -> list[Incoming | Unread]:
        """The answer, however often others end the process. Raises Gone when these do."""
        while True:
            try:
                return await self._process.ask(records)
            except Gone as gone:
                if gone.at_it:
                    raise
                await asyncio.sleep(self._process.failed_starts * START_PAUSE)

    async def _alone(self, record: Record) -> Incoming | Unread:
        gone = Gone("", too_long=False)
        for _ in range(ALONE_ATTEMPTS):
            try:
                return (await self._asked([record]))[0]
            except Gone as error:
                gone = error
                if error.too_long:
                    break
        kind = "unreadable" if gone.too_long else "unexpected"
        return unread(record, Dead(str(gone), kind, "read"))
