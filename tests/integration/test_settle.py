"""Exactly once, on a real PostgreSQL: fences, poison, the breaker, lost connections, two settlers at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from desk import Desk, close

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.reading.record import Reader
from pipeline.agents.settle import Settler
from pipeline.errors import Stop
from pipeline.store.ledger import PartitionRow, PostgresLedger
from pipeline.store.ports import Settled, Transaction
from pipeline.store.postgres import PostgresTransaction
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

P0, P1 = Partition("inbound.email", 0), Partition("inbound.email", 1)


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    """A desk whose two partitions are assigned, with nothing settled."""
    desk = Desk(tmp_path, migrated)
    bounds = {P0: Bounds(0, 10_000), P1: Bounds(0, 10_000)}
    asyncio.run(PostgresLedger(migrated).assign("test", bounds))
    return desk


class Step:
    """A step of a test's own, which does something for each message."""

    def __init__(self, doing: Callable[[Incoming, Transaction], Awaitable[None]]) -> None:
        self._doing = doing

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        for message in batch.messages:
            await self._doing(message, tx)


async def _raise_for_poison(message: Incoming, tx: Transaction) -> None:  # noqa: ARG001  # every step has this form
    if "poison" in message.text:
        raise ZeroDivisionError(message.source_id)


POISON = Step(_raise_for_poison)


def settle(settler: Settler, *batches: Sequence[Record]) -> Settled:
    """Settle batch after batch, as one process; what became of the last."""

    async def scenario() -> Settled:
        try:
            return [await settler(batch) for batch in batches][-1]
        finally:
            await close(settler)

    return asyncio.run(scenario())


def at_once(*jobs: tuple[Settler, Sequence[Sequence[Record]]]) -> None:
    """Several settlers, each with its own batches, all at the same time."""

    async def one(settler: Settler, batches: Sequence[Sequence[Record]]) -> None:
        for batch in batches:
            await settler(batch)
        await close(settler)

    async def scenario() -> None:
        await asyncio.gather(*(one(settler, batches) for settler, batches in jobs))

    asyncio.run(scenario())


def ask(desk: Desk, statement: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(desk.dsn) as connection:
        return connection.execute(statement).fetchall()


def row(desk: Desk, partition: int = 0) -> PartitionRow:
    """The ledger's row; both sums hold whenever a test looks."""
    ledger = PostgresLedger(desk.dsn)
    rows = asyncio.run(ledger.partitions())
    assert all(one.balanced for one in rows)
    assert all(total.balanced for total in asyncio.run(ledger.totals()))
    return next(one for one in rows if one.partition == partition)


def outcomes(desk: Desk) -> dict[str, int]:
    total = asyncio.run(PostgresLedger(desk.dsn).totals())
    names = ("received", "opened", "appended", "duplicate", "dead")
    return {name: count for name in names if (count := sum(getattr(one, name) for one in total))}


def mails(desk: Desk, first: int, count: int, **more: str) -> list[Record]:
    return [desk.mail(n, f"m{n}", **more) for n in range(first, first + count)]  # type: ignore[arg-type]  # texts only


def poisoned(desk: Desk, offset: int, sender: int = 0) -> Record:
    return desk.mail(offset, f"p{offset}", sender=f"c{sender}@client.example", text="poison")


def test_what_was_settled_before_is_skipped(desk: Desk) -> None:
    settle(desk.settler(), mails(desk, 0, 3))
    assert settle(desk.settler(), mails(desk, 1, 3)).positions == {P0: 4}
    assert outcomes(desk) == {"received": 4, "opened": 4}
    assert row(desk).settled == 4


def test_what_lies_ahead_is_reported_and_left(desk: Desk) -> None:
    settled = settle(desk.settler(), [*mails(desk, 0, 2), *mails(desk, 5, 2)])
    assert (settled.positions, settled.ahead) == ({P0: 2}, {P0: 5})
    assert outcomes(desk) == {"received": 2, "opened": 2}


def test_a_stopped_partition_takes_nothing_and_the_other_goes_on(desk: Desk) -> None:
    with psycopg.connect(desk.dsn, autocommit=True) as connection:
        connection.execute("UPDATE offset_ledger SET stopped_reason = 'a bug' WHERE partition = 0")
    settled = settle(desk.settler(), [*mails(desk, 0, 2), desk.mail(0, "other", partition=1)])
    assert (settled.positions, settled.stopped) == ({P0: 0, P1: 1}, {P0: "a bug"})
    assert outcomes(desk) == {"received": 1, "opened": 1}


def test_poison_that_a_statement_meets_is_found_and_buried_alone(desk: Desk) -> None:
    with psycopg.connect(desk.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE activity ADD CONSTRAINT a_bug CHECK (body !~ 'poison')")
    batch = mails(desk, 0, 500)
    batch[321] = poisoned(desk, 321)
    assert settle(desk.settler(), batch).positions == {P0: 500}
    assert outcomes(desk) == {"received": 500, "opened": 499, "dead": 1}
    ((offset, kind, place, reason),) = ask(desk, "SELECT log_offset, kind, place, reason FROM dead_letter")
    assert (offset, kind, place) == (321, "unexpected", "settle")
    assert "a_bug" in str(reason)
    assert row(desk).settled == 500


def test_poison_that_a_step_meets_is_buried_alone_too(desk: Desk) -> None:
    batch = mails(desk, 0, 20)
    batch[0], batch[19] = poisoned(desk, 0), poisoned(desk, 19)
    settle(desk.settler(POISON), batch)
    assert outcomes(desk) == {"received": 20, "opened": 18, "dead": 2}


class Fragile(Reader):
    """A reader with a bug."""

    def _parsed(self, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return super()._parsed(record, envelope, raw)


def test_a_parser_that_raises_is_unexpected(desk: Desk) -> None:
    settler = desk.settler(reader=Fragile)
    settle(settler, [desk.mail(0, "a"), poisoned(desk, 1), desk.mail(2, "b")])
    assert outcomes(desk) == {"received": 3, "opened": 2, "dead": 1}
    assert ask(desk, "SELECT log_offset, kind, place FROM dead_letter") == [(1, "unexpected", "parse email")]


def unreadable(desk: Desk, offset: int) -> Record:
    """A mail whose bytes are gone, from a sender of its own."""
    mail = desk.mail(offset, f"u{offset}", sender=f"c{offset}@client.example")
    return Record(mail.topic, 0, offset, mail.key, b"", (*mail.headers, ("ce_dataref", b"0" * 64)))


def test_unreadable_records_never_stop_a_partition(desk: Desk) -> None:
    settled = settle(desk.settler(), [unreadable(desk, n) for n in range(60)])
    assert (settled.positions, settled.stopped) == ({P0: 60}, {})
    assert ask(desk, "SELECT DISTINCT kind, place FROM dead_letter") == [("unreadable", "read")]
    settled = settle(desk.settler(POISON), [poisoned(desk, 60 + n, n) for n in range(19)])
    assert settled.stopped == {}


def test_twenty_in_a_row_from_three_senders_stop_the_partition_until_a_person_resumes_it(desk: Desk) -> None:
    batch = [poisoned(desk, n, n % 3) for n in range(25)]
    settled = settle(desk.settler(POISON), batch)
    assert settled.positions == {P0: 20}
    assert "20 records in a row" in settled.stopped[P0]
    assert outcomes(desk) == {"received": 20, "dead": 20}
    settled = settle(desk.settler(POISON), batch[20:])
    assert (settled.positions, list(settled.stopped)) == ({P0: 20}, [P0])
    assert outcomes(desk) == {"received": 20, "dead": 20}, "a new process keeps to it, nothing more is dead"
    assert desk.casestream("partition", "resume", "inbound.email/0").returncode == 0
    settled = settle(desk.settler(), batch[20:])
    assert (settled.positions, settled.stopped) == ({P0: 25}, {})
    assert outcomes(desk) == {"received": 25, "opened": 5, "dead": 20}
    assert row(desk).settled == 25


def test_after_it_was_resumed_the_errors_count_anew(desk: Desk) -> None:
    settle(desk.settler(POISON), [poisoned(desk, n, n % 3) for n in range(25)])
    desk.casestream("partition", "resume", "inbound.email/0")
    batch = [poisoned(desk, 20 + n, n % 3) for n in range(25)]
    assert settle(desk.settler(POISON), batch[:19]).stopped == {}
    settled = settle(desk.settler(POISON), batch[19:])
    assert (settled.positions, list(settled.stopped)) == ({P0: 40}, [P0])


def test_one_sender_alone_never_stops_it(desk: Desk) -> None:
    settled = settle(desk.settler(POISON), [poisoned(desk, n) for n in range(60)])
    assert (settled.positions, settled.stopped) == ({P0: 60}, {})
    assert outcomes(desk) == {"received": 60, "dead": 60}


def test_one_in_twenty_of_the_last_thousand_stops_it(desk: Desk) -> None:
    batch = mails(desk, 0, 1000)
    for number, offset in enumerate(range(0, 1000, 20)):
        batch[offset] = poisoned(desk, offset, number)
    settled = settle(desk.settler(POISON), batch[:500], batch[500:])
    assert settled.positions == {P0: 981}
    assert settled.stopped == {P0: "50 of the last 1,000 records met an unexpected error"}
    assert outcomes(desk) == {"received": 981, "opened": 931, "dead": 50}
    assert row(desk).settled == 981


class Killed(BaseException):
    """As if the process were gone."""


async def _kill_at_poison(message: Incoming, tx: Transaction) -> None:  # noqa: ARG001  # every step has this form
    if "poison" in message.text:
        raise Killed


def test_a_record_that_kills_its_process_is_found_and_buried(desk: Desk) -> None:
    batch = mails(desk, 0, 10)
    batch[6] = poisoned(desk, 6)
    lives = 0
    while row(desk).next < 10:
        lives += 1
        assert lives <= 20, "it is never found"
        with suppress(Killed):
            settle(desk.settler(Step(_kill_at_poison)), batch)
    assert outcomes(desk) == {"received": 10, "opened": 9, "dead": 1}
    ((offset, place),) = ask(desk, "SELECT log_offset, place FROM dead_letter")
    assert (offset, place) == (6, "process")
    assert row(desk).attempts == 0


def test_a_stale_copy_is_not_counted_as_begun_in_the_next_ones_stead(desk: Desk) -> None:
    settle(desk.settler(), mails(desk, 0, 9))
    with psycopg.connect(desk.dsn, autocommit=True) as connection:
        connection.execute("UPDATE offset_ledger SET attempts = 3")
    assert settle(desk.settler(), mails(desk, 0, 10)).positions == {P0: 10}
    assert outcomes(desk) == {"received": 10, "opened": 10}


def test_processes_that_die_for_other_reasons_bury_nothing(desk: Desk) -> None:
    for _ in range(4):
        with suppress(Killed):
            settle(desk.settler(Step(_kill_at_poison)), [*mails(desk, 0, 2), poisoned(desk, 2)])
    settle(desk.settler(), [*mails(desk, 0, 2), poisoned(desk, 2), *mails(desk, 3, 2)])
    assert outcomes(desk) == {"received": 5, "opened": 5}


def once(doing: Callable[[Transaction], Awaitable[None]]) -> Step:
    """A step that does it at the first message it sees, and never again."""
    done: list[bool] = []

    async def at_first(message: Incoming, tx: Transaction) -> None:  # noqa: ARG001  # every step has this form
        if not done:
            done.append(True)
            await doing(tx)

    return Step(at_first)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.SerializationFailure,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.UniqueViolation,
        psycopg.errors.AdminShutdown,
    ],
)
def test_what_may_work_later_is_tried_again_and_settled_once(desk: Desk, error: type[psycopg.Error]) -> None:
    async def fail(tx: Transaction) -> None:  # noqa: ARG001  # every step has this form
        raise error("try again")

    assert settle(desk.settler(once(fail)), mails(desk, 0, 5)).positions == {P0: 5}
    assert outcomes(desk) == {"received": 5, "opened": 5}


def test_a_connection_that_is_cut_in_mid_batch_is_made_anew(desk: Desk) -> None:
    async def cut(tx: Transaction) -> None:
        assert isinstance(tx, PostgresTransaction)
        pid = tx._connection.info.backend_pid
        async with await psycopg.AsyncConnection.connect(desk.dsn, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    assert settle(desk.settler(once(cut)), mails(desk, 0, 5)).positions == {P0: 5}
    assert outcomes(desk) == {"received": 5, "opened": 5}
    assert row(desk).settled == 5


def test_what_asks_for_a_person_comes_out_as_it_is(desk: Desk) -> None:
    async def stop(tx: Transaction) -> None:  # noqa: ARG001  # every step has this form
        raise Stop("a person must look")

    with pytest.raises(Stop, match="a person"):
        settle(desk.settler(once(stop)), mails(desk, 0, 2))
    assert outcomes(desk) == {}


def test_two_settlers_at_the_same_records_settle_each_once(desk: Desk) -> None:
    batches = [mails(desk, n, 50) for n in range(0, 500, 50)]
    at_once((desk.settler(), batches), (desk.settler(), batches))
    assert outcomes(desk) == {"received": 500, "opened": 500}
    assert row(desk).settled == 500


def test_a_conversation_that_two_settlers_meet_at_once_is_one_case(desk: Desk) -> None:
    roots = [desk.mail(n, f"root{n}") for n in range(200)]
    order = list(reversed(range(200)))
    answers = [desk.mail(i, f"answer{n}", answers=f"root{n}", partition=1) for i, n in enumerate(order)]
    at_once(
        (desk.settler(), [roots[n : n + 20] for n in range(0, 200, 20)]),
        (desk.settler(), [answers[n : n + 20] for n in range(0, 200, 20)]),
    )
    assert outcomes(desk) == {"received": 400, "opened": 200, "appended": 200}
    assert ask(
        desk, "SELECT count(*), min(n), max(n) FROM (SELECT count(*) AS n FROM message GROUP BY case_id) AS c"
    ) == [(200, 2, 2)]


def test_the_same_mail_on_two_partitions_at_once_is_one_message(desk: Desk) -> None:
    one = [desk.mail(n, f"m{n}") for n in range(100)]
    other = [desk.mail(n, f"m{99 - n}", partition=1) for n in range(100)]
    at_once((desk.settler(), [one]), (desk.settler(), [other]))
    assert outcomes(desk) == {"received": 200, "opened": 100, "duplicate": 100}
    assert ask(desk, "SELECT count(*) FROM activity") == [(100,)]


def test_another_text_under_the_same_name_is_kept(desk: Desk) -> None:
    settle(desk.settler(), [desk.mail(0, "m", text="The first."), desk.mail(1, "m", text="Another one.")])
    settle(desk.settler(), [desk.mail(2, "m", text="Another one."), desk.mail(3, "m", text="A third.")])
    assert outcomes(desk) == {"received": 4, "opened": 1, "appended": 2, "duplicate": 1}
    assert ask(desk, "SELECT flags FROM message WHERE outcome <> 'duplicate' ORDER BY log_offset") == [
        ([],),
        (["variant"],),
        (["variant"],),
    ]
    assert ask(desk, "SELECT trim(body, chr(10)) FROM activity ORDER BY 1") == [
        ("A third.",),
        ("Another one.",),
        ("The first.",),
    ]


def test_the_same_mail_to_two_mailboxes_is_one_message(desk: Desk) -> None:
    one = desk.mail(0, "m", to="support@desk.example")
    other = desk.mail(1, "m", to="sales@desk.example")
    settle(desk.settler(), [one], [other])
    assert outcomes(desk) == {"received": 2, "opened": 1, "duplicate": 1}
