"""What was promised on cases, on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.kpi import Instance, Stretch
from pipeline.store.connection import retryable
from pipeline.store.kpi_ports import PromiseFacts
from pipeline.store.queries import load_queries

_SQL = load_queries("kpi.sql")

_COLUMNS = (
    "id", "case_id", "number", "kpi", "sla", "key", "value", "warn_at", "fail_at", "warned_at", "breached_at",
    "succeeded_at", "ended_at", "ended_by",
)  # fmt: skip
_MICROSECOND = timedelta(microseconds=1)


async def read_promises(
    connection: psycopg.AsyncConnection, cases: Collection[UUID], entitlements: Collection[str]
) -> PromiseFacts:
    """What was promised; asks only what there is something to ask about."""
    instances: dict[UUID, list[Instance]] = defaultdict(list)
    if cases:
        cursor = await connection.execute(_SQL["read_kpis"], {"cases": list(cases)})
        for row in await cursor.fetchall():
            instance = instance_of(row)
            instances[instance.case_id].append(instance)
    slas: Mapping[str, str] = {}
    if entitlements:
        cursor = await connection.execute(_SQL["entitled_slas"], {"entitlements": list(entitlements)})
        slas = dict(await cursor.fetchall())
    return PromiseFacts(instances, slas)


async def write_promises(connection: psycopg.AsyncConnection, instances: Sequence[Instance]) -> None:
    """Write instances that were there before; within a pipeline of the caller's."""
    if known := [instance for instance in instances if not instance.is_new]:
        rows = orjson.dumps([_row(instance) for instance in known]).decode()
        await connection.execute(_SQL["write_kpis"], {"rows": rows})


async def promised_on(dsn: str, number: int) -> tuple[list[Instance], datetime] | None:
    """What was promised on a case, and the time now; None when there is no such case. Raises Retry."""
    async with retryable(), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        rows = await (await connection.execute(_SQL["promised_on"], {"number": number})).fetchall()
    return ([instance_of(row[1:]) for row in rows if row[1] is not None], rows[0][0]) if rows else None


async def look_again(dsn: str, keys: Collection[str]) -> int:
    """Let the timers of promises that are configured otherwise now fire at once; how many. Raises Retry."""
    async with retryable(), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return (await connection.execute(_SQL["look_again"], {"keys": list(keys)})).rowcount


def instance_of(row: tuple[Any, ...]) -> Instance:
    """The instance that a row of `read_kpis` holds."""
    *columns, stretches = row
    instance = Instance(**dict(zip(_COLUMNS, columns, strict=True)), changed=False, is_new=False)
    instance.stretches = [_stretch(*stretch) for stretch in stretches]
    return instance


def _stretch(start: str, end: str | None, kind: Any, cause: str, calendar: str, length: int) -> Stretch:  # noqa: ANN401  # as JSON says it
    closed = datetime.fromisoformat(end) if end else None
    return Stretch(datetime.fromisoformat(start), closed, kind, cause, calendar, length * _MICROSECOND)


def _row(instance: Instance) -> Mapping[str, Any]:
    return {
        **{name: getattr(instance, name) for name in _COLUMNS},
        "state": instance.state,
        "stretches": told_stretches(instance),
    }


def told_stretches(instance: Instance) -> Sequence[tuple[Any, ...]]:
    """The times of an instance as they are stored."""
    return [
        (one.start, one.end, one.kind, one.cause, one.calendar, one.length // _MICROSECOND)
        for one in instance.stretches
    ]
