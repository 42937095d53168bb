"""Procrastinate on the desk's database: fetches jobs, runs them, and finds those whose process died."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.retry import BaseRetryStrategy
from psycopg_pool import AsyncConnectionPool

from pipeline.errors import Retry
from pipeline.store.connection import retryable

HEARTBEAT_S = 1.5
DEAD_AFTER_S = 8.0
"""A process that was not heard of for so long is dead, and others do its jobs."""

POLL_S = 0.5
"""How soon a job is found whose time has come; a new one is found at once."""

STOP_S = 2.0
AWAY_S = 5.0
_CONNECTIONS = 6

_log = structlog.get_logger()

Work = Callable[[Mapping[str, Any], datetime], Awaitable[None]]
"""Does one job, told its arguments and the time; raises Retry to do it again a little later."""


class Jobs:
    """The queues of one process; it lives until PostgreSQL fails it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._failed = asyncio.Event()
        self._app = procrastinate.App(connector=_Connector(self._failed, configure=_in_our_schema))
        self._concurrency: dict[str, int] = {}

    def add(self, queue: str, work: Work, concurrency: int) -> None:
        """Let the jobs of a queue be done by this, so many at a time."""

        async def run(**args: Any) -> None:  # noqa: ANN401  # whatever JSON says
            try:
                await work(args, datetime.now(UTC))
            except Retry as error:
                _log.warning("job is put off", queue=queue, job=args, reason=str(error))
                raise
            except Exception:
                _log.exception("job failed, and is tried again", queue=queue, job=args)
                raise

        self._app.task(name=queue, queue=queue, retry=_Again())(run)
        self._concurrency[queue] = concurrency

    async def run(self) -> None:
        """Do jobs for ever. Raises Retry when PostgreSQL went away: then it is not known how jobs ended."""
        async with self._pool() as pool, self._app.open_async(pool), asyncio.TaskGroup() as group:
            for queue, concurrency in self._concurrency.items():
                group.create_task(self._worker(queue, concurrency))
            group.create_task(self._revive())
            group.create_task(self._watch())

    @asynccontextmanager
    async def _pool(self) -> AsyncIterator[AsyncConnectionPool]:
        pool = AsyncConnectionPool(
            self._dsn, name="jobs", open=False, min_size=2, max_size=_CONNECTIONS, timeout=AWAY_S,
            configure=_in_our_schema, check=AsyncConnectionPool.check_connection,
        )  # fmt: skip
        try:
            async with retryable():
                await pool.open(wait=True, timeout=AWAY_S)
            yield pool
        finally:
            await pool.close()

    async def _worker(self, queue: str, concurrency: int) -> None:
        try:
            await self._app.run_worker_async(
                queues=[queue],
                name=queue,
                concurrency=concurrency,
                fetch_job_polling_interval=POLL_S,
                shutdown_graceful_timeout=STOP_S,
                delete_jobs="successful",
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=DEAD_AFTER_S,
            )
        except ConnectorException as error:
            raise Retry(f"jobs of {queue}: {error.__cause__ or error}") from error
        raise Retry(f"jobs of {queue}: the worker ended")

    async def _revive(self) -> None:
        """Give the jobs of processes that died to those that live."""
        manager = self._app.job_manager
        while True:
            try:
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S):
                    _log.warning("job of a dead process is done again", queue=job.queue, job=job.task_kwargs)
                    await manager.retry_job(job)
            except ConnectorException as error:
                _log.warning("jobs of dead processes wait", reason=str(error.__cause__ or error))
            await asyncio.sleep(HEARTBEAT_S)

    async def _watch(self) -> None:
        await self._failed.wait()
        raise Retry("jobs: PostgreSQL went away while the end of a job was written")


class _Connector(procrastinate.PsycopgConnector):
    """Procrastinate's connector that also tells when the end of a job could not be written.

    The library leaves such a job to a worker that is alive, so that nobody would ever do it again.
    """

    def __init__(self, failed: asyncio.Event, **settings: Any) -> None:  # noqa: ANN401  # the library's own
        super().__init__(**settings)
        self._failed = failed

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:  # noqa: ANN401  # the same
        try:
            await super().execute_query_async(query, **arguments)
        except ConnectorException:
            self._failed.set()
            raise


class _Again(BaseRetryStrategy):
    """What failed unexpectedly is tried again after growing pauses, without end: it is never lost."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate.jobs.Job
    ) -> procrastinate.RetryDecision:
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision(retry_in={"seconds": 0})
        return procrastinate.RetryDecision(retry_in={"seconds": min(2**job.attempts, 300)})


async def _in_our_schema(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("SET search_path = jobs, pg_temp")
    await connection.commit()
