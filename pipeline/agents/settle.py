"""Settles records exactly once: fence, intake, dead letters and the breaker, in one transaction a batch."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import stamina
import structlog

from pipeline.agents.batch import Incoming
from pipeline.agents.deadletters import dead_changes
from pipeline.agents.intake import Intake
from pipeline.agents.reading.record import Unread, unread
from pipeline.agents.reading.turn import Reading
from pipeline.domain.outcomes import Dead
from pipeline.errors import CasestreamError, Retry
from pipeline.store.ports import Position, Settled, Store, Strikes, Transaction
from pipeline.wire import Partition, Record

ALONE_AFTER = 3
"""A partition begun in vain more often than this is settled one record at a time."""

DEAD_AT = 8
"""A record begun alone that raises the count to this has killed its process each time."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Fenced:
    """The records of a batch by what the ledger says of them."""

    take: list[Record] = field(default_factory=list)
    ahead: dict[Partition, int] = field(default_factory=dict)
    stopped: dict[Partition, str] = field(default_factory=dict)


def fence(records: Sequence[Record], positions: dict[Partition, Position]) -> _Fenced:
    """Take each record that is next; skip what was settled before, leave what lies past the next one."""
    result = _Fenced()
    following = {partition: position.next for partition, position in positions.items()}
    for record in records:
        partition = Partition(record.topic, record.partition)
        if reason := positions[partition].stopped_reason:
            result.stopped[partition] = reason
        elif record.offset == following[partition]:
            result.take.append(record)
            following[partition] += 1
        elif record.offset > following[partition]:
            result.ahead.setdefault(partition, record.offset)
    return result


def breaker_reason(strikes: Strikes) -> str | None:
    """Why so many unexpected errors are a bug of ours rather than bad input, None while they are not.

    Twenty in a row, or 5 % of the last 1,000 records, from at least three senders.
    """
    if strikes.senders >= 3 and strikes.in_a_row >= 20:  # noqa: PLR2004  # the rule's own numbers
        return f"{strikes.in_a_row} records in a row met an unexpected error"
    if strikes.senders >= 3 and strikes.in_the_last_thousand >= 50:  # noqa: PLR2004  # the rule's own numbers
        return f"{strikes.in_the_last_thousand} of the last 1,000 records met an unexpected error"
    return None


class Settler:
    """The `Settle` of a channel; one batch at a time."""

    def __init__(self, store: Store, reading: Reading, intake: Intake) -> None:
        self._store = store
        self._reading = reading
        self._intake = intake
        self._begun: set[Partition] = set()

    def expect(self, records: Sequence[Record]) -> None:
        """Take note of a batch that comes soon, so that it may be read meanwhile."""
        self._reading.expect(records)

    async def __call__(self, records: Sequence[Record]) -> Settled:
        """Settle a batch and return after its commit; tries again for as long as the store asks to."""
        if not records:
            return Settled({})
        by_partition: dict[Partition, list[Record]] = defaultdict(list)
        for record in records:
            by_partition[Partition(record.topic, record.partition)].append(record)
        attempts = await self._begin(by_partition.keys() - self._begun)
        alone = [partition for partition in by_partition if attempts.get(partition, 0) > ALONE_AFTER]
        together = [record for record in records if Partition(record.topic, record.partition) not in alone]
        results = [await self._settle_together(together)] if together else []
        for partition in alone:
            results += [await self._settle_alone(partition, record) for record in by_partition[partition]]
        self._begun |= by_partition.keys()
        return _merged(results)

    async def _begin(self, partitions: set[Partition], *, alone: bool = False) -> dict[Partition, int]:
        async for attempt in _again():
            with attempt:
                return dict(await self._store.begin(sorted(partitions), alone=alone)) if partitions else {}
        raise AssertionError("the loop above returns or raises")

    async def _settle_together(self, records: Sequence[Record]) -> Settled:
        """The normal way; what goes wrong unexpectedly is then looked for partition by partition."""
        read = await self._reading.read(records)
        if not _surprising(read):
            try:
                async for attempt in _again():
                    with attempt:
                        return await self._settle_whole(read if attempt.num == 1 else await self._reading.read(records))
            except CasestreamError:
                raise
            except Exception as error:  # noqa: BLE001  # any surprise of a statement is looked for below
                _log.warning("batch failed, looking for the record", error=repr(error)[:500], records=len(records))
            read = await self._reading.read(records)
        partitions = dict.fromkeys(Partition(one.record.topic, one.record.partition) for one in read)
        results = []
        for partition in partitions:
            part = [one for one in read if (one.record.topic, one.record.partition) == partition]
            results.append(await self._settle_carefully(partition, part))
        return _merged(results)

    async def _settle_whole(self, read: Sequence[Incoming | Unread]) -> Settled:
        async with self._store.transaction() as tx:
            positions = dict(await tx.lock_positions({Partition(r.record.topic, r.record.partition) for r in read}))
            fenced = fence([one.record for one in read], positions)
            await self._settle_part(_of(read, fenced.take), tx)
            return await _advance(tx, positions, fenced)

    async def _settle_part(self, read: Sequence[Incoming | Unread], tx: Transaction) -> None:
        messages = [one for one in read if isinstance(one, Incoming)]
        unread = [one for one in read if isinstance(one, Unread)]
        if messages:
            await self._intake(messages, tx)
        if unread:
            await tx.write(await dead_changes(unread, tx))

    async def _settle_alone(self, partition: Partition, record: Record) -> Settled:
        """One record by itself, after noting that it is begun, so that one that kills its process is found."""
        if (passed_over := await self._unless_next(partition, record)) is not None:
            return passed_over
        attempts = await self._begin({partition}, alone=True)
        if attempts[partition] >= DEAD_AT:
            dead = Dead("the process died each time it was at this record", "unexpected", "process")
            read: list[Incoming | Unread] = [unread(record, dead)]
        else:
            read = await self._reading.read([record])
        return await self._settle_carefully(partition, read)

    async def _unless_next(self, partition: Partition, record: Record) -> Settled | None:
        """What becomes of a record that is not next: nothing; it must not count as begun in the next one's stead."""
        async for attempt in _again():
            with attempt:
                async with self._store.transaction() as tx:
                    positions = dict(await tx.lock_positions({partition}))
                    fenced = fence([record], positions)
                    return None if fenced.take else await _advance(tx, positions, fenced)
        raise AssertionError("the loop above returns or raises")

    async def _settle_carefully(self, partition: Partition, read: Sequence[Incoming | Unread]) -> Settled:
        """One partition, by halves: a record that meets an unexpected error becomes a dead letter, alone."""
        async for attempt in _again():
            with attempt:
                async with self._store.transaction() as tx:
                    positions = dict(await tx.lock_positions({partition}))
                    fenced = fence([one.record for one in read], positions)
                    search = _Search(self, tx, partition)
                    await search.settle(_of(read, fenced.take))
                    if search.stop is not None:
                        fenced.take = [r for r in fenced.take if r.offset <= search.last]
                        fenced.stopped[partition] = search.stop
                        await tx.stop_partition(partition, search.stop)
                    return await _advance(tx, positions, fenced)
        raise AssertionError("the loop above returns or raises")


class _Search:
    """Looks for the records of a partition that cannot be settled, by halves in savepoints."""

    def __init__(self, settler: Settler, tx: Transaction, partition: Partition) -> None:
        self._settler = settler
        self._tx = tx
        self._partition = partition
        self.last = -1
        self.stop: str | None = None

    async def settle(self, read: Sequence[Incoming | Unread]) -> None:
        """Settle what can be; stops after the record at which the breaker trips."""
        if not read or self.stop is not None:
            return
        if not _surprising(read):
            try:
                async with self._tx.savepoint():
                    await self._settler._settle_part(_copies(read), self._tx)  # noqa: SLF001  # its own half
            except CasestreamError:
                raise
            except Exception as error:  # noqa: BLE001  # the surprise that is looked for
                if len(read) == 1:
                    await self._bury(read[0], Dead(repr(error)[:500], "unexpected", "settle"))
                    return
            else:
                self.last = read[-1].record.offset
                return
        if len(read) == 1 and isinstance(read[0], Unread):
            await self._bury(read[0], read[0].dead)
            return
        middle = len(read) // 2
        await self.settle(read[:middle])
        await self.settle(read[middle:])

    async def _bury(self, read: Incoming | Unread, dead: Dead) -> None:
        raw = read.raw if isinstance(read, Unread) else read.envelope.raw
        letter = Unread(read.record, read.envelope, raw, dead)
        await self._tx.write(await dead_changes([letter], self._tx))
        self.last = read.record.offset
        _log.error("dead letter", partition=self._partition, offset=self.last, reason=dead.reason, place=dead.place)
        self.stop = breaker_reason(await self._tx.strikes(self._partition, self.last))
        if self.stop is not None:
            _log.critical("partition stopped", partition=self._partition, offset=self.last, reason=self.stop)


def _surprising(read: Sequence[Incoming | Unread]) -> bool:
    """Whether reading any of them met an unexpected error, for which the breaker must be asked."""
    return any(isinstance(one, Unread) and one.dead.kind == "unexpected" for one in read)


def _copies(read: Sequence[Incoming | Unread]) -> list[Incoming | Unread]:
    """The messages for an attempt in a savepoint: one that is undone must leave no decisions behind."""
    return [replace(one) if isinstance(one, Incoming) else one for one in read]


def _of(read: Sequence[Incoming | Unread], taken: Sequence[Record]) -> list[Incoming | Unread]:
    wanted = {(record.topic, record.partition, record.offset) for record in taken}
    return [o for o in read if (o.record.topic, o.record.partition, o.record.offset) in wanted]


async def _advance(tx: Transaction, positions: dict[Partition, Position], fenced: _Fenced) -> Settled:
    settled: dict[Partition, int] = defaultdict(int)
    for record in fenced.take:
        settled[Partition(record.topic, record.partition)] += 1
    moves = {partition: (positions[partition].next + count, count) for partition, count in settled.items()}
    if moves:
        await tx.advance(moves)
    following = {partition: position.next + settled.get(partition, 0) for partition, position in positions.items()}
    return Settled(following, fenced.ahead, fenced.stopped)


def _merged(results: Sequence[Settled]) -> Settled:
    positions: dict[Partition, int] = {}
    ahead: dict[Partition, int] = {}
    stopped: dict[Partition, str] = {}
    for result in results:
        positions |= result.positions
        stopped |= result.stopped
        for partition, offset in result.ahead.items():
            ahead.setdefault(partition, offset)
    return Settled(positions, ahead, stopped)


def _again() -> AsyncIterator[stamina.Attempt]:
    """Tries again while the store is away or asks to; the pauses grow to two seconds."""
    pauses = {"wait_initial": 0.02, "wait_max": 2.0, "wait_jitter": 0.2}
    return stamina.retry_context(on=Retry, attempts=None, timeout=None, **pauses)
