"""The queue of what leaves the desk, as those use it who put jobs into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
import psycopg

from pipeline.store.queries import load_queries

_SQL = load_queries("jobs.sql")


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do for one way out: for its `queue`, with `args` as JSON can say them, not before `at`.

    Of several with the same `lock` one is done at a time, in the order in which they were queued, about two a second.
    """

    queue: str
    args: Mapping[str, object]
    at: datetime | None = None
    lock: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many jobs of a queue are due or being done, and since when the oldest of them is due."""

    waiting: int
    since: datetime


async def defer(connection: psycopg.AsyncConnection, jobs: Sequence[Job]) -> None:
    """Queue jobs in the transaction of this connection: they are there if, and when, it commits."""
    if not jobs:
        return
    values = {
        "queues": [job.queue for job in jobs],
        "locks": [job.lock for job in jobs],
        "args": [orjson.dumps(job.args).decode() for job in jobs],
        "ats": [job.at for job in jobs],
    }
    await connection.execute(_SQL["defer"], values)


async def standing(connection: psycopg.AsyncConnection, now: datetime) -> Mapping[str, Standing]:
    """How the jobs of each queue stand; a queue without jobs is left out."""
    rows = await (await connection.execute(_SQL["standing"], {"now": now})).fetchall()
    return {queue: Standing(count, since) for queue, count, since in rows}
