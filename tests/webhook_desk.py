"""Webhooks on a virtual clock: events as if they were published, jobs done in the order of their times."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline import app
from pipeline.agents.rules import compile_rules
from pipeline.agents.subscriptions import Subscriptions
from pipeline.config import Config
from pipeline.dispatch.webhooks.notice import DisabledNotice
from pipeline.dispatch.webhooks.sending import Sender
from pipeline.dispatch.webhooks.way import Webhooks
from pipeline.domain.public_addresses import Networks
from pipeline.events.examples import story
from pipeline.events.schemas import EVENT_TYPES
from pipeline.store.postgres import PostgresStore
from pipeline.store.subscriptions import PostgresSubscriptions
from pipeline.store.webhooks import WebhookQueue

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LOOPBACK = ("127.0.0.0/8",)
SOURCE = "/casestream/desk.example"

_EVENT = "INSERT INTO event (id, key, seq, type, subject, data, at) VALUES (%s, %s, %s, %s, %s, %s, %s)"
_MANY = """
WITH written AS (
    INSERT INTO event (id, key, seq, type, subject, data, at)
    SELECT gen_random_uuid(), '/email/support@desk.example', n, 'dev.casestream.message.recorded.v1', NULL,
        json_build_object('n', n, 'text', repeat('x', %(width)s)), %(at)s
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING id, seq, at
)
INSERT INTO event_position (pos, event_id, at) SELECT seq, id, at FROM written
"""
_NEXT = """
DELETE FROM jobs.procrastinate_jobs WHERE id = (
    SELECT id FROM jobs.procrastinate_jobs WHERE queue_name = 'webhooks' AND status = 'todo'
    ORDER BY coalesce(scheduled_at, '-infinity'), id LIMIT 1)
RETURNING args, scheduled_at
"""


def publish_story(dsn: str) -> list[UUID]:
    """An example of each type, as if the relay had published it; their ids."""
    told = story()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for one in told:
            data = orjson.dumps(one.data).decode()
            connection.execute(_EVENT, (one.id, one.key, one.seq, one.type, one.subject, data, one.at))
            place = (one.position, one.id, one.at)
            connection.execute("INSERT INTO event_position (pos, event_id, at) VALUES (%s, %s, %s)", place)
        connection.execute("UPDATE relay_state SET pos = %s", (told[-1].position,))
    return [one.id for one in told]


def publish_many(dsn: str, first: int, last: int, *, at: datetime = MONDAY, width: int = 500) -> None:
    """Events with these numbers; each has about `width` bytes of text."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_MANY, {"first": first, "last": last, "at": at, "width": width})
        connection.execute("UPDATE relay_state SET pos = %s", (last,))


class WebhookDesk:
    """Subscriptions and dispatch of one database, told the time by the test."""

    def __init__(self, dsn: str, way: Webhooks, subscriptions: Subscriptions) -> None:
        self.dsn = dsn
        self.way = way
        self.subscriptions = subscriptions
        self.now = MONDAY
        self._jobs = psycopg.connect(dsn)

    async def deliver(self, until: datetime | None = None) -> None:
        """Do all that is due until then; without a time, all that is due now."""
        end = until or self.now
        while True:
            while await self.way.look(self.now):
                pass
            job = self._next(end)
            if job is None:
                break
            args, at = job
            self.now = max(self.now, at or self.now)
            await self.way.work(args, self.now)
        self.now = max(self.now, end)

    def _next(self, end: datetime) -> tuple[dict[str, Any], datetime | None] | None:
        with self._jobs.transaction() as undo:
            row = self._jobs.execute(_NEXT.encode()).fetchone()
            if row is not None and row[1] is not None and row[1] > end:
                row = None
                raise psycopg.Rollback(undo)
        self._jobs.commit()
        return (row[0], row[1]) if row is not None else None

    def close(self) -> None:
        """Give the connection back."""
        self._jobs.close()

    def rows(self, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def log(self) -> list[tuple[Any, ...]]:
        """Position, attempt, outcome, status and error of each try, in order."""
        return [*self.rows("SELECT pos, attempt, outcome, status, error FROM delivery ORDER BY at, pos, attempt")]


def _config(dsn: str) -> Config:
    queues = [{"name": "Support", "notify": "lead@desk.example"}, {"name": "Sales", "notify": "sales@desk.example"}]
    desk = {"domain": "desk.example", "secret": "a-secret-of-the-test-desk"}
    return Config.model_validate({"desk": desk, "postgres": {"dsn": dsn}, "queue": queues})


@asynccontextmanager
async def desk_of(dsn: str, *, allowed: Networks = LOOPBACK, **sending: Any) -> AsyncIterator[WebhookDesk]:  # noqa: ANN401  # what a Sender takes
    """A desk whose webhooks may go to this machine."""
    store = PostgresStore(dsn)
    way = Webhooks(
        WebhookQueue(dsn),
        Sender(allowed, **sending),
        DisabledNotice(store, app.build_deliveries(compile_rules(_config(dsn)), store)),
        source=SOURCE,
        types=tuple(EVENT_TYPES),
        random=lambda: 0.5,
    )
    subscriptions = Subscriptions(PostgresSubscriptions(dsn), tuple(EVENT_TYPES), allowed)
    desk = WebhookDesk(dsn, way, subscriptions)
    try:
        yield desk
    finally:
        desk.close()
        await way.close()


DAY = timedelta(days=1)
