"""The queue of what leaves: jobs come with the transaction that queues them, and outlive the process that does them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from pipeline.departures import Departures
from pipeline.dispatch.dispatch import Dispatch
from pipeline.errors import Retry
from pipeline.store.connection import connected
from pipeline.store.jobs import Job, defer, standing

pytestmark = pytest.mark.integration


class Parcels:
    """A way out that notes what it did."""

    name = "mail"
    concurrency = 4

    def __init__(self, failing: int = 0) -> None:
        self.departures = Departures()
        self.done: asyncio.Queue[object] = asyncio.Queue()
        self.failing = failing

    async def look(self, now: datetime) -> bool:
        """Nothing waits but what the tests queue."""
        assert now.tzinfo is not None
        return False

    async def work(self, args: Mapping[str, Any], now: datetime) -> None:
        """Note it, unless it is still to fail."""
        assert now.tzinfo is not None
        if self.failing:
            self.failing -= 1
            raise Retry("the carrier is late")
        await self.done.put(args["parcel"])

    async def close(self) -> None:
        """Nothing is open."""


class Unwell(Parcels):
    """A way out that fails as nobody foresaw, once."""

    name = "webhooks"

    async def look(self, now: datetime) -> bool:
        """Fail the first time; tell of the second."""
        if not self.departures.failed:
            raise ZeroDivisionError
        await self.done.put(now)
        return False


def during(dsn: str, way: Parcels, story: Callable[[], Awaitable[None]], *others: Parcels) -> None:
    """Tell the story while dispatch runs; it must not end meanwhile."""

    async def told() -> None:
        dispatch = asyncio.create_task(Dispatch(dsn, [way, *others], lambda: None).run())
        telling = asyncio.ensure_future(story())
        await asyncio.wait({dispatch, telling}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        for task in (dispatch, telling):
            if not task.done():
                task.cancel()
        failed, _ = await asyncio.gather(dispatch, telling, return_exceptions=True)
        assert isinstance(failed, asyncio.CancelledError), failed
        telling.result()

    asyncio.run(told())


def test_what_nobody_foresaw_in_one_way_is_counted_and_ends_no_other(migrated: str) -> None:
    way, unwell = Parcels(), Unwell()

    async def story() -> None:
        await unwell.done.get()
        async with connected(migrated) as connection:
            await defer(connection, [Job("mail", {"parcel": 1})])
        assert await way.done.get() == 1
        assert unwell.departures.failed == {"unexpected": 1}

    during(migrated, way, story, unwell)


def test_jobs_come_if_their_transaction_commits(migrated: str) -> None:
    way = Parcels()

    async def story() -> None:
        async with connected(migrated) as connection:
            await defer(connection, [Job("mail", {"parcel": "never"})])
            await connection.rollback()
        async with connected(migrated) as connection:
            await defer(connection, [Job("mail", {"parcel": number}) for number in (1, 2, 3)])
        assert sorted([await way.done.get() for _ in range(3)]) == [1, 2, 3]
        assert way.done.empty()

    during(migrated, way, story)


def test_a_job_that_must_wait_comes_again(migrated: str) -> None:
    way = Parcels(failing=2)

    async def story() -> None:
        async with connected(migrated) as connection:
            await defer(connection, [Job("mail", {"parcel": "late"})])
        assert await way.done.get() == "late"
        assert way.failing == 0

    during(migrated, way, story)


def test_jobs_with_one_lock_keep_their_order(migrated: str) -> None:
    way = Parcels()

    async def story() -> None:
        async with connected(migrated) as connection:
            await defer(connection, [Job("mail", {"parcel": number}, lock="one") for number in range(5)])
        assert [await way.done.get() for _ in range(5)] == list(range(5))

    during(migrated, way, story)


def test_a_job_is_not_done_before_its_time(migrated: str) -> None:
    way = Parcels()

    async def story() -> None:
        now = datetime.now(UTC)
        async with connected(migrated) as connection:
            later = Job("mail", {"parcel": "later"}, at=now + timedelta(seconds=1))
            await defer(connection, [later, Job("mail", {"parcel": "at once"})])
        assert await way.done.get() == "at once"
        assert await way.done.get() == "later"
        assert datetime.now(UTC) >= now + timedelta(seconds=1)

    during(migrated, way, story)


def test_the_job_of_a_dead_process_is_done_by_another(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("SET search_path = jobs")
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)"
            """ SELECT 'mail', 'mail', '{"parcel": "inherited"}', 'doing', id FROM procrastinate_workers"""
        )
    way = Parcels()

    async def story() -> None:
        assert await way.done.get() == "inherited"

    during(migrated, way, story)


def test_how_many_wait_is_counted_by_queue(migrated: str) -> None:
    async def story() -> None:
        now = datetime.now(UTC)
        async with connected(migrated) as connection:
            await defer(
                connection,
                [
                    Job("mail", {}),
                    Job("mail", {}, at=now - timedelta(minutes=5)),
                    Job("mail", {}, at=now + timedelta(minutes=5)),
                    Job("webhooks", {}),
                ],
            )
            found = await standing(connection, now)
        assert {queue: one.waiting for queue, one in found.items()} == {"mail": 2, "webhooks": 1}
        assert found["mail"].since == now - timedelta(minutes=5)

    asyncio.run(story())


def test_the_process_ends_when_postgresql_goes(postgres_server: Any, migrated: str) -> None:  # noqa: ANN401  # fixture
    async def story() -> None:
        ready = asyncio.Event()
        task = asyncio.create_task(Dispatch(migrated, [Parcels()], ready.set).run())
        await ready.wait()
        await asyncio.to_thread(postgres_server.kill)
        with pytest.raises(Retry):
            await asyncio.wait_for(task, 30)

    asyncio.run(story())


_FUNCTIONS = """
    SELECT proname || pg_get_function_identity_arguments(pg_proc.oid), md5(prosrc) FROM pg_proc
    WHERE pronamespace = %s::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
"""
_COLUMNS = """
    SELECT relname || '.' || attname, format_type(atttypid, atttypmod)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = %s::regnamespace AND attnum > 0 AND NOT attisdropped
"""


def test_the_queue_is_the_one_that_the_library_knows(postgres: str, migrated: str) -> None:
    def known(dsn: str, schema: str) -> list[Any]:
        with psycopg.connect(dsn, options=f"-c search_path={schema}") as connection:
            found = [sorted(connection.execute(query, (schema,)).fetchall()) for query in (_FUNCTIONS, _COLUMNS)]
        return [[(name, told.replace(f"{schema}.", "")) for name, told in rows] for rows in found]

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute((files("procrastinate") / "sql" / "schema.sql").read_text("utf-8").encode())

    def bare(rows: list[Any]) -> list[Any]:
        return [(name.replace("jobs.", "").replace("public.", ""), told) for name, told in rows]

    ours, theirs = known(migrated, "jobs"), known(postgres, "public")
    assert [bare(rows) for rows in ours] == [bare(rows) for rows in theirs], "procrastinate needs a migration here"
