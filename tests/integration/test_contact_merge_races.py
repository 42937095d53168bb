"""A message that found its sender before a merge, and a merge that began meanwhile: neither loses the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.rules import compile_rules
from pipeline.config import parse_config
from pipeline.domain.contacts import MergeContacts
from pipeline.domain.orders import Done
from pipeline.store.ledger import PostgresLedger
from pipeline.store.ports import Transaction
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEXT = """
[desk]
secret = "the secret of this desk"
[[mailbox]]
address = "support@desk.example"
"""


class Halting(PostgresStore):
    """A store whose transactions wait before they end, until they may go on."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.decided = asyncio.Event()
        self.goes_on = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:  # type: ignore[override]  # the port, not the class
        async with super().transaction() as tx:
            yield tx
            self.decided.set()
            await self.goes_on.wait()


def a_mail(offset: int, sender: str) -> Record:
    raw = f"From: {sender}\nMessage-ID: <{offset}@x.example>\nTo: support@desk.example\n\nHelp {offset}.\n".encode()
    envelope = Envelope(id=str(offset), channel="email", source="/email/support@desk.example", key="k", time=AT,
                        content_type="message/rfc822", raw=raw)  # fmt: skip
    return Record("inbound.email", 0, offset, b"k", raw, tuple(envelope.headers()))


async def waits_for_a_lock(dsn: str) -> None:
    """Come back once some connection waits for another."""
    waiting = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(waiting)).fetchone()
            if row is not None and row[0]:
                return


async def raced(dsn: str, *, mail_first: bool) -> tuple[list[tuple[str, str]], object]:
    """Whose the cases are at the end, when a mail of Ana's and her merge into Bob overlap, one begun first."""
    config = parse_config(TEXT, {"postgres": {"dsn": dsn}})
    rules = compile_rules(config)
    await PostgresLedger(dsn).assign("test", {Partition("inbound.email", 0): Bounds(0, 100)})
    plain, other, halting = PostgresStore(dsn), PostgresStore(dsn), Halting(dsn)
    await app.build_settler(config, plain)([a_mail(0, "ana@x.example"), a_mail(1, "bob@x.example")])
    settler = app.build_settler(config, halting if mail_first else plain)
    contacts = app.build_contacts(rules, other if mail_first else halting)
    mail = [a_mail(2, "ana@x.example")]
    order, by = MergeContacts("ana@x.example", "bob@x.example"), Deed(AT)
    begun: asyncio.Task[object]
    if mail_first:
        begun = asyncio.create_task(settler(mail))
        await halting.decided.wait()
        following: asyncio.Task[object] = asyncio.create_task(contacts.do(order, by))
    else:
        begun = asyncio.create_task(contacts.do(order, by))
        await halting.decided.wait()
        following = asyncio.create_task(settler(mail))
    await waits_for_a_lock(dsn)
    halting.goes_on.set()
    outcomes = await asyncio.gather(begun, following)
    for store in (plain, other, halting):
        await store.close()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT cases.number::text, contact.name FROM cases JOIN contact ON contact.id = contact_id ORDER BY number"
        ).fetchall()
    return rows, next(one for one in outcomes if isinstance(one, Done))


@pytest.mark.parametrize("mail_first", [True, False])
def test_a_case_of_whoever_is_merged_meanwhile_is_the_survivors(
    new_database: Callable[[], str],
    mail_first: bool,  # noqa: FBT001  # which one is first
) -> None:
    cases, merged = asyncio.run(raced(new_database(), mail_first=mail_first))
    assert cases == [("1001", "bob"), ("1002", "bob"), ("1003", "bob")]
    assert merged == Done(changed=True)
