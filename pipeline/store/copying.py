"""Writes new rows by COPY, at half of what an INSERT of the same rows takes.

A table's columns stand in the `.sql` files, in the order in which the fields are named here.
"""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import orjson
import psycopg

from pipeline.domain.cases import Case
from pipeline.domain.kpi import Instance
from pipeline.domain.timers import Timer
from pipeline.store.adapting import text_array
from pipeline.store.kpi import told_stretches
from pipeline.store.ports import Changes, NewEvent, NewMessage
from pipeline.store.queries import load_queries

_SQL = load_queries("copying.sql")

Row = Sequence[Any]


async def copy_new(connection: psycopg.AsyncConnection, changes: Changes) -> None:
    """Write all rows that nothing can be in the way of; what is left is to be written otherwise."""
    opened = {case.id for case in changes.opened}
    for name, rows in (
        ("cases", map(_case, changes.opened)),
        ("participants", (one for one in changes.participants if one[0] in opened)),
        ("activities", map(_ACTIVITY, changes.activities)),
        ("messages", map(_message, changes.messages)),
        ("events", map(_event, changes.events)),
        ("outbox", map(_OUTGOING, changes.events)),
        ("whys", map(_WHY, changes.whys)),
        ("kpis", (_kpi(one) for one in changes.kpis if one.is_new)),
        ("timers", (_timer(one) for one in changes.timed.values() if one is not None and one.is_new)),
    ):
        await _copy(connection, name, [*rows])
    await _copy(connection, "raws", changes.raws, ("uuid", "bytea"))


async def _copy(
    connection: psycopg.AsyncConnection, name: str, rows: Collection[Row], types: Sequence[str] = ()
) -> None:
    if not rows:
        return
    async with connection.cursor() as cursor, cursor.copy(_SQL[name]) as copy:
        if types:
            copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


def _case(case: Case) -> Row:
    return (
        *_CASE(case),
        case.owner and case.owner.id,
        case.contact and case.contact.id,
        case.account and case.account.id,
        text_array(case.flags),
        _json(case.only_answer),
        _json(case.fields),
    )


def _message(message: NewMessage) -> Row:
    return *_MESSAGE(message), text_array(message.flags), text_array(message.defects), _json(message.facts)


def _event(event: NewEvent) -> Row:
    return *_EVENT(event), _json(event.data)


def _kpi(instance: Instance) -> Row:
    return *_KPI(instance), _json(told_stretches(instance))


def _timer(timer: Timer) -> Row:
    return *_TIMER(timer), _json(timer.data)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


_CASE = attrgetter(
    "id", "number", "title", "state", "status", "priority", "origin", "queue", "opened_at", "resolved_at",
    "follow_up_of", "linked_to", "merged_into", "revision", "event_seq", "device", "product", "severity", "type",
    "entitlement", "sla", "first_response_at", "waiting_since", "until", "escalated", "parent", "decrement", "sla_by",
    "description",
)  # fmt: skip
_ACTIVITY = attrgetter(
    "id", "case_id", "kind", "direction", "state", "subject", "body", "sender", "contact_id", "at", "agent", "recipient"
)
_MESSAGE = attrgetter(
    "id", "channel", "source", "source_id", "dedupe_key", "outcome", "reason", "matched_by", "case_id", "contact_id",
    "activity_id", "received_at", "body", "content_type", "topic", "partition", "log_offset", "dataref", "account_id",
    "customer_by",
)  # fmt: skip
_EVENT = attrgetter("id", "key", "seq", "type", "subject", "at")
_OUTGOING = attrgetter("id", "at")
_WHY = attrgetter("case_id", "at", "part", "says")
_KPI = attrgetter(
    "id", "case_id", "number", "kpi", "sla", "key", "state", "value", "warn_at", "fail_at", "warned_at", "breached_at",
    "succeeded_at", "ended_at", "ended_by",
)  # fmt: skip
_TIMER = attrgetter("kind", "key", "at", "at", "case_id", "waits_for")
