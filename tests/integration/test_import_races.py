"""An import beside messages: what a message makes meanwhile is seen the second time, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from pipeline.domain.importing import Known, Line
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Contact
from pipeline.reference.importing import Importer
from pipeline.store.ports import NewContact
from pipeline.store.postgres import PostgresStore
from pipeline.store.reference import PostgresReference, PostgresReferenceTransaction
from pipeline.store.reference_ports import ReferenceChanges, WantedRecords

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANA = Identity("email", "ana@x.example")


class Interrupted:
    """A store in which a message makes a contact once an import has read what is known."""

    def __init__(self, dsn: str) -> None:
        self._store = PostgresReference(dsn)
        self._intake = PostgresStore(dsn)
        self.made = NewContact(uuid4(), "Ana", ANA, None, NOW)
        self.reads = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Interrupted"]:
        async with self._store.transaction() as tx:
            self._tx: PostgresReferenceTransaction = tx
            yield self

    async def known(self, wanted: WantedRecords) -> Known:
        known = await self._tx.known(wanted)
        self.reads += 1
        if self.reads == 1:
            async with self._intake.transaction() as tx:
                await tx.create_contacts([self.made])
            await self._intake.close()
        return known

    async def write(self, changes: ReferenceChanges, at: datetime) -> None:
        await self._tx.write(changes, at)


def test_a_contact_that_a_message_makes_meanwhile_is_adopted(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    store = Interrupted(dsn)
    line = Line("f", 1, Contact(external_id="c1", known_by=frozenset({"email"}), identities=(ANA,)))
    (decision,) = asyncio.run(Importer(store)([line], at=NOW)).decisions
    assert (decision.outcome, decision.adopts, store.reads) == ("updated", store.made.id, 2)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT id, external_id FROM contact").fetchall() == [(store.made.id, "c1")]


def test_two_imports_of_one_file_at_once_make_everything_once(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    lines = [
        Line("f", n, Contact(external_id=f"c{n}", identities=(Identity("email", f"{n}@x.example"),)))
        for n in range(1, 200)
    ]

    async def both() -> list[str]:
        done = await asyncio.gather(*(Importer(PostgresReference(dsn))(lines, at=NOW) for _ in range(2)))
        return sorted({decision.outcome for imported in done for decision in imported.decisions})

    assert asyncio.run(both()) == ["created", "unchanged"]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM contact").fetchone() == (199,)
