"""Dead letters as they lie in the database: found, settled after all, or given up."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pipeline.domain.outcomes import Dead
from pipeline.store.connection import connected
from pipeline.store.ports import Changes, Count
from pipeline.store.postgres import PostgresStore, PostgresTransaction
from pipeline.store.queries import load_queries
from pipeline.wire import Record

_SQL = load_queries("dead.sql")

STATES = ("new", "retried", "dropped")


@dataclass(frozen=True, slots=True)
class LetterHead:
    """What is known of a dead letter without its bytes."""

    id: UUID
    state: str
    kind: str
    reason: str
    place: str
    topic: str
    partition: int
    log_offset: int
    source: str
    sender: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and the record that it came from."""

    head: LetterHead
    record: Record


class DeadLetters:
    """Finds dead letters and changes what is said of them; settling one is `LetterStore`'s."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def list(self, states: Collection[str]) -> list[LetterHead]:
        """All letters in these states, oldest first."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["list"], {"states": [*states]})).fetchall()
        return [LetterHead(*row) for row in rows]

    async def find(self, prefix: str) -> UUID:
        """The letter whose id begins so. Raises LookupError when there is none, or more than one."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["find"], {"prefix": prefix.lower()})).fetchall()
        if not rows or not prefix:
            raise LookupError(f"there is no dead letter {prefix}")
        if len(rows) > 1:
            raise LookupError(f"there are several dead letters that begin with {prefix}; write more of it")
        return UUID(str(rows[0][0]))

    async def show(self, letter: UUID) -> Letter:
        """The whole letter. Raises LookupError when it is not there."""
        async with connected(self._dsn) as connection:
            row = await (await connection.execute(_SQL["show"], {"id": letter})).fetchone()
        return _letter(row, letter)

    async def drop(self, letter: UUID) -> bool:
        """Give a letter up; it stays counted as dead. False when it was settled already."""
        async with connected(self._dsn) as connection:
            return (await (await connection.execute(_SQL["drop"], {"id": letter})).fetchone()) is not None

    async def failed_again(self, letter: UUID, dead: Dead) -> None:
        """Keep why a letter could not be settled this time."""
        values = {"id": letter, "kind": dead.kind, "reason": dead.reason.replace("\0", " ")[:2000], "place": dead.place}
        async with connected(self._dsn) as connection:
            await connection.execute(_SQL["failed_again"], values)


class LetterTransaction(PostgresTransaction):
    """A transaction of intake for one message that was counted before, as dead."""

    async def lock_letter(self, letter: UUID) -> Letter:
        """The letter, locked until the end. Raises LookupError when it is not there."""
        row = await (await self._connection.execute(_SQL["lock"], {"id": letter})).fetchone()
        return _letter(row, letter)

    async def write(self, changes: Changes) -> None:
        """Write what the message changes; its outcome moves within its hour, and it is not received again."""
        await super().write(replace(changes, counts=[_moved(count) for count in changes.counts]))

    async def mark_retried(self, letter: UUID) -> None:
        """Note that the letter was settled after all."""
        await self._connection.execute(_SQL["retried"], {"id": letter})


class LetterStore:
    """Opens transactions that settle a dead letter."""

    def __init__(self, dsn: str) -> None:
        self._store = PostgresStore(dsn)

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[LetterTransaction]:
        """A transaction that commits at the end of the block, as intake's does."""
        async with self._store.transaction() as tx:
            yield LetterTransaction(tx._connection)  # noqa: SLF001  # the same transaction, with more to say


def _moved(count: Count) -> Count:
    dead = count.outcomes.get("dead", 0) - sum(count.outcomes.values())
    return replace(count, received=0, outcomes={**count.outcomes, "dead": dead})


def _letter(row: tuple[object, ...] | None, wanted: UUID) -> Letter:
    if row is None:
        raise LookupError(f"there is no dead letter {wanted}")
    *known, key, headers, raw = row
    head = LetterHead(*known)  # type: ignore[arg-type]  # the columns of the statement, in its order
    pairs = tuple((name, value.encode()) for name, value in headers)  # type: ignore[attr-defined]  # JSON pairs
    record = Record(
        head.topic,
        head.partition,
        head.log_offset,
        key if isinstance(key, bytes) else None,
        raw if isinstance(raw, bytes) else None,
        pairs,
    )
    return Letter(head, record)
